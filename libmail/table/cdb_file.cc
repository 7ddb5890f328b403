#include "libmail/table/cdb_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "libmail/base/sys.h"

namespace mail::table {
namespace {

constexpr unsigned kMaxValue = 1U << 20U;  // octets; no alias list of sense is longer

class Maker {
 public:
  explicit Maker(const FileDescriptor& fd) { cdb_make_start(&make_, fd.get()); }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  ~Maker() {
    if (!finished_) static_cast<void>(cdb_make_finish(&make_));  // the only call that frees it
  }
  bool add(std::string_view key, std::string_view value) {
    return cdb_make_add(&make_, key.data(), static_cast<unsigned>(key.size()), value.data(),
                        static_cast<unsigned>(value.size())) == 0;
  }
  bool finish() {
    finished_ = true;
    return cdb_make_finish(&make_) == 0;
  }

 private:
  struct cdb_make make_ {};
  bool finished_ = false;
};

Result<void> fill(const FileDescriptor& fd, const std::string& temporary,
                  const std::map<std::string, std::string>& records) {
  Maker maker(fd);
  for (const auto& [key, value] : records) {
    if (!maker.add(key, value)) return fail(sys::error_from_errno(errno, "write", temporary));
  }
  if (!maker.finish()) return fail(sys::error_from_errno(errno, "write", temporary));
  if (::fchmod(fd.get(), 0644) != 0) {  // whatever the umask: every program reads the maps
    return fail(sys::error_from_errno(errno, "chmod", temporary));
  }
  return sys::fdatasync(fd, temporary);
}

}  // namespace

CdbFile::CdbFile(CdbFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      cdb_(other.cdb_),
      open_(std::exchange(other.open_, false)),
      path_(std::move(other.path_)) {}

CdbFile::~CdbFile() {
  if (open_) cdb_free(&cdb_);
}

Result<CdbFile> CdbFile::open(const std::string& path) {
  CdbFile file;
  file.fd_ = TRY(sys::open(path, O_RDONLY));
  file.path_ = path;
  if (cdb_init(&file.cdb_, file.fd_.get()) != 0) {
    return fail(Errc::Corrupt, "Lookup table is damaged", path + ": not a constant database");
  }
  file.open_ = true;
  return file;
}

Result<std::optional<std::string>> CdbFile::find(std::string_view key) {
  const int found = cdb_find(&cdb_, key.data(), static_cast<unsigned>(key.size()));
  if (found == 0) return std::nullopt;
  const unsigned length = found < 0 ? 0 : cdb_datalen(&cdb_);
  const void* data =
      found < 0 || length > kMaxValue ? nullptr : cdb_get(&cdb_, length, cdb_datapos(&cdb_));
  if (data == nullptr) {
    return fail(Errc::Corrupt, "Lookup table is damaged", path_ + ": damaged constant database");
  }
  return std::string(static_cast<const char*>(data), length);
}

Result<void> write_cdb(const std::string& path, const std::map<std::string, std::string>& records) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  auto fd = TRY(sys::open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
  auto made = fill(fd, temporary, records);
  if (made) made = sys::close(std::move(fd), temporary);
  if (made) made = sys::rename(temporary, path);
  if (!made) {
    static_cast<void>(sys::unlink(temporary));
    return made;
  }
  const auto slash = path.rfind('/');
  return sys::fsync_directory(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace mail::table
