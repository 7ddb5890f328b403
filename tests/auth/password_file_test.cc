#include "libmail/auth/password_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "libmail/auth/crypt_password.h"
#include "libmail/auth/system_accounts.h"
#include "libmail/base/file_descriptor.h"

namespace mail::auth {
namespace {

class PasswordFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "tubepost-auth-XXXXXX";
    const int fd = ::mkstemp(pattern.data());
    ASSERT_GE(fd, 0);
    path_ = pattern;
    FileDescriptor(fd).reset();
  }
  void TearDown() override { ::remove(path_.c_str()); }
  PasswordFile file(const std::string& text) {
    std::ofstream(path_) << text;
    return {path_, LoginNames{{"linuxprobe.com", "mail.linuxprobe.com"}}};
  }
  static std::string ask(PasswordFile& file, std::string_view user, std::string_view password) {
    const auto identity = file.verify({user, password, "pop3", ""});
    return identity ? identity->user + ":" + std::to_string(identity->uid)
                    : std::string(to_string(identity.error().code));
  }
  std::string path_;
};

TEST_F(PasswordFileTest, Verify) {
  auto accounts = file(
      "# comment\n\n"
      "boss:{PLAIN}linuxprobe:1000:1000:The Boss:/home/boss:/bin/sh:\n"
      "broken line\n"
      "ann@linuxprobe.com:{plain}virtual:1001:1001::/home/v::\n"
      "ann:{PLAIN}local:1002:1002::/home/ann::userdb_mail=mbox:~/mail:INBOX=/var/mail/%u nologin\n"
      "locked:!$6$x$y:1003:1003::/h::\n"
      "odd:{ROT13}x:1004:1004::/h::\n"
      "named:{PLAIN}n:1005:1005::/h::userdb_gid=mail\n"
      "half:{PLAIN}h:::::/h:userdb_uid=1006\n"
      "most:{PLAIN}m:4294967295:1007::/h::\n");
  const std::string bad(to_string(Errc::BadCredentials));
  const struct {
    const char *user, *password;
    std::string expected;
  } kCases[] = {
      {"boss", "linuxprobe", "boss:1000"},
      {"Boss", "linuxprobe", "boss:1000"},
      {"boss@linuxprobe.com", "linuxprobe", "boss:1000"},
      {"BOSS@LinuxProbe.COM", "linuxprobe", "boss:1000"},
      {"boss@mail.linuxprobe.com", "linuxprobe", "boss:1000"},
      {"boss@elsewhere.example", "linuxprobe", bad},
      {"boss", "linuxprobE", bad},
      {"boss", "", bad},
      {"nobody-there", "linuxprobe", bad},
      {"ann@linuxprobe.com", "virtual", "ann@linuxprobe.com:1001"},
      {"ann", "local", std::string(to_string(Errc::Denied))},
      {"ann", "wrong", bad},
      {"locked", "x", bad},
      {"odd", "k", bad},  // anything else would say that there is one
      {"named", "n", bad},
      {"half", "h", bad},
      {"most", "m", bad},
  };
  for (const auto& c : kCases) EXPECT_EQ(ask(accounts, c.user, c.password), c.expected) << c.user;
}

TEST_F(PasswordFileTest, UnknownUserAndWrongPasswordLookAlike) {
  auto accounts = file("boss:{PLAIN}x:1:1::/h::\n");
  const auto wrong = accounts.verify({"boss", "y", "pop3", ""});
  const auto unknown = accounts.verify({"nobody", "y", "pop3", ""});
  ASSERT_FALSE(wrong || unknown);
  EXPECT_EQ(wrong.error().public_text, unknown.error().public_text);
  EXPECT_EQ(wrong.error().status, (EnhancedStatus{5, 7, 8}));
}

TEST_F(PasswordFileTest, FindNeedsNoPassword) {
  auto accounts = file("ann:{PLAIN}x:1002:1003::/home/ann::userdb_mail=mbox:~/mail:INBOX=/m/%u\n");
  const auto ann = accounts.find("Ann@linuxprobe.com");
  ASSERT_TRUE(ann);
  EXPECT_EQ(ann->mail_location, "mbox:~/mail:INBOX=/m/%u");
  EXPECT_EQ(ann->home, "/home/ann");
  EXPECT_EQ(ann->gid, 1003U);
  EXPECT_EQ(accounts.find("eve").error().code, Errc::NotFound);
}

TEST_F(PasswordFileTest, MissingFileIsTemporary) {
  PasswordFile accounts(path_ + ".missing", {});
  EXPECT_EQ(accounts.find("boss").error().code, Errc::Unavailable);
  EXPECT_FALSE(accounts.verify({"boss", "x", "pop3", ""}).error().is_permanent());
}

TEST(CryptPassword, KnownHashes) {
  const struct {
    const char *password, *stored;
  } kCases[] = {
      // Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", test vectors.
      {"Hello world!", "{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
      {"Hello world!",
       "{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnI"
       "FNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
      // crypt_blowfish, wrapper.c.
      {"U*U", "{BLF-CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
      {"rasmuslerdorf", "rl.3StKT.4T8M"},  // PHP manual, crypt(): DES, no scheme is CRYPT
      {"rasmuslerdorf", "{MD5-CRYPT}$1$rasmusle$rISCgZzpwk3UhDidwXvin0"},
      {"plain", "{CLEARTEXT}plain"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(matches_stored_password(c.password, c.stored).value_or(false), true) << c.stored;
    EXPECT_EQ(matches_stored_password("other", c.stored).value_or(true), false) << c.stored;
    EXPECT_EQ(matches_stored_password(c.password, unmatchable_like(c.stored)).value_or(true),
              false);
  }
  // Longer than crypt(3) takes: wrong, as any other (kMaxPasswordOctets is 1024).
  const std::string longest(511, 'x');
  for (const char* stored : {kCases[0].stored, kCases[2].stored}) {
    EXPECT_EQ(matches_stored_password(longest, stored).value_or(true), false) << stored;
    EXPECT_EQ(matches_stored_password(longest + "xy", stored).value_or(true), false) << stored;
  }
  EXPECT_EQ(matches_stored_password("x", "{CRYPT}$nonsense$").error().code, Errc::Config);
}

TEST(SystemAccounts, RootIsThere) {
  SystemAccounts accounts{LoginNames{{"linuxprobe.com"}}};
  const auto root = accounts.find("ROOT@linuxprobe.com");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(accounts.find("no-such-user-here").error().code, Errc::NotFound);
}

}  // namespace
}  // namespace mail::auth
