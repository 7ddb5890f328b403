#include "libmail/local/become.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "libmail/base/sys.h"

namespace mail::local {

Result<void> drop_capabilities() {
  // NOLINTBEGIN(cppcoreguidelines-pro-type-vararg): prctl and syscall are so
  // Programs started by uid 0 would get them back: first no root magic, then the bounding set.
  if (::prctl(PR_SET_SECUREBITS,
              SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                  SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED,
              0, 0, 0) != 0) {
    return fail(sys::error_from_errno(errno, "prctl", "securebits"));
  }
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) < 0) break;  // beyond the last one
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return fail(sys::error_from_errno(errno, "prctl", "capability bounding set"));
    }
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return fail(sys::error_from_errno(errno, "capset", "no capabilities"));
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(sys::error_from_errno(errno, "prctl", "no new privileges"));
  }
  // NOLINTEND(cppcoreguidelines-pro-type-vararg)
  return {};
}

Result<void> become(const auth::Identity& identity) {
  ::umask(077);
  if (::geteuid() != 0) return {};
  if (identity.uid == 0) {
    if (::setgroups(0, nullptr) != 0 ||
        ::setresgid(identity.gid, identity.gid, identity.gid) != 0) {
      return fail(sys::error_from_errno(errno, "setgroups", identity.user));
    }
    return drop_capabilities();
  }
  // As Postfix delivers: with the primary group alone. (With nss-systemd, asking for the others
  // costs a seventh of a delivery.)
  if (::setgroups(1, &identity.gid) != 0 ||
      ::setresgid(identity.gid, identity.gid, identity.gid) != 0 ||
      ::setresuid(identity.uid, identity.uid, identity.uid) != 0) {
    return fail(sys::error_from_errno(errno, "become", identity.user));
  }
  // Belt and braces: a kernel or container that answers 0 and does nothing would be a disaster.
  if (::geteuid() == 0 || ::getuid() == 0 || ::setuid(0) == 0) {
    return fail(Errc::Internal, "Temporary system problem",
                "become " + identity.user + ": still root");
  }
  return {};
}

}  // namespace mail::local
