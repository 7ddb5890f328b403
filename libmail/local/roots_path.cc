#include "libmail/local/roots_path.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "libmail/base/sys.h"

namespace mail::local {
namespace {

constexpr mode_t kOthersWrite = 0022;

// The path as it is written, from "/" on; what a link of root's leads to is the caller's affair.
bool is_roots_chain(const std::filesystem::path& directory) {
  std::filesystem::path walked;
  for (const auto& step : directory) {
    if (step == "..") return false;
    walked /= step;
    const auto status = sys::lstat(walked.string());
    if (!status || status->st_uid != 0) return false;
    const bool is_last = walked == directory;
    const bool is_open = !S_ISLNK(status->st_mode) && (status->st_mode & kOthersWrite) != 0 &&
                         (status->st_mode & S_ISVTX) == 0;
    if (is_open && !is_last) return false;
  }
  return true;
}

}  // namespace

bool is_roots_path(const std::string& path) {
  const auto directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  const auto real = std::filesystem::canonical(directory, error);
  return !error && directory.is_absolute() && is_roots_chain(directory) && is_roots_chain(real);
}

}  // namespace mail::local
