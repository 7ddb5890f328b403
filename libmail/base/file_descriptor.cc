#include "libmail/base/file_descriptor.h"

#include <unistd.h>

namespace mail {

void FileDescriptor::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace mail
