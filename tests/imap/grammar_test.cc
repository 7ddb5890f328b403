// Tables for the lexical rules, the mailbox names and the parser of commands.
#include "libmail/imap/grammar.h"

#include <gtest/gtest.h>

#include "libmail/imap/mailbox_name.h"
#include "libmail/imap/parser.h"
#include "libmail/imap/response.h"

namespace mail::imap {
namespace {

TEST(SequenceSet, ResolvesAndJoins) {
  struct Case {
    std::string_view text;
    std::uint32_t largest;
    std::string expected;  // empty: refused
  };
  const Case cases[] = {
      {"1", 9, "1"},
      {"2,4:7,9,12:*", 15, "2,4:7,9,12:15"},  // RFC 3501 section 9
      {"*:4,5:7", 10, "4:10"},
      {"3:*", 2, "2:3"},
      {"4:2", 9, "2:4"},
      {"1,2,3", 9, "1:3"},
      {"4294967295", 1, "4294967295"},
      {"0", 9, ""},
      {"1:", 9, ""},
      {"4294967296", 9, ""},
      {"", 9, ""},
  };
  for (const auto& test : cases) {
    Cursor in{test.text};
    const auto set = parse_sequence_set(in);
    ASSERT_EQ(set.has_value() && in.at_end(), !test.expected.empty()) << test.text;
    if (!set) continue;
    SequenceSet resolved;
    for (const auto& range : set->resolve(test.largest)) resolved.add(range.first, range.last);
    EXPECT_EQ(resolved.to_string(), test.expected) << test.text;
  }
}

TEST(MailboxName, IsModifiedUtf7) {
  // RFC 3501 section 5.1.3
  EXPECT_EQ(decode_mailbox_name("~peter/mail/&U,BTFw-/&ZeVnLIqe-").value(),
            "~peter/mail/台北/日本語");
  EXPECT_EQ(encode_mailbox_name("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
  EXPECT_EQ(decode_mailbox_name("a&-b").value(), "a&b");
  EXPECT_EQ(decode_mailbox_name("iNBoX").value(), "INBOX");
  EXPECT_EQ(decode_mailbox_name("草稿").value(), "草稿");
  for (const std::string_view bad : {"&", "a&b", "&Jjo!", "&U,BTFw-&ZeVnLIqe-", "&AGE-", "\xff"}) {
    EXPECT_FALSE(decode_mailbox_name(bad)) << bad;
  }
}

TEST(Pattern, StarAndPercent) {
  EXPECT_TRUE(matches_pattern("a/b/c", "*"));
  EXPECT_FALSE(matches_pattern("a/b", "%"));
  EXPECT_TRUE(matches_pattern("a/b", "%/%"));
  EXPECT_TRUE(matches_pattern("INBOX", "inbox"));
  EXPECT_FALSE(matches_pattern("sent", "Sent"));
  EXPECT_TRUE(matches_pattern("a/bc/d", "a/%c*"));
  std::string hard;
  for (int i = 0; i < 200; ++i) hard += "*a";
  EXPECT_FALSE(matches_pattern(std::string(1000, 'a') + "b", hard));  // in no time
}

TEST(Grammar, DateTime) {
  Cursor in{"\"17-Jul-1996 02:44:25 -0700\""};
  EXPECT_EQ(parse_date_time(in).value().time_since_epoch(), std::chrono::seconds{837'596'665});
  Cursor short_day{"\" 1-Jan-1970 00:00:00 +0000\""};
  EXPECT_EQ(parse_date_time(short_day).value(), WallTime{});
  for (const std::string_view bad :
       {"\"32-Jul-1996 02:44:25 -0700\"", "\"17-Foo-1996 02:44:25 -0700\"",
        "\"17-Jul-1996 25:44:25 -0700\"", "\"17-Jul-1996 02:44:25\"",
        "\"1-Jul-1996 02:44:25 -0700\""}) {
    Cursor cursor{bad};
    EXPECT_FALSE(parse_date_time(cursor)) << bad;
  }
}

TEST(Parser, TakesTheRfcsCommands) {
  for (const std::string_view text :
       {"abcd CAPABILITY",
        "a047 NOOP",
        "A023 LOGOUT",
        "a002 STARTTLS",
        "A001 AUTHENTICATE GSSAPI",
        "a001 LOGIN SMITH SESAME",
        "A142 SELECT INBOX",
        "A932 EXAMINE blurdybloop",
        "A003 CREATE owatagusiam/",
        "A683 DELETE blurdybloop",
        "A682 RENAME blurdybloop sarasoop",
        "A002 SUBSCRIBE #news.comp.mail.mime",
        "A002 UNSUBSCRIBE #news.comp.mail.mime",
        "A101 LIST \"\" \"\"",
        "A103 LIST /usr/staff/jones \"\"",
        "A202 LIST ~/Mail/ %",
        "A002 LSUB \"#news.\" \"comp.mail.*\"",
        "A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
        "FXXZ CHECK",
        "A341 CLOSE",
        "A202 EXPUNGE",
        "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "A283 SEARCH TEXT \"string not in mailbox\"",
        "A284 SEARCH CHARSET UTF-8 TEXT {6}\r\nXXXXXX",
        "A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "A003 STORE 2:4 +FLAGS (\\Deleted)",
        "A003 COPY 2:4 MEETING",
        "A999 UID FETCH 4827313:4828442 FLAGS",
        "a IDLE",
        "a UID EXPUNGE 3000:3002",
        "a MOVE 42:69 foo",
        "a ID (\"name\" \"sodr\" \"version\" NIL)",
        "a FETCH 1:* (UID FLAGS) (CHANGEDSINCE 12345)",
        "a FETCH 1 BODY[4.2.2.1]<0.2048>",
        "a SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\""}) {
    const auto request = parse_request(text);
    EXPECT_TRUE(request.command.has_value()) << text << ": " << request.command.error().public_text;
  }
  for (const std::string_view text : {"a",
                                      "a ",
                                      " NOOP",
                                      "a NOOP ",
                                      "a LOGIN x",
                                      "a LOGIN x \"y",
                                      "a FETCH 1",
                                      "a FETCH 1 BODY[",
                                      "a FETCH 1 BODY[MIME]",
                                      "a FETCH 1 BODY[1.]",
                                      "a FETCH 1 BODY[]<1.0>",
                                      "a STORE 1 FLAGS",
                                      "a STORE 1 FLAGS (\\Recent)",
                                      "a SEARCH",
                                      "a SEARCH NOT",
                                      "a SEARCH (ALL",
                                      "a UID NOOP",
                                      "a LIST \"\"",
                                      "a SELECT {3}\r\nab",
                                      "a SELECT {2}\r\na\0b",
                                      "a STATUS INBOX ()"}) {
    EXPECT_FALSE(parse_request(text).command.has_value()) << text;
  }
  const std::string deep = "a SEARCH " + std::string(100'000, '(');
  EXPECT_FALSE(parse_request(deep).command.has_value());
}

TEST(Parser, KnowsAnAppendBeforeItsMessage) {
  EXPECT_TRUE(parse_append_start("a APPEND saved-messages (\\Seen) {310}\r\n"));
  EXPECT_TRUE(parse_append_start("a APPEND {5}\r\nINBOX {310+}\r\n"));
  EXPECT_FALSE(parse_append_start("a APPEND {5}\r\n"));
  EXPECT_FALSE(parse_append_start("a SELECT {5}\r\n"));
}

TEST(Response, Strings) {
  struct Case {
    std::string_view text;
    std::string expected;
  };
  const Case cases[] = {{"abc", "\"abc\""},           {"", "\"\""},
                        {"a\"b\\", "\"a\\\"b\\\\\""}, {"\xc4\xfa", "{2}\r\n\xc4\xfa"},
                        {"a\r\nb", "{4}\r\na\r\nb"},  {std::string_view("\0", 1), "{1}\r\n\x80"}};
  for (const auto& test : cases) {
    std::string out;
    put_string(out, test.text);
    EXPECT_EQ(out, test.expected);
  }
  EXPECT_EQ(to_response(make_error(Errc::OverQuota, "Full")), "NO [OVERQUOTA] Full");
  EXPECT_EQ(to_response(make_error(Errc::Syntax, "x")), "BAD x");
}

}  // namespace
}  // namespace mail::imap
