#include "libmail/confine/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <span>

#include "libmail/base/sys.h"

#ifdef __SANITIZE_ADDRESS__
namespace {
bool is_confined = false;
}
// LeakSanitizer starts a process that traces ours: a confined one cannot be looked through.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() { return is_confined ? 1 : 0; }
#endif

namespace mail::confine {
namespace {

// NOLINTNEXTLINE(modernize-avoid-c-arrays): made by make_filters
#include "filters.inc"

std::span<const ::sock_filter> program_of(Filter filter) {
  switch (filter) {
    case Filter::Front:
      return kFront;
    case Filter::Session:
      return kSession;
    case Filter::Service:
      break;
  }
  return kService;
}

}  // namespace

Result<void> install_filter(Filter filter) {
  const auto program = program_of(filter);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the kernel's structure knows no const
  ::sock_fprog given{static_cast<unsigned short>(program.size()),
                     const_cast<::sock_filter*>(program.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(sys::error_from_errno(errno, "prctl", "no new privileges"));
  }
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &given) != 0) {
    if (errno == EINVAL) return fail(Errc::Unsupported, "no seccomp", "kernel without seccomp");
    return fail(sys::error_from_errno(errno, "prctl", "seccomp filter"));
  }
#ifdef __SANITIZE_ADDRESS__
  is_confined = true;
#endif
  return {};
}

}  // namespace mail::confine
