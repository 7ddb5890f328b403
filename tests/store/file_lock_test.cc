// The locks other programs know, met by real ones in another process.
#include "libmail/store/mbox/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

using Method = MboxLocks::Method;

// Another process that holds `how` until destroyed.
class Holder {
 public:
  Holder(const std::string& path, const std::string& how) {
    int ready[2];
    if (::pipe(ready) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(path.c_str(), O_RDWR);
      int result = -1;
      struct ::flock request {};
      request.l_type = how == "fcntl shared" ? F_RDLCK : F_WRLCK;
      if (how.starts_with("fcntl")) result = ::fcntl(fd, F_SETLK, &request);
      if (how == "lockf") result = ::lockf(fd, F_TLOCK, 0);
      if (how == "flock") result = ::flock(fd, LOCK_EX | LOCK_NB);
      if (::write(ready[1], result == 0 ? "y" : "n", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    char answer = 'n';
    if (::read(ready[0], &answer, 1) != 1 || answer != 'y') ADD_FAILURE() << how << " not taken";
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_;
};

class FileLocks : public testing::Test {
 protected:
  FileLocks() {
    fixture_.settings().lock_timeout = std::chrono::milliseconds(120);
    const auto store = fixture_.open();
    first_ = add(*expect_ok(store->open("INBOX")), kMessage);
  }
  // Whether a session with these locks can read, and can append.
  bool reads() {
    const auto store = fixture_.open();
    const auto box = store->open("INBOX");
    if (!box) return false;
    const auto reader = (*box)->open(first_, View::Stored);
    return reader && read_all(**reader).has_value();
  }
  bool writes() {
    const auto store = fixture_.open();
    const auto box = store->open("INBOX");
    StringSource source{kMessage};
    auto appended = (*box)->append(source, {});
    if (!appended) error_ = appended.error();
    return appended.has_value();
  }
  static void make_old(const std::string& path) {
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(200));
  }
  std::string lock_path() { return fixture_.inbox() + ".lock"; }
  MboxLocks& locks() { return fixture_.settings().mbox_locks; }

  MboxFixture fixture_;
  Uid first_;
  Error error_;
};

TEST_F(FileLocks, FcntlAndLockfOfOthersAreObeyedWhateverIsConfigured) {
  for (const auto& methods : {std::vector{Method::Fcntl}, std::vector{Method::Flock},
                              std::vector{Method::DotlockTry, Method::Flock}}) {
    locks().write = methods;
    locks().read = methods;
    for (const std::string how : {"fcntl", "lockf"}) {
      const Holder holder{fixture_.inbox(), how};
      EXPECT_FALSE(writes()) << how;
      EXPECT_EQ(error_.code, Errc::InUse);
      EXPECT_FALSE(reads()) << how;
      EXPECT_FALSE(std::filesystem::exists(lock_path()));
    }
    const Holder holder{fixture_.inbox(), "fcntl shared"};
    EXPECT_FALSE(writes());
    EXPECT_TRUE(reads());
  }
  EXPECT_TRUE(writes());
}

TEST_F(FileLocks, FlockIsObeyedWhereConfigured) {
  const Holder holder{fixture_.inbox(), "flock"};
  EXPECT_TRUE(writes());
  locks().write = {Method::Fcntl, Method::Flock};
  EXPECT_FALSE(writes());
  EXPECT_EQ(error_.code, Errc::InUse);
  EXPECT_TRUE(reads());
  locks().read = {Method::Flock};
  EXPECT_FALSE(reads());
}

TEST_F(FileLocks, NothingIsLeftLocked) {
  locks().write = {Method::Dotlock, Method::Fcntl, Method::Flock};
  EXPECT_TRUE(writes());
  EXPECT_FALSE(std::filesystem::exists(lock_path()));
  for (const std::string how : {"fcntl", "flock"}) const Holder holder{fixture_.inbox(), how};
  EXPECT_TRUE(writes());
}

TEST_F(FileLocks, ADotlockIsWaitedForAndAStaleOneTakenAway) {
  locks().write = {Method::Dotlock, Method::Fcntl};
  spill(lock_path(), "0");  // procmail's
  EXPECT_FALSE(writes());
  EXPECT_EQ(error_.code, Errc::InUse);
  EXPECT_TRUE(reads());
  locks().read = {Method::DotlockTry};
  EXPECT_FALSE(reads());
  locks().read = {Method::Fcntl};

  // Old, but the mailbox has changed since.
  make_old(lock_path());
  EXPECT_FALSE(writes());
  make_old(fixture_.inbox());
  EXPECT_TRUE(writes());
  EXPECT_FALSE(std::filesystem::exists(lock_path()));

  locks().dotlock_change_timeout = std::chrono::seconds(1000);
  spill(lock_path(), "0");
  make_old(lock_path());
  make_old(fixture_.inbox());
  EXPECT_FALSE(writes());
}

TEST_F(FileLocks, ADotlockOfADeadProcessIsTakenAwayAtOnce) {
  locks().write = {Method::Dotlock};
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  spill(lock_path(), std::to_string(pid) + ":elsewhere." + host);
  EXPECT_FALSE(writes());
  spill(lock_path(), std::to_string(::getpid()) + ":" + host);
  EXPECT_FALSE(writes());
  spill(lock_path(), std::to_string(pid) + ":" + host);
  EXPECT_TRUE(writes());
}

TEST_F(FileLocks, WhereNoFileMayBeMade) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may make files anywhere";
  const std::string spool = std::filesystem::path(fixture_.inbox()).parent_path();
  ::chmod(spool.c_str(), 0555);
  locks().write = {Method::DotlockTry, Method::Fcntl};
  EXPECT_TRUE(writes());
  locks().write = {Method::Dotlock, Method::Fcntl};
  EXPECT_FALSE(writes());
  EXPECT_EQ(error_.code, Errc::Denied);
  EXPECT_NE(error_.log_text.find(lock_path()), std::string::npos) << error_.log_text;
  ::chmod(spool.c_str(), 0755);
  EXPECT_TRUE(writes());
}

}  // namespace
}  // namespace mail::store
