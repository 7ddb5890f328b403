#include "libmail/base/create_whole.h"

#include <fcntl.h>
#include <sys/file.h>

#include <optional>

#include "libmail/base/sys.h"

namespace mail::sys {
namespace {

// Ok, Exists, or the octets could not be written; nullopt: this file system cannot.
std::optional<Result<void>> create_nameless(const std::string& path, std::string_view octets,
                                            mode_t mode) {
  const std::string directory = path.substr(0, path.rfind('/') + 1) + ".";
  const auto file = open(directory, O_WRONLY | O_TMPFILE, mode);
  if (!file) return std::nullopt;
  auto written = write_all(*file, octets);
  if (!written) return written;
  auto linked = link_open_file(*file, path);
  if (linked || linked.error().code == Errc::Exists) return linked;
  return std::nullopt;
}

}  // namespace

Result<void> create_whole(const std::string& path, std::string_view octets, mode_t mode) {
  if (auto made = create_nameless(path, octets, mode)) return *std::move(made);
  const auto file = TRY(open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
  auto written = write_all(file, octets);
  if (!written) static_cast<void>(unlink(path));
  return written;
}

Result<bool> unlink_if_same(const FileDescriptor& file, const std::string& path) {
  // Who holds it alone may look and remove in one step.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  const auto ours = TRY(fstat(file));
  const auto named = lstat(path);
  if (!named || named->st_ino != ours.st_ino || named->st_dev != ours.st_dev) return false;
  TRY(unlink(path));
  return true;
}

}  // namespace mail::sys
