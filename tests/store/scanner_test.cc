// A message that was found before, looked at again in place.
#include "libmail/store/mbox/scanner.h"

#include <gtest/gtest.h>

#include "tests/store/disk_fixture.h"

namespace mail::store::mbox {
namespace {

constexpr std::string_view kFrom = "From ann@example.org Thu Nov 26 10:00:00 2026";

Found find(const std::string& octets, const std::string& path) {
  spill(path, octets);
  const auto fd = sys::open(path, O_RDONLY).value();
  const Scan found = scan(fd, 0, octets.size(), {}).value();
  EXPECT_EQ(found.messages.size(), 1U);
  return found.messages.at(0);
}

std::optional<std::uint64_t> again(std::string_view octets, const Found& found) {
  return fingerprint_again(octets, found.content, found.header_end, found.end);
}

TEST(Scanner, FingerprintAgainWhateverEndsTheFromLine) {
  MboxFixture fixture;
  for (const std::string_view rest : {"", "\n", "\r\n", "\r\r\n", "\nA: b", "\r\nA: b\n\nc"}) {
    const std::string octets = std::string(kFrom) + std::string(rest);
    const Found found = find(octets, fixture.home() + "/one");
    EXPECT_EQ(again(octets, found), found.fingerprint) << rest;
  }
}

TEST(Scanner, FingerprintAgain) {
  MboxFixture fixture;
  const std::string path = fixture.home() + "/one";
  for (const std::string end : {"\n", "\r\n"}) {
    const std::string hidden = "X-UID: 7" + end + "\t8" + end + "Lines: 2" + end;
    for (const std::string& content :
         {"Subject: s" + end + hidden + "To: x" + end + end + "body" + end + end + "more" + end,
          hidden + "A: b" + end + end + "x", "A: b" + end + hidden, "A: b" + end + end,
          end + "body" + end, "A: b" + end + hidden + end + end + end}) {
      const std::string octets = std::string(kFrom) + end + content + end;
      const Found found = find(octets, path);
      EXPECT_EQ(again(octets, found), found.fingerprint) << content;
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

}  // namespace
}  // namespace mail::store::mbox
