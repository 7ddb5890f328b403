// Framer, words and responses of POP3.
#include "libmail/pop3/command.h"

#include <gtest/gtest.h>

#include "libmail/base/log.h"
#include "libmail/pop3/framer.h"
#include "libmail/pop3/response.h"
#include "libmail/pop3/session.h"

namespace mail::pop3 {
namespace {

std::vector<std::string> frame(std::string_view input, std::size_t piece) {
  LineFramer framer;
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < input.size(); at += piece) {
    framer.feed(input.substr(at, piece));
    while (auto line = framer.next()) {
      lines.push_back(*line ? **line : "<" + line->error().public_text + ">");
      if (!*line && line->error().code == Errc::TooLarge) return lines;
    }
  }
  lines.push_back("rest " + framer.take_rest());
  return lines;
}

TEST(Framer, SameLinesForAnyDivision) {
  const std::string longest(kMaxLine, 'x');
  const std::string nul("a\0b", 3);
  const struct {
    std::string input;
    std::vector<std::string> lines;
  } cases[] = {
      {"STAT\r\nNOOP\nQU", {"STAT", "NOOP", "rest QU"}},
      {"\r\n\n \r\n", {"", "", " ", "rest "}},
      {"A\rB\r\r\n", {"A\rB\r", "rest "}},
      {nul + "\r\nNOOP\r\n", {"<NUL in a line>", "NOOP", "rest "}},
      {longest + "\r\nQUIT\r\n", {longest, "QUIT", "rest "}},
      {longest + "\nQUIT\r\n", {longest, "QUIT", "rest "}},
      {longest + "x\r\nQUIT\r\n", {"<Line too long>"}},
      {"NOOP\r\n" + longest + longest, {"NOOP", "<Line too long>"}},
      {longest + "\rx\n", {"<Line too long>"}},
  };
  for (const auto& [input, lines] : cases) {
    for (const std::size_t piece : {input.size(), std::size_t{1}, std::size_t{2}, std::size_t{4096},
                                    kMaxLine, kMaxLine + 1, kMaxLine + 2}) {
      EXPECT_EQ(frame(input, piece), lines)
          << log::escape(input.substr(0, 30)) << " in pieces of " << piece;
    }
  }
}

TEST(Framer, GivesNothingMoreBehindALineThatWasTooLong) {
  LineFramer framer;
  framer.feed(std::string(kMaxLine + 2, 'x'));
  EXPECT_EQ((*framer.next()).error().code, Errc::TooLarge);
  framer.feed("\r\nDELE 1\r\n");
  EXPECT_EQ((*framer.next()).error().code, Errc::TooLarge);
}

TEST(Command, Words) {
  const struct {
    std::string line, verb, argument;
  } cases[] = {
      {"STAT", "STAT", ""},
      {"retr 1", "RETR", "1"},
      {"PASS  a b ", "PASS", " a b "},
      {"TOP 1 10", "TOP", "1 10"},
      {"", "", ""},
      {" STAT", "", "STAT"},
      {"USER ", "USER", ""},
      {"PASS ", "PASS", ""},
  };
  for (const auto& [line, verb, argument] : cases) {
    const Command command = parse_command(line);
    EXPECT_EQ(command.verb, verb) << line;
    EXPECT_EQ(command.argument, argument) << line;
  }
}

TEST(Command, Numbers) {
  for (const std::string good : {"1", "01", " 7 ", "4294967295"}) {
    EXPECT_TRUE(parse_number(good)) << good;
  }
  for (const std::string bad : {"", "0", "-1", "+1", "1 2", "1x", "x", "4294967296", "1.0", "0x1",
                                "99999999999999999999999999"}) {
    const auto number = parse_number(bad);
    ASSERT_FALSE(number) << bad;
    EXPECT_EQ(number.error().code, Errc::Syntax) << bad;
  }
}

TEST(Command, Top) {
  const auto top = parse_top("3  10");
  ASSERT_TRUE(top);
  EXPECT_EQ(top->number, 3U);
  EXPECT_EQ(top->lines, 10U);
  EXPECT_EQ(parse_top("1 0")->lines, 0U);
  for (const std::string bad : {"", "1", "1 -1", "0 1", "1 2 3", "1 x", "x 1", "-1 1"}) {
    EXPECT_FALSE(parse_top(bad)) << bad;
  }
}

TEST(Response, Lines) {
  EXPECT_EQ(ok(""), "+OK\r\n");
  EXPECT_EQ(error("a\r\nb"), "-ERR a??b\r\n");
  EXPECT_LE(ok(std::string(2000, 'x')).size(), 512U);  // RFC 2449 section 4
}

TEST(Response, CodesOfFailures) {
  const struct {
    Error error;
    std::string code, login_code;
  } cases[] = {
      {make_error(Errc::BadCredentials, "x"), "[AUTH] ", "[SYS/TEMP] "},
      {make_error(Errc::PrivacyRequired, "x"), "[AUTH] ", "[SYS/TEMP] "},
      {make_error(Errc::InUse, "x"), "[IN-USE] ", "[IN-USE] "},
      {make_error(Errc::Denied, "x"), "[SYS/PERM] ", "[SYS/PERM] "},
      {make_error(Errc::Denied, EnhancedStatus{4, 3, 0}, "x"), "[SYS/TEMP] ", "[SYS/TEMP] "},
      {make_error(Errc::NotFound, "x"), "", "[SYS/TEMP] "},
      {make_error(Errc::Syntax, "x"), "", "[SYS/TEMP] "},
      {make_error(Errc::Io, "x"), "[SYS/TEMP] ", "[SYS/TEMP] "},
      {make_error(Errc::Unavailable, "x"), "[SYS/TEMP] ", "[SYS/TEMP] "},
      {make_error(Errc::Corrupt, "x"), "[SYS/TEMP] ", "[SYS/TEMP] "},
  };
  for (const auto& [failure, code, login_code] : cases) {
    EXPECT_EQ(to_response(failure), "-ERR " + code + "x\r\n");
    EXPECT_EQ(to_login_response(failure), "-ERR " + login_code + "x\r\n");
  }
}

}  // namespace
}  // namespace mail::pop3
