// A message that was found before, looked at again in place.
#include "libmail/store/mbox/read_again.h"

#include <gtest/gtest.h>

#include "tests/store/disk_fixture.h"

namespace mail::store::mbox {
namespace {

constexpr std::string_view kFrom = "From ann@example.org Thu Nov 26 10:00:00 2026";

class ReadAgain : public testing::Test {
 protected:
  FileDescriptor file(const std::string& octets) {
    const std::string path = fixture_.home() + "/one";
    spill(path, octets);
    return sys::open(path, O_RDONLY).value();
  }
  Found find(const std::string& octets) {
    const Scan found = scan(file(octets), 0, octets.size(), {}).value();
    EXPECT_EQ(found.messages.size(), 1U);
    return found.messages.at(0);
  }
  // Of the octets in memory and in a file, which are the same.
  std::optional<std::uint64_t> again(const std::string& octets, const Found& found) {
    const Place place = place_of(found);
    const auto fd = file(octets);
    const auto there = read_again(fd, place, {}).value();
    const auto ahead = read_again(fd, place, octets).value();
    EXPECT_EQ(there.has_value(), ahead.has_value()) << octets;
    if (!there || !ahead) return std::nullopt;
    EXPECT_EQ(there->fingerprint, ahead->fingerprint) << octets;
    return there->fingerprint;
  }
  // As what finds them in the message's content.
  void expect_bookkeeping(const std::string& octets, const Found& found) {
    std::string content = octets.substr(found.content, found.end - found.content);
    if (found.lacks_line_end) content += '\n';
    StringReader reader{content};
    const auto expected = find_bookkeeping_fields(reader).value();
    const auto told = read_again(file(octets), place_of(found), {}).value()->bookkeeping;
    ASSERT_EQ(told.size(), expected.size()) << octets;
    for (std::size_t i = 0; i < told.size(); ++i) {
      EXPECT_EQ(told[i].begin, expected[i].begin) << octets;
      EXPECT_EQ(told[i].end, expected[i].end) << octets;
    }
  }

  MboxFixture fixture_;
};

TEST_F(ReadAgain, WhateverEndsTheFromLine) {
  for (const std::string_view rest : {"", "\n", "\r\n", "\r\r\n", "\nA: b", "\r\nA: b\n\nc"}) {
    const std::string octets = std::string(kFrom) + std::string(rest);
    const Found found = find(octets);
    EXPECT_EQ(again(octets, found), found.fingerprint) << rest;
  }
}

TEST_F(ReadAgain, EachOctetCounts) {
  for (const std::string end : {"\n", "\r\n"}) {
    const std::string hidden = "X-UID: 7" + end + "\t8" + end + "Lines: 2" + end;
    for (const std::string& content :
         {"Subject: s" + end + hidden + "To: x" + end + end + "body" + end + end + "more" + end,
          hidden + "A: b" + end + end + "x", "A: b" + end + hidden, "A: b" + end + end,
          end + "body" + end, "A: b" + end + hidden + end + end + end}) {
      const std::string octets = std::string(kFrom) + end + content + end;
      const Found found = find(octets);
      EXPECT_EQ(again(octets, found), found.fingerprint) << content;
      expect_bookkeeping(octets, found);
      for (std::size_t at = 0; at < octets.size(); ++at) {
        if (at >= kFrom.size() && at < found.content) continue;  // whichever line end
        std::string altered = octets;
        altered[at] = altered[at] == 'z' ? 'y' : 'z';
        // What is left out may have other values, but not other names.
        const auto begin = octets.find(hidden);
        const bool is_value = begin != std::string::npos && at > begin &&
                              at < begin + hidden.size() - 1 &&
                              std::string_view(" 278\r\n").find(octets[at]) != std::string::npos;
        EXPECT_EQ(again(altered, found) == found.fingerprint, is_value) << content << at;
      }
      // The header section ends before, or the content does.
      if (const auto to = octets.find("To: x"); to != std::string::npos) {
        std::string altered = octets;
        altered.replace(to, 5 + end.size(), end + std::string(5, 'x'));
        EXPECT_NE(again(altered, found), found.fingerprint);
      }
    }
  }
}

// Read in pieces.
TEST_F(ReadAgain, Large) {
  const auto lines = [](std::size_t octets) {
    std::string text;
    while (text.size() < octets) text += "line " + std::to_string(text.size()) + '\n';
    return text;
  };
  for (const std::size_t in_header : {10UL, 65'400UL, 65'500UL, 65'530UL, 200'000UL}) {
    std::string header = "X-UID: 7\nStatus: RO\n\tmore\nSubject: s\nA:";
    for (const char c : lines(in_header)) header += c == '\n' ? std::string("\n ") : std::string{c};
    header += "b\n";
    for (const std::string end : {"\n\n", "\n", ""}) {
      const std::string octets =
          std::string(kFrom) + "\n" + header + "\n" + lines(150'000) + "x" + end;
      const Found found = find(octets);
      EXPECT_EQ(again(octets, found), found.fingerprint) << in_header;
      if (found.header_end < 65'000) expect_bookkeeping(octets, found);
      for (std::size_t at = found.content + 27; at < octets.size(); at += 19'997) {
        std::string altered = octets;
        altered[at] = altered[at] == 'z' ? 'y' : 'z';
        EXPECT_NE(again(altered, found), found.fingerprint) << in_header << ' ' << at;
      }
    }
  }
}

// Its end, or all of it, is not there any more.
TEST_F(ReadAgain, Shortened) {
  const std::string octets =
      std::string(kFrom) + "\nX-UID: 7\nA: b\n\n" + std::string(100'000, 'x') + "\n\n";
  const Found found = find(octets);
  for (const std::size_t size : {0UL, 20UL, 50UL, 60UL, 70'000UL, found.end - 1}) {
    EXPECT_FALSE(read_again(file(octets.substr(0, size)), place_of(found), {}).value()) << size;
  }
}

}  // namespace
}  // namespace mail::store::mbox
