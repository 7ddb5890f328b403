#include "libmail/tls/ticket_secrets.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "libmail/base/sys.h"

namespace mail::tls {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class TicketSecretsTest : public ::testing::Test {
 protected:
  TicketSecretsTest() {
    char name[] = "/tmp/tubepost-tickets-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/tls-tickets";
  }
  ~TicketSecretsTest() override { static_cast<void>(std::system(("rm -r " + directory_).c_str())); }

  Result<std::string> read(std::chrono::seconds after = 0s) {
    return read_ticket_secrets(path_, 1h, WallTime{1'800'000'000s} + after);
  }
  static std::string first(const std::string& secrets) { return secrets.substr(0, kTicketSecret); }
  static std::string second(const std::string& secrets) {
    return secrets.size() > kTicketSecret ? secrets.substr(kTicketSecret) : std::string();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(TicketSecretsTest, AreMadeOnceAndSharedForTheirLifetime) {
  const auto made = read();
  ASSERT_TRUE(made) << made.error().log_text;
  EXPECT_EQ(made->size(), kTicketSecret);
  EXPECT_NE(*made, std::string(kTicketSecret, '\0'));
  EXPECT_EQ(*read(), *made);
  EXPECT_EQ(*read(3599s), *made);
  struct ::stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(TicketSecretsTest, AreReplacedOneAfterTheOther) {
  const auto one = *read();
  const auto two = *read(3600s);
  EXPECT_NE(first(two), one);
  EXPECT_EQ(second(two), one);
  // The older one ends two lifetimes after it was made, though nobody has rotated again.
  EXPECT_EQ(second(*read(7199s)), one);
  const auto three = *read(7200s);
  EXPECT_EQ(second(three), first(two));
  EXPECT_EQ(sys::read_file(path_)->find(one), std::string::npos) << "must be gone from the file";
  // After a long pause none of before is left.
  const auto later = *read(100'000s);
  EXPECT_EQ(later.size(), kTicketSecret);
  EXPECT_NE(later, first(three));
}

TEST_F(TicketSecretsTest, AClockSetBackMakesANewOne) {
  const auto one = *read(5000s);
  const auto two = *read(0s);
  EXPECT_EQ(two.size(), kTicketSecret);
  EXPECT_NE(two, one);
}

TEST_F(TicketSecretsTest, AnEmptyOrDamagedFileIsWrittenAnew) {
  const mode_t before = ::umask(0077);
  std::ofstream(path_).close();  // as systemd-tmpfiles makes it
  ::umask(before);
  const auto one = *read();
  EXPECT_EQ(*read(), one);
  for (const std::size_t at : {0U, 9U, 20U, 95U}) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('!');
    file.close();
    const auto mended = read();
    ASSERT_TRUE(mended);
    EXPECT_NE(*mended, one) << at;
    EXPECT_EQ(*read(), *mended) << at;
  }
}

TEST_F(TicketSecretsTest, AFileThatOthersMightKnowIsNotUsed) {
  ASSERT_TRUE(read());
  const auto refused = [&] {
    const auto secrets = read();
    EXPECT_FALSE(secrets);
    return secrets ? std::string() : secrets.error().log_text;
  };
  ::chmod(path_.c_str(), 0640);
  EXPECT_THAT(refused(), HasSubstr(path_ + ": not used for session tickets"));
  ::chmod(path_.c_str(), 0600);
  ASSERT_EQ(::link(path_.c_str(), (directory_ + "/other").c_str()), 0);
  EXPECT_THAT(refused(), HasSubstr("one link"));
  ::unlink((directory_ + "/other").c_str());
  EXPECT_TRUE(read());
  ASSERT_EQ(::rename(path_.c_str(), (directory_ + "/other").c_str()), 0);
  ASSERT_EQ(::symlink("other", path_.c_str()), 0);
  EXPECT_FALSE(read());
}

TEST_F(TicketSecretsTest, WithoutADirectoryThereAreNone) {
  path_ = directory_ + "/none/tls-tickets";
  const auto secrets = read();
  ASSERT_FALSE(secrets);
  EXPECT_EQ(secrets.error().code, Errc::NotFound);
}

// Many processes at the moment of a rotation: all have the same newest secret.
TEST_F(TicketSecretsTest, ProcessesAgree) {
  ASSERT_TRUE(read());
  std::vector<pid_t> children;
  for (int i = 0; i < 20; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const auto secrets = read(4000s);
      std::ofstream(directory_ + "/" + std::to_string(i)) << (secrets ? *secrets : "");
      ::_exit(secrets ? 0 : 1);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const auto now = *read(4000s);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(*sys::read_file(directory_ + "/" + std::to_string(i)), now) << i;
  }
}

}  // namespace
}  // namespace mail::tls
