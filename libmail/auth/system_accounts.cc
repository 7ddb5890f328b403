#include "libmail/auth/system_accounts.h"

#include <grp.h>
#include <pwd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "libmail/base/log.h"

namespace mail::auth {
namespace {
constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kLargestBuffer = 1U << 20U;  // octets of one passwd entry

Error no_such_user() { return make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"); }
}  // namespace

Result<Identity> find_system_account(const std::string& name) {
  std::vector<char> buffer(kFirstBuffer);
  for (;;) {
    ::passwd entry{};
    ::passwd* result = nullptr;
    const int error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &result);
    if (error == EINTR) continue;
    if (error == ERANGE && buffer.size() < kLargestBuffer) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (result != nullptr) {
      return Identity{entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, ""};
    }
    // getpwnam(3): "the name was not found" may be any of these.
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
      return fail(no_such_user());
    }
    return fail(make_error(Errc::Unavailable, EnhancedStatus{4, 3, 0},
                           "Accounts cannot be looked up now",
                           "getpwnam " + log::escape(name) + ": error " + std::to_string(error)));
  }
}

void load_account_modules() {
  std::array<::gid_t, 1> group{};
  int count = group.size();
  // Asks every source in turn, as no other lookup of a name that exists does.
  static_cast<void>(::getgrouplist("root", 0, group.data(), &count));
}

Result<Identity> SystemAccounts::find(std::string_view name) {
  if (name.find('\0') != std::string_view::npos) return fail(no_such_user());
  for (const auto& candidate : names_.candidates(name)) {
    auto account = find_system_account(candidate);
    if (account || account.error().code != Errc::NotFound) return account;
  }
  return fail(no_such_user());
}

}  // namespace mail::auth
