// A constant database (tinycdb) and its making. Readers keep the file they opened: a new one is
// renamed over it, complete and durable, or not at all.
#pragma once

#include <cdb.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::table {

inline constexpr std::string_view kCdbSuffix = ".cdb";

class CdbFile {
 public:
  static Result<CdbFile> open(const std::string& path);
  CdbFile(CdbFile&& other) noexcept;
  CdbFile& operator=(CdbFile&&) = delete;
  CdbFile(const CdbFile&) = delete;
  CdbFile& operator=(const CdbFile&) = delete;
  ~CdbFile();

  // Corrupt where the file contradicts itself.
  Result<std::optional<std::string>> find(std::string_view key);

 private:
  CdbFile() = default;
  FileDescriptor fd_;
  struct cdb cdb_ {};
  bool open_ = false;
  std::string path_;
};

// Temporary file beside `path`, fdatasync, rename, fsync of the directory; mode 0644.
Result<void> write_cdb(const std::string& path, const std::map<std::string, std::string>& records);

}  // namespace mail::table
