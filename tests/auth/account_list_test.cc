#include "libmail/auth/account_list.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mail::auth {
namespace {

// PAM's place: everybody's password is "pam".
class PamTwin final : public Authenticator {
 public:
  Result<Identity> verify(const Attempt& attempt) override {
    if (attempt.password != "pam") return fail(make_error(Errc::BadCredentials, "no"));
    Identity named;
    named.user = attempt.user;
    if (named.user.starts_with("alias-of-")) named.user.erase(0, 9);
    named.has_ids = false;
    return named;
  }
};

class AccountListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "tubepost-accounts-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  Passdb file(const std::string& name, const std::string& text) const {
    Passdb passdb;
    passdb.driver = Passdb::Driver::PasswordFile;
    passdb.path = write(name, text);
    return passdb;
  }
  static Userdb fixed(const std::string& uid, const std::string& home) {
    Userdb userdb;
    userdb.driver = Userdb::Driver::Static;
    userdb.fields = {uid, uid, home, {}};
    return userdb;
  }
  static AccountList open(AccountSettings settings) {
    settings.is_in_networks = [](std::string_view networks, std::string_view address) {
      return networks == address;
    };
    return AccountList(std::move(settings),
                       [](const Passdb& /*passdb*/) { return std::make_unique<PamTwin>(); });
  }
  static std::string show(const Result<Identity>& identity) {
    if (!identity) return std::string(to_string(identity.error().code));
    return identity->user + " " + std::to_string(identity->uid) + " " + identity->home + " " +
           identity->mail_location;
  }
  static std::string log_in(AccountList& accounts, std::string_view user,
                            std::string_view password) {
    return show(accounts.verify({user, password, "imap", "192.0.2.1"}));
  }
  const std::string bad_{to_string(Errc::BadCredentials)};
  const std::string denied_{to_string(Errc::Denied)};
  const std::string unknown_{to_string(Errc::NotFound)};
  std::string directory_;
};

TEST_F(AccountListTest, PassdbsInTurnThenTheFirstUserdbThatKnows) {
  AccountSettings settings;
  settings.passdbs = {file("one", "ann:{PLAIN}a\nbob:{PLAIN}b\n"),
                      file("two", "ann:{PLAIN}other\ncay:{PLAIN}c\n"), Passdb{}};
  Userdb of_file;
  of_file.driver = Userdb::Driver::PasswordFile;
  of_file.path = write("users", "bob::1500:1500::/b::userdb_mail=maildir:~/m\n");
  settings.userdbs = {of_file, fixed("1600", "/v/%u")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "ann", "a"), "ann 1600 /v/ann ");
  EXPECT_EQ(log_in(accounts, "ann", "other"), "ann 1600 /v/ann ");
  EXPECT_EQ(log_in(accounts, "bob", "b"), "bob 1500 /b maildir:~/m");
  EXPECT_EQ(log_in(accounts, "cay", "c"), "cay 1600 /v/cay ");
  EXPECT_EQ(log_in(accounts, "dan", "pam"), "dan 1600 /v/dan ");
  EXPECT_EQ(log_in(accounts, "ann", "b"), bad_);
  EXPECT_FALSE(accounts.can_scram());
}

