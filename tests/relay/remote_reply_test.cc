// Replies of servers: what is read, what is refused, whatever pieces they come in.
#include "libmail/relay/remote_reply.h"

#include <gtest/gtest.h>

namespace mail::relay {
namespace {

// "CODE STATUS TEXT | ..." of all replies; "..." where more is needed, "!what" at an error.
std::string parse(std::string_view octets, std::size_t piece) {
  ReplyParser parser;
  std::string out;
  for (std::size_t at = 0;; at += piece) {
    for (;;) {
      auto reply = parser.next();
      if (!reply) return out + '!' + reply.error().public_text;
      if (!*reply) break;
      out += std::to_string((*reply)->code) + ' ' + to_string((*reply)->status) + ' ' +
             (*reply)->text + " | ";
    }
    if (at >= octets.size()) return out + (parser.has_rest() ? "..." : "");
    parser.feed(octets.substr(at, piece));
  }
}

struct Case {
  std::string octets, replies;
};

TEST(ReplyParser, Table) {
  const std::string long_text(1500, 'x');
  const Case cases[] = {
      {"250 2.1.0 Ok\r\n", "250 2.1.0 2.1.0 Ok | "},
      {"250 Ok\r\n", "250 2.0.0 Ok | "},
      {"250\r\n", "250 2.0.0  | "},
      {"250 \r\n", "250 2.0.0  | "},
      {"250-a\r\n250-b\r\n250 c\r\n", "250 2.0.0 a b c | "},
      {"250-\r\n250\r\n", "250 2.0.0  | "},
      {"250-2.1.0 a\r\n250 2.6.0 b\r\n", "250 2.6.0 2.1.0 a 2.6.0 b | "},
      {"250 a\r\n354 b\r\n", "250 2.0.0 a | 354 2.0.0 b | "},
      {"250 a\n550-b\n550 c\n", "250 2.0.0 a | 550 5.0.0 b c | "},
      {"421 4.3.2 x\r\n", "421 4.3.2 4.3.2 x | "},
      {"550 5.7.1\r\n", "550 5.7.1 5.7.1 | "},
      {"550 5.999.999 x\r\n", "550 5.999.999 5.999.999 x | "},
      {"550 5.1000.1 x\r\n", "550 5.0.0 5.1000.1 x | "},
      {"550 5.1.99999999999 x\r\n", "550 5.0.0 5.1.99999999999 x | "},
      {"550 5.1 x\r\n", "550 5.0.0 5.1 x | "},
      {"550 5.1.1x\r\n", "550 5.0.0 5.1.1x | "},
      {"550 4.1.1 x\r\n", "550 5.0.0 4.1.1 x | "},
      {"550 192.0.2.1 x\r\n", "550 5.0.0 192.0.2.1 x | "},
      {"450 4.2.1 \x1b\x7f\tx\r\r\n", "450 4.2.1 4.2.1 ???x? | "},
      {"550 nicht verf\xc3\xbcgbar\r\n", "550 5.0.0 nicht verf\xc3\xbcgbar | "},
      {"250 " + long_text + "\r\n", "250 2.0.0 " + long_text.substr(0, 1000) + " | "},
      {"", ""},
      {"2", "..."},
      {"250 Ok\r", "..."},
      {"250-Ok\r\n", "..."},
      {"250 Ok\r\n25", "250 2.0.0 Ok | ..."},
      {"\r\n", "!invalid reply: "},
      {"25\r\n", "!invalid reply: 25"},
      {"hello\r\n", "!invalid reply: hello"},
      {" 250 x\r\n", "!invalid reply:  250 x"},
      {"+25 x\r\n", "!invalid reply: +25 x"},
      {"2500 x\r\n", "!invalid reply: 2500 x"},
      {"250:x\r\n", "!invalid reply: 250:x"},
      {"199 x\r\n", "!invalid reply: 199 x"},
      {"600 x\r\n", "!invalid reply: 600 x"},
      {"250-a\r\n251 b\r\n", "!invalid reply: 251 b"},
      {"250-a\r\nb\r\n", "!invalid reply: b"},
      {std::string("\0\0\0\0\r\n", 6), "!invalid reply: \\x00\\x00\\x00\\x00"},
      {std::string(2048, '2') + "\n", "!invalid reply: " + std::string(80, '2') + "..."},
      {std::string(2049, '2') + "\n", "!reply line too long"},
      {std::string(2049, '2'), "!reply line too long"},
      {std::string(2048, '2'), "..."},
      {"250 ok\r\n" + std::string(3000, 'x'), "250 2.0.0 ok | !reply line too long"},
  };
  for (const auto& one : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100'000}}) {
      EXPECT_EQ(parse(one.octets, piece), one.replies)
          << "pieces of " << piece << ": " << one.octets;
    }
  }
}

TEST(ReplyParser, LinesAreCounted) {
  std::string lines;
  for (int i = 0; i < 199; ++i) lines += "250-x\r\n";
  EXPECT_EQ(parse(lines + "250 x\r\n", 100'000).substr(0, 10), "250 2.0.0 ");
  EXPECT_EQ(parse(lines + "250-x\r\n250 x\r\n", 100'000), "!reply of too many lines");
}

TEST(ReplyParser, KeepsEachLine) {
  ReplyParser parser;
  parser.feed("250-mx\r\n250-SIZE 1\r\n250 HELP\r\n");
  const auto reply = parser.next();
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ((*reply)->lines, (std::vector<std::string>{"mx", "SIZE 1", "HELP"}));
  EXPECT_TRUE((*reply)->is_positive());
  EXPECT_FALSE(parser.has_rest());
}

TEST(RemoteReply, OnlyTwoIsPositive) {
  for (const int code : {200, 250, 299}) EXPECT_TRUE((RemoteReply{code, {}, {}, {}}).is_positive());
  for (const int code : {354, 399, 421, 450, 500, 599}) {
    EXPECT_FALSE((RemoteReply{code, {}, {}, {}}).is_positive()) << code;
  }
}

}  // namespace
}  // namespace mail::relay
