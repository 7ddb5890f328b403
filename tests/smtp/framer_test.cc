#include "libmail/smtp/framer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mail::smtp {
namespace {

using namespace std::string_literals;

// Lines as text, errors as "!text", fed in pieces of `size` octets.
std::vector<std::string> lines_of(const std::string& octets, std::size_t size) {
  LineFramer framer;
  std::vector<std::string> out;
  for (std::size_t at = 0; at < octets.size(); at += size) {
    framer.feed(std::string_view{octets}.substr(at, size));
    while (auto line = framer.next()) {
      out.push_back(*line ? **line : "!" + line->error().public_text);
    }
  }
  return out;
}

TEST(LineFramer, GivesTheSameForAnyDivision) {
  const std::string long_line(kMaxCommandLine - 2, 'x');
  const struct {
    std::string octets;
    std::vector<std::string> lines;
  } cases[] = {
      {"", {}},
      {"NOOP", {}},
      {"NOOP\r\n", {"NOOP"}},
      {"\r\n", {""}},
      {"NOOP\r\nQUIT\r\n", {"NOOP", "QUIT"}},
      {"NOOP\nQUIT\r\n", {"!Bare <LF> received", "QUIT"}},
      {"NO\rOP\r\n", {"!Bare <CR> received"}},
      {"NOOP\r\r\n", {"!Bare <CR> received"}},
      {"NO\0OP\r\n"s, {"!NUL received"}},
      {"\n\n", {"!Bare <LF> received", "!Bare <LF> received"}},
      {long_line + "\r\nNOOP\r\n", {long_line, "NOOP"}},
      {long_line + "x\r\nNOOP\r\n", {"!Line too long", "NOOP"}},
      {long_line + long_line + long_line + "\r\nNOOP\r\n", {"!Line too long", "NOOP"}},
  };
  for (const auto& c : cases) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{7},
                                   std::size_t{4096}, std::size_t{1} << 20U}) {
      EXPECT_EQ(lines_of(c.octets, size), c.lines)
          << "in pieces of " << size << ": " << c.octets.substr(0, 40);
    }
  }
}

TEST(LineFramer, HoldsNoMoreThanALine) {
  LineFramer framer;
  const std::string piece(60'000, 'x');
  for (int i = 0; i < 100; ++i) {
    framer.feed(piece);
    EXPECT_FALSE(framer.next());
    EXPECT_TRUE(framer.empty());  // the beginning of a line that is refused is not kept
  }
}

TEST(LineFramer, GivesBackWhatFollowsACommand) {
  LineFramer framer;
  framer.feed("DATA\r\nSubject: x\r\n");
  ASSERT_TRUE(framer.next());
  EXPECT_EQ(framer.take_rest(), "Subject: x\r\n");
  EXPECT_TRUE(framer.empty());
}

struct Decoded {
  std::string text;
  std::string rest;
  bool complete = false;
  bool bare = false;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(const std::string& octets, std::size_t size) {
  DataDecoder decoder;
  Decoded out;
  for (std::size_t at = 0; at < octets.size(); at += size) {
    const std::string_view piece = std::string_view{octets}.substr(at, size);
    const std::size_t taken = decoder.feed(piece, out.text);
    EXPECT_TRUE(taken == piece.size() || decoder.is_complete());
    out.rest += piece.substr(taken);
  }
  out.complete = decoder.is_complete();
  out.bare = decoder.saw_bare_line_end();
  return out;
}

// RFC 5321 section 4.5.2 (transparency), section 4.1.1.4 (end of data), and the sequences that
// servers were smuggled mail with (CVE-2023-51764).
TEST(DataDecoder, GivesTheSameForAnyDivision) {
  const struct {
    std::string octets;
    Decoded expected;
  } cases[] = {
      {".\r\n", {"", "", true, false}},
      {"a\r\n.\r\n", {"a\n", "", true, false}},
      {"a\r\n.\r\nQUIT\r\n", {"a\n", "QUIT\r\n", true, false}},
      {"..\r\n.\r\n", {".\n", "", true, false}},
      {"...\r\n.\r\n", {"..\n", "", true, false}},
      {".a\r\n.\r\n", {"a\n", "", true, false}},
      {"a.\r\n.\r\n", {"a.\n", "", true, false}},
      {"a\r\n\r\n.\r\n", {"a\n\n", "", true, false}},
      {"a\0b\r\n.\r\n"s, {"a\0b\n"s, "", true, false}},
      {"a\r\n", {"a\n", "", false, false}},
      {"a\n.\nb\r\n.\r\n", {"a\n.\nb\n", "", true, true}},
      {"a\n.\r\nb\r\n.\r\n", {"a\n.\nb\n", "", true, true}},
      {"a\r.\rb\r\n.\r\n", {"a\r.\rb\n", "", true, true}},
      {"a\r\n.\nb\r\n.\r\n", {"a\n\nb\n", "", true, true}},
      {"a\r\n.\rb\r\n.\r\n", {"a\n\rb\n", "", true, true}},
      {"a\r\r\n.\r\n", {"a\r\n", "", true, true}},
      {"\n.\r\n.\r\n", {"\n.\n", "", true, true}},
  };
  for (const auto& c : cases) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, c.octets.size()}) {
      const Decoded got = decode(c.octets, size);
      EXPECT_EQ(got, c.expected) << "in pieces of " << size << ": "
                                 << testing::PrintToString(c.octets) << " gives "
                                 << testing::PrintToString(got.text);
    }
  }
}

}  // namespace
}  // namespace mail::smtp
