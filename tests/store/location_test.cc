#include "libmail/store/location.h"

#include <gtest/gtest.h>

#include "libmail/store/mailbox_name.h"

namespace mail::store {
namespace {

const User kBoss{"boss@linuxprobe.com", "/home/boss", 1000};
const User kPlain{"boss", "/home/boss", 1000};

TEST(Location, ExpandsVariables) {
  struct Case {
    const char* text;
    const char* full;
    const char* plain;
  };
  // S53; %Hd checked against Dovecot 2.3's m_str_hash by hand for "a" below.
  constexpr Case kCases[] = {
      {"%u", "boss@linuxprobe.com", "boss"},
      {"%n", "boss", "boss"},
      {"%d", "linuxprobe.com", ""},
      {"%h/x", "/home/boss/x", "/home/boss/x"},
      {"%1n", "b", "b"},
      {"%2.1n", "s", "s"},
      {"%-2n", "ss", "ss"},
      {"%09n", "00000boss", "00000boss"},
      {"%Un", "BOSS", "BOSS"},
      {"%Ud", "LINUXPROBE.COM", ""},
      {"%Lu", "boss@linuxprobe.com", "boss"},
      {"%Rn", "ssob", "ssob"},
      {"%i%%", "1000%", "1000%"},
      {"%{user}", "boss@linuxprobe.com", "boss"},
      {"%{user | username}", "boss", "boss"},
      {"%{user | domain | upper}", "LINUXPROBE.COM", ""},
  };
  for (const auto& [text, full, plain] : kCases) {
    EXPECT_EQ(expand_variables(text, kBoss).value(), full) << text;
    EXPECT_EQ(expand_variables(text, kPlain).value(), plain) << text;
  }
  EXPECT_EQ(expand_variables("%Hu", {"a", "", 0}).value(), "61");
  EXPECT_EQ(expand_variables("%10Hu", {"a", "", 0}).value(), "7");
  for (const char* wrong : {"%", "%q", "%{user", "%{nothing}", "%{user | what}", "%Zu"}) {
    EXPECT_EQ(expand_variables(wrong, kBoss).error().code, Errc::Config) << wrong;
  }
}

TEST(Location, ParsesDovecotsSpellings) {
  auto it = parse_location("mbox:~/mail:INBOX=/var/mail/%u", kPlain).value();  // S55
  EXPECT_EQ(it.format, Format::Mbox);
  EXPECT_EQ(it.root, "/home/boss/mail");
  EXPECT_EQ(it.inbox, "/var/mail/boss");
  it = parse_location("maildir:~/Maildir", kPlain).value();  // S54
  EXPECT_EQ(it.format, Format::Maildir);
  EXPECT_EQ(it.root, "/home/boss/Maildir");
  EXPECT_EQ(it.inbox, it.root);
  it = parse_location("mbox:/var/mail/%d/%1n/%n:INDEX=/var/indexes/%d/%1n/%n", kBoss).value();
  EXPECT_EQ(it.root, "/var/mail/linuxprobe.com/b/boss");  // S56
  EXPECT_EQ(it.index, "/var/indexes/linuxprobe.com/b/boss");
  it = parse_location("maildir:~/Maildir/:INDEX=MEMORY:CONTROL=~/ctl", kPlain).value();
  EXPECT_EQ(it.root, "/home/boss/Maildir");
  EXPECT_EQ(it.control, "/home/boss/ctl");
  EXPECT_EQ(it.index, "");
  for (const char* wrong : {"", "mbox", "mbox:", "sdbox:~/x", "mbox:mail", "mbox:~/m:WHAT=1",
                            "maildir:~/M:LAYOUT=fs", "mbox:~/%q"}) {
    EXPECT_EQ(parse_location(wrong, kPlain).error().code, Errc::Config) << wrong;
  }
}

// Whatever the account is called: its mail lies below where mail lies.
TEST(Location, NoNameAndNoMissingHomeLeadElsewhere) {
  for (const char* name : {"ann@..", "..", "ann@/../bob"}) {
    EXPECT_FALSE(parse_location("maildir:/v/%d/%u", {name, "/home/ann", 1000})) << name;
    EXPECT_FALSE(parse_location("mbox:/v/m:INBOX=/v/%u/%d", {name, "/home/ann", 1000})) << name;
  }
  for (const char* where : {"maildir:~/", "maildir:~/Maildir", "mbox:/v/m:INBOX=~/x", "mbox:~"}) {
    EXPECT_FALSE(parse_location(where, {"ann", "", 1000})) << where;
    EXPECT_FALSE(parse_location(where, {"ann", "ann", 1000})) << where;
  }
  EXPECT_TRUE(parse_location("maildir:/v/%n", {"ann", "", 1000}));
}

TEST(Location, EmptyIsLookedFor) {
  const auto it = default_location({"boss", "/nonexistent", 1000}, "/var/mail");
  EXPECT_EQ(it.format, Format::Mbox);
  EXPECT_EQ(it.root, "/nonexistent/mail");
  EXPECT_EQ(it.inbox, "/var/mail/boss");
}

TEST(MailboxName, ModifiedUtf7) {
  struct Case {
    const char* utf8;
    const char* coded;
  };
  constexpr Case kCases[] = {
      {"plain", "plain"},
      {"a&b", "a&-b"},
      // RFC 3501 section 5.1.3
      {"~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
      {"K\u00f6ln", "K&APY-ln"},
      {"\U0001f600", "&2D3eAA-"},
  };
  for (const auto& [name, coded] : kCases) {
    EXPECT_EQ(to_modified_utf7(name), coded);
    EXPECT_EQ(from_modified_utf7(coded), name);
  }
  EXPECT_EQ(from_modified_utf7("a&b"), "a&b");      // not closed: as it is
  EXPECT_EQ(from_modified_utf7("&2D0-"), "&2D0-");  // half a surrogate pair
}

}  // namespace
}  // namespace mail::store
