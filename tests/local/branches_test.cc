#include "libmail/local/branches.h"

#include "tests/local/place_fixture.h"

namespace mail::local {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Expected {
  std::string base, path;
  bool is_spool;
  bool operator==(const Expected&) const = default;
};

std::vector<Expected> branches_of(const char* location, const char* name = "boss@linuxprobe.com") {
  std::vector<Expected> found;
  const auto parsed = store::parse_location(location, {name, "/home/boss", 1000});
  EXPECT_TRUE(parsed) << location;
  for (const auto& one : parsed->branches) found.push_back({one.base, one.path, one.is_spool});
  return found;
}

TEST(Branches, BeginBeforeTheFirstVariable) {
  EXPECT_THAT(branches_of("mbox:/var/mail/%d/%1n/%n:INDEX=/var/indexes/%d/%1n/%n"),  // S56
              ElementsAre(Expected{"/var/mail", "/var/mail/linuxprobe.com/b/boss", false},
                          Expected{"/var/indexes", "/var/indexes/linuxprobe.com/b/boss", false}));
  EXPECT_THAT(branches_of("maildir:/srv//v-%d/%n/Maildir/:CONTROL=/c/%u:INDEX=MEMORY"),
              ElementsAre(Expected{"/srv", "/srv//v-linuxprobe.com/boss/Maildir", false},
                          Expected{"/c", "/c/boss@linuxprobe.com", false}));
  EXPECT_THAT(branches_of("mbox:~/mail:INBOX=/var/mail/%1n/%n"),
              ElementsAre(Expected{"/var/mail", "/var/mail/b", true}));
  EXPECT_THAT(branches_of("maildir:~/Maildir:INBOX=/var/mail/%1n/%n"),
              ElementsAre(Expected{"/var/mail", "/var/mail/b/boss", false}));
  // The spool itself, no part that is ours, the home, nothing that varies.
  for (const char* location : {"mbox:~/mail:INBOX=/var/mail/%u", "mbox:/%d/%n",
                               "maildir:%h/Maildir", "maildir:~/%n", "maildir:/var/vmail/boss"}) {
    EXPECT_THAT(branches_of(location), IsEmpty()) << location;
  }
  EXPECT_THAT(branches_of("maildir:/var/mail/%d", "boss"), IsEmpty());  // where others' mail lies
}

TEST_F(PlaceFixture, AnOrdinaryUsersBranchIsMade) {
  if (::geteuid() == 0) GTEST_SKIP() << "root's: tests/root/new_user.py";
  const store::Branch branch{dir_ + "/spool", dir_ + "/spool/d/b/boss", false};
  ASSERT_TRUE(make_branch(branch, boss_));
  EXPECT_TRUE(std::filesystem::is_directory(branch.path));
  // What is not mounted is not made.
  const store::Branch missing{dir_ + "/srv", dir_ + "/srv/boss", false};
  ASSERT_TRUE(make_branch(missing, boss_));
  EXPECT_FALSE(std::filesystem::exists(missing.base));
}

TEST_F(PlaceFixture, NoNameOfAnAccountLeadsABranchAstray) {
  for (const char* name : {"/.", "/..", "/b/./x", "/b/../x"}) {
    const store::Branch branch{dir_ + "/spool", dir_ + "/spool" + name, false};
    const auto made = make_branch(branch, boss_);
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, Errc::Denied) << name;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/spool"));
}

// At RCPT: the monitor has had its turn before; what is still missing only an owner makes.
TEST_F(PlaceFixture, AMissingBranchOfOnesOwnIsNoObstacle) {
  Recipient recipient(world_, helper_, boss_);
  world_.settings.mail.mail_location = "maildir:" + dir_ + "/spool/%d/%1n/%n";
  EXPECT_EQ(recipient.check(delivery().end_point, 100).answer, Answer::Ok);
  EXPECT_EQ(deliver(delivery()).answer, Answer::Ok);
  EXPECT_TRUE(std::filesystem::is_directory(dir_ + "/spool/b/boss/new"));
  world_.settings.mail.mail_location = "maildir:" + dir_ + "/srv/%d/%1n/%n";
  EXPECT_EQ(recipient.check(delivery().end_point, 100).answer, Answer::Unwritable);
}

}  // namespace
}  // namespace mail::local
