#include "libmail/login/roles.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "libmail/auth/system_accounts.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/confine/files.h"
#include "libmail/confine/filter.h"

namespace mail::login {
namespace {

Result<void> check(int result, const char* call, const std::string& object) {
  if (result == 0) return {};
  return fail(sys::error_from_errno(errno, call, object));
}

Result<void> forbid_new_privileges() {
  return check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl", "no new privileges");
}

Result<void> set_ids(const std::string& user, uid_t uid, gid_t gid) {
  TRY(check(::setresgid(gid, gid, gid), "setresgid", user));
  TRY(check(::setresuid(uid, uid, uid), "setresuid", user));
  if (uid != 0 && ::setuid(0) == 0) {  // the kernel would have to be broken
    return fail(Errc::Internal, "Internal error", user + ": uid 0 could be taken back");
  }
  return {};
}

// The account that owns nothing, in an empty root directory.
Result<void> leave_root(const std::string& user, const std::string& empty_directory) {
  auto account = auth::find_system_account(user);
  if (!account || account->uid == 0) {
    return fail(Errc::Config, "Server is not configured", user + ": no such unprivileged account");
  }
  TRY(check(::setgroups(0, nullptr), "setgroups", user));
  if (!empty_directory.empty()) {
    if (!sys::exists(empty_directory)) TRY(sys::make_directories(empty_directory, 0755));
    TRY(check(::chroot(empty_directory.c_str()), "chroot", empty_directory));
    TRY(check(::chdir("/"), "chdir", empty_directory));
  }
  return set_ids(user, account->uid, account->gid);
}

}  // namespace

Result<void> become_front(const std::string& user, const std::string& empty_directory) {
  ::tzset();  // the log's time zone can be read no more afterwards
  if (::geteuid() == 0) TRY(leave_root(user, empty_directory));
  // Without Landlock (Linux before 5.13) the rest still holds; without seccomp nobody logs in.
  TRY(confine::restrict_files({}));
  return confine::install_filter(confine::Filter::Front);
}

Result<void> confine_service() { return confine::install_filter(confine::Filter::Service); }

Result<void> become_service(const std::string& user) {
  if (::geteuid() != 0) return forbid_new_privileges();
  auto account = auth::find_system_account(user);
  if (!account || account->uid == 0) {
    return fail(Errc::Config, "Server is not configured", user + ": no such unprivileged account");
  }
  TRY(check(::initgroups(user.c_str(), account->gid), "initgroups", user));
  TRY(set_ids(user, account->uid, account->gid));
  return forbid_new_privileges();
}

Result<void> become_user(const auth::Identity& identity) {
  if (identity.uid == 0) return fail(Errc::Denied, "Login is not allowed", "uid 0 gets no session");
  if (::geteuid() != 0) {
    if (identity.uid == ::geteuid()) return {};
    return fail(Errc::Denied, "Login is not allowed",
                log::escape(identity.user) + ": has uid " + std::to_string(identity.uid) +
                    ", and this server runs as an ordinary user");
  }
  // Groups are the account's own where the system knows it; an entry of a password file has one.
  const auto account = auth::find_system_account(identity.user);
  if (account && account->uid == identity.uid) {
    TRY(check(::initgroups(identity.user.c_str(), identity.gid), "initgroups", identity.user));
  } else {
    TRY(check(::setgroups(1, &identity.gid), "setgroups", identity.user));
  }
  TRY(set_ids(identity.user, identity.uid, identity.gid));
  if (identity.home.empty() || ::chdir(identity.home.c_str()) != 0) {
    TRY(check(::chdir("/"), "chdir", "/"));
  }
  return forbid_new_privileges();
}

}  // namespace mail::login
