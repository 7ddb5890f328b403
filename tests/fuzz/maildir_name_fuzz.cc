// Maildir file names, and dovecot-uidlist, of any octets.
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "libmail/base/sys.h"
#include "libmail/store/maildir/file_name.h"
#include "libmail/store/maildir/uid_list.h"

namespace {
void check(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mail::store;
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const maildir::FileName name = maildir::parse_file_name(input);
  check(input.starts_with(name.base) && name.base.find(':') == std::string_view::npos);
  const maildir::Keywords keywords{"work", "", "$Forwarded"};
  const Flags flags = maildir::to_flags(name.letters, keywords);
  const std::string letters = maildir::to_letters(flags, keywords, name.letters);
  check(maildir::to_flags(letters, keywords) == flags);
  check(maildir::to_letters(flags, keywords, letters) == letters);
  const std::string renamed = std::string(name.base) + ":2," + letters;
  const auto again = maildir::parse_file_name(renamed);
  check(again.base == name.base && again.letters == letters);
  static_cast<void>(maildir::wire_size_of(name.base));

  const mail::FileDescriptor fd{::memfd_create("uidlist", MFD_CLOEXEC)};
  check(mail::sys::write_all(fd, input).has_value());
  auto list = maildir::read_uid_list("/proc/self/fd/" + std::to_string(fd.get()));
  check(list.has_value());
  for (const auto& one : list->entries()) {
    check(one.uid < list->uid_next || one.uid == UINT32_MAX);
    check(list->find(one.base) == &one);
  }
  return 0;
}
