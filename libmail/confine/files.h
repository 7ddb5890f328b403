// A process gives up files, for itself and for good (Landlock: Linux 5.13, with writable ones
// 5.19). What is open stays open.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/result.h"

namespace mail::confine {

struct Files {
  std::vector<std::string> readable;  // directories and files: to read, list and execute code of
  std::vector<std::string>
      writable;  // directories: everything below them; files: to read and write
};

// Afterwards no path outside of these can be opened, made, renamed, linked or removed, whatever the
// process's uid. A path that is not there is passed over; symbolic links are followed now, once.
// With TCP left out (Linux 6.7) no connection can be made either, nor (6.12) a signal or abstract
// socket reach another process. False: this kernel has no Landlock and nothing has changed.
Result<bool> restrict_files(const Files& files);

// What libraries open late: iconv's modules, time zones, the name service's files.
std::vector<std::string> library_files();

}  // namespace mail::confine