TEST_F(AccountListTest, DenyListAndConditionsOfEntries) {
  AccountSettings settings;
  settings.passdbs = {file("deny", "bob\n"),
                      file("users",
                           "ann:{PLAIN}a::::::allow_nets=192.0.2.1\nbob:{PLAIN}b\n"
                           "far:{PLAIN}f::::::allow_nets=192.0.2.9\n"
                           "off:{PLAIN}o::::::nologin\n"
                           "none:{PLAIN}n::::::allow_nets=\n"
                           "two:{PLAIN}t::::::allow_nets=192.0.2.1 allow_real_nets=192.0.2.9\n")};
  settings.passdbs.front().deny = true;
  settings.userdbs = {fixed("1600", "/v/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "ann", "a"), "ann 1600 /v/ann ");
  EXPECT_EQ(log_in(accounts, "bob", "b"), bad_);
  EXPECT_EQ(log_in(accounts, "far", "f"), denied_);
  EXPECT_EQ(log_in(accounts, "off", "o"), denied_);
  EXPECT_EQ(log_in(accounts, "none", "n"), denied_);
  EXPECT_EQ(log_in(accounts, "two", "t"), denied_);
  // A list of whom not to let in that cannot be read lets nobody in.
  settings.passdbs.front().path += "-gone";
  auto without = open(settings);
  EXPECT_EQ(log_in(without, "ann", "a"), to_string(Errc::Unavailable));
}

// A passdb we cannot ask may refuse logins: nobody gets in. No userdb can be used: nobody has one.
TEST_F(AccountListTest, WhatCannotBeAskedLetsNobodyIn) {
  AccountSettings settings;
  settings.passdbs = {Passdb{}, file("users", "ann:{PLAIN}a:1500:1500::/a\n")};
  settings.passdbs.front().driver = Passdb::Driver::Unusable;
  settings.passdbs.front().deny = true;
  auto refusing = open(settings);
  EXPECT_EQ(log_in(refusing, "ann", "a"), to_string(Errc::Unavailable));
  settings.passdbs.front() = Passdb{};
  settings.userdbs.emplace_back().driver = Userdb::Driver::Unusable;
  auto nowhere = open(settings);
  EXPECT_EQ(log_in(nowhere, "ann", "a"), to_string(Errc::Unavailable));
  EXPECT_EQ(log_in(nowhere, "root", "pam"), to_string(Errc::Unavailable));
  EXPECT_EQ(log_in(nowhere, "ann", "b"), bad_);
  EXPECT_EQ(show(nowhere.find("ann")), to_string(Errc::Unavailable));  // mail waits
}

// Who stands in it with a password may not log in with that.
TEST_F(AccountListTest, ADenyListAloneOffersNoScram) {
  AccountSettings settings;
  settings.passdbs = {file("deny", "ann:{PLAIN}a:1500:1500::/a\n")};
  settings.passdbs.front().deny = true;
  auto accounts = open(settings);
  EXPECT_FALSE(accounts.can_scram());
  EXPECT_FALSE(accounts.begin_scram({"ann", "n,,", "abc", "n=ann,r=abc", "imap", "", true}));
}

// PAM may know an account by another name than its own.
TEST_F(AccountListTest, DenyListHoldsForTheAccountsOwnName) {
  AccountSettings settings;
  settings.passdbs = {file("deny", "bob\n"), Passdb{}};
  settings.passdbs.front().deny = true;
  settings.userdbs = {fixed("1600", "/v/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "alias-of-ann", "pam"), "ann 1600 /v/ann ");
  EXPECT_EQ(log_in(accounts, "alias-of-bob", "pam"), bad_);
}

// mail_location holds %u, %n or %d, so the part of a name that no passdb looks at must not lead
// anywhere: in front of it may be other users' mail of the same uid.
TEST_F(AccountListTest, NoNameLeadsToAnothersMail) {
  AccountSettings settings;
  settings.passdbs = {file("users", "ann:{PLAIN}a:1600:1600::/v/ann\n")};
  settings.passdbs.front().username_format = "%n";
  for (const bool has_userdb : {false, true}) {
    if (has_userdb) {
      Userdb of_file;
      of_file.driver = Userdb::Driver::PasswordFile;
      of_file.path = settings.passdbs.front().path;
      of_file.username_format = "%n";
      settings.userdbs = {of_file};
    }
    auto accounts = open(settings);
    EXPECT_EQ(log_in(accounts, "ann@x.org", "a"), "ann@x.org 1600 /v/ann ");
    using namespace std::string_view_literals;
    for (const auto name : {"ann@/../bob"sv, "ann@../x"sv, "ann@.."sv, "ann@x\0y"sv, "ann@.x"sv}) {
      EXPECT_EQ(log_in(accounts, name, "a"), denied_) << name;
      EXPECT_EQ(show(accounts.find(name)), unknown_) << name;
    }
  }
}

// Parts of a name may lead up where the name does not.
TEST_F(AccountListTest, NoPartOfANameLeadsUp) {
  AccountSettings settings;
  settings.passdbs = {file("users", "a..b:{PLAIN}a\n")};
  settings.userdbs = {fixed("1600", "/v/%1.2n/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "a..b", "a"), to_string(Errc::Unavailable));
  settings.userdbs = {fixed("1600", "/v/%n")};
  auto plain = open(settings);
  EXPECT_EQ(log_in(plain, "a..b", "a"), "a..b 1600 /v/a..b ");
}

// In capitals, the domain's file would not be there, and nobody denied.
TEST_F(AccountListTest, ADenyListForEachDomainHoldsInAnyCase) {
  AccountSettings settings;
  settings.passdbs = {file("example.org.deny", "bob@example.org\n"),
                      file("users", "bob@example.org:{PLAIN}b\nann@example.org:{PLAIN}a\n")};
  settings.passdbs.front().path = directory_ + "/%d.deny";
  settings.passdbs.front().deny = true;
  settings.userdbs = {fixed("1600", "/v/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "bob@example.org", "b"), bad_);
  EXPECT_EQ(log_in(accounts, "BOB@EXAMPLE.ORG", "b"), bad_);
  EXPECT_EQ(log_in(accounts, "Ann@Example.Org", "a"), "ann@example.org 1600 /v/ann ");
}

// Else whoever guesses would do so without the delays that follow a refusal.
TEST_F(AccountListTest, ARefusalCountsWhenAnotherPassdbIsOutOfOrder) {
  AccountSettings settings;
  settings.passdbs = {file("gone", ""), file("users", "ann:{PLAIN}a\n"), file("gone2", "")};
  for (const auto* name : {"gone", "gone2"}) std::filesystem::remove(directory_ + "/" + name);
  settings.userdbs = {fixed("1600", "/v/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "ann", "a"), "ann 1600 /v/ann ");
  EXPECT_EQ(log_in(accounts, "ann", "b"), bad_);
  settings.passdbs.erase(settings.passdbs.begin() + 1);
  auto none = open(settings);
  EXPECT_EQ(log_in(none, "ann", "a"), to_string(Errc::Unavailable));
}

TEST_F(AccountListTest, NobodysAccountsAreNone) {
  AccountSettings settings;
  settings.passdbs = {file("users", "ann:{PLAIN}a\nbob:{PLAIN}b:1500:1500::/b\n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "ann", "a"), denied_);  // no uid from anywhere
  EXPECT_FALSE(accounts.find("ann"));
  EXPECT_EQ(show(accounts.find("bob")), "bob 1500 /b ");
  settings.defaults = {"1700", "1700", "/v/%n", {}};
  auto with_defaults = open(settings);
  EXPECT_EQ(log_in(with_defaults, "ann", "a"), "ann 1700 /v/ann ");
  EXPECT_EQ(log_in(with_defaults, "bob", "b"), "bob 1500 /b ");
  settings.defaults.uid = "no-such-user-here";
  auto mistaken = open(settings);
  EXPECT_EQ(log_in(mistaken, "ann", "a"), to_string(Errc::Unavailable));
}

TEST_F(AccountListTest, FindAsksWhetherThereIsSuchAUser) {
  AccountSettings settings;
  settings.passdbs = {file("users", "ann@example.org:{PLAIN}a\n")};
  settings.userdbs = {fixed("1600", "/v/%d/%n")};
  settings.userdbs.front().overrides.mail = "maildir:~/M";
  auto accounts = open(settings);
  EXPECT_EQ(show(accounts.find("ANN@example.org")),
            "ann@example.org 1600 /v/example.org/ann maildir:~/M");
  EXPECT_EQ(show(accounts.find("bob@example.org")), unknown_);
  settings.userdbs.front().allow_all_users = true;
  auto open_to_all = open(settings);
  EXPECT_EQ(show(open_to_all.find("bob@example.org")),
            "bob@example.org 1600 /v/example.org/bob maildir:~/M");
  for (const char* name :
       {"../x@example.org", "x@../y", "a/b@example.org", ".x@example.org", "x@.y"}) {
    EXPECT_EQ(show(open_to_all.find(name)), unknown_) << name;
  }
}

TEST_F(AccountListTest, AFileForEachDomain) {
  AccountSettings settings;
  settings.passdbs = {file("example.org.users", "ann:secret\nBob:{PLAIN}b\n")};
  write("secret", "x@..:{PLAIN}x\n");
  settings.passdbs.front().path = directory_ + "/%Ld.users";
  settings.passdbs.front().username_format = "%n";
  settings.passdbs.front().scheme = "PLAIN";
  settings.userdbs = {fixed("1600", "/v/%d/%n")};
  auto accounts = open(settings);
  EXPECT_EQ(log_in(accounts, "ann@example.org", "secret"),
            "ann@example.org 1600 /v/example.org/ann ");
  EXPECT_EQ(log_in(accounts, "Ann@Example.org", "secret"),
            "ann@example.org 1600 /v/example.org/ann ");
  EXPECT_EQ(log_in(accounts, "ann@example.net", "secret"), bad_);
  EXPECT_EQ(log_in(accounts, "ann", "secret"), bad_);
  EXPECT_EQ(log_in(accounts, "ann@../example.org", "secret"), bad_);
}

TEST(LoginNamesTest, DovecotsSettings) {
  using Strings = std::vector<std::string>;
  LoginNames names{{"example.org"}, "%Ln", "abcdefghijklmnopqrstuvwxyzA@.", "#@", ""};
  EXPECT_EQ(names.candidates("Ann@example.net"), Strings{"ann"});
  EXPECT_EQ(names.candidates("ann#example.net"), Strings{"ann"});
  EXPECT_EQ(names.candidates("ann+x@example.net"), Strings{});
  EXPECT_EQ(names.candidates("ANN"), Strings{});  // N is not among the octets
  names = LoginNames{{"example.org"}, "%u", "", "", "example.org"};
  EXPECT_EQ(names.candidates("Ann"), (Strings{"Ann@example.org", "Ann"}));
  EXPECT_EQ(names.candidates("Ann@x.org"), Strings{"Ann@x.org"});
  names.format = "%x";
  EXPECT_EQ(names.candidates("ann"), Strings{});
  names = LoginNames{{"example.org"}};
  EXPECT_EQ(names.candidates("Ann@Example.org"),
            (Strings{"Ann@Example.org", "ann@example.org", "Ann", "ann"}));
}

}  // namespace
}  // namespace mail::auth
