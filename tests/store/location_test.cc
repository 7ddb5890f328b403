#include "libmail/store/location.h"

#include <gtest/gtest.h>

#include "libmail/store/mailbox_name.h"
#include "tests/store/disk_fixture.h"

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
  EXPECT_EQ(it.index, "MEMORY");
  it = parse_location("maildir:~/M:LAYOUT=FS:DIRNAME=mAildir:SUBSCRIPTIONS=subs:UTF-8", kPlain)
           .value();
  EXPECT_EQ(it.layout, "fs");
  EXPECT_EQ(it.inbox, "/home/boss/M/INBOX/mAildir");
  EXPECT_EQ(it.directory_name, "mAildir");
  EXPECT_EQ(it.subscriptions, "subs");
  EXPECT_TRUE(it.is_utf8);
  it = parse_location("mbox:~/a::b:INBOX=~/c/:NO-NOSELECT:VOLATILEDIR=/run/x:LISTINDEX=y", kPlain)
           .value();
  EXPECT_EQ(it.root, "/home/boss/a:b");
  EXPECT_EQ(it.inbox, "/home/boss/c");
  EXPECT_TRUE(it.drops_empty_parents);
  for (const char* wrong :
       {"", "mbox", "mbox:", "maildir:", "sdbox:~/x", "mbox:mail", "mbox:~/m:WHAT=1",
        "mbox:~/m:inbox=~/x", "maildir:~/M:LAYOUT=index", "maildir:~/M:DIRNAME=x",
        "mbox:~/m:DIRNAME=a/b", "mbox:~/m:DIRNAME=..", "mbox:~/m:INBOX=x", "mbox:~/m:CONTROL=x",
        "mbox:~/%q", "auto:/nonexistent", "~/nonexistent", "/nonexistent"}) {
    EXPECT_EQ(parse_location(wrong, kPlain).error().code, Errc::Config) << wrong;
  }
}

TEST(Location, KnowsARootThatHoldsTheHome) {
  for (const auto& [location, holds] : {std::pair("mbox:~", true),
                                        {"mbox:~/", true},
                                        {"mbox:/home", true},
                                        {"mbox:/home/x/../boss", true},
                                        {"mbox:~/mail", false},
                                        {"mbox:/home/bos", false},
                                        {"mbox:/home/boss2", false}}) {
    EXPECT_EQ(parse_location(location, kPlain).value().root_holds_home, holds) << location;
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

// A directory: what is in it, and what mail_location empty or "auto:" makes of that.
TEST(Location, WhatLiesThereDecides) {
  struct Case {
    std::vector<const char*> there;  // '/' at the end: a directory
    const char* root;                // below the home
  };
  const std::vector<Case> cases = {
      {{}, "mail"},
      {{"Maildir/cur/"}, "Maildir"},
      {{"Maildir/cur/", "mail/", "spool/boss"}, "Maildir"},
      {{"Maildir/"}, "Maildir"},  // made for what is to come
      {{"Maildir/", "spool/boss"}, "mail"},
      {{"Maildir/", "mail/"}, "mail"},
      {{"Mail/"}, "mail"},  // an MH user's, or mutt's
      {{"Mail/.imap/"}, "Mail"},
      {{"Mail/inbox"}, "Mail"},
      {{"Mail/.imap/", "mail/"}, "mail"},
  };
  for (const auto& [there, root] : cases) {
    const TemporaryHome home;
    for (const std::string name : there) {
      const std::filesystem::path path = home.path() + "/" + name;
      std::filesystem::create_directories(path.parent_path());
      if (!name.ends_with('/')) spill(path, "");
    }
    const auto it = default_location({"boss", home.path(), 1000}, home.path() + "/spool");
    EXPECT_EQ(it.root, home.path() + "/" + root) << testing::PrintToString(there);
    const bool is_maildir = it.format == Format::Maildir;
    EXPECT_EQ(is_maildir, std::string_view(root) == "Maildir");
    EXPECT_EQ(it.inbox, is_maildir ? it.root : home.path() + "/spool/boss");
  }
  const TemporaryHome home;
  const User boss{"boss", home.path(), 1000};
  std::filesystem::create_directories(home.path() + "/a/cur");
  std::filesystem::create_directories(home.path() + "/b");
  spill(home.path() + "/b/inbox", "");
  for (const char* form : {"auto:~/", "~/", "auto:%h/", "%h/"}) {
    EXPECT_EQ(parse_location(std::string(form) + "a", boss).value().format, Format::Maildir);
    const auto b = parse_location(std::string(form) + "b:INDEX=MEMORY", boss).value();
    EXPECT_EQ(b.format, Format::Mbox);
    EXPECT_EQ(b.inbox, home.path() + "/b/inbox");
    EXPECT_EQ(b.index, "MEMORY");
  }
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
