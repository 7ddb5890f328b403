#include "libmail/imap/spool.h"

#include <fcntl.h>

#include "libmail/base/sys.h"

namespace mail::imap {

Result<void> Spool::write(std::string_view octets) {
  size_ += octets.size();
  if (!file_.is_open() && size_ <= kInMemory) {
    memory_ += octets;
    return {};
  }
  if (!file_.is_open()) {
    file_ = TRY(sys::open(directory_, O_TMPFILE | O_RDWR, 0600));
    TRY(sys::write_all(file_, memory_));
    memory_ = {};
  }
  return sys::write_all(file_, octets);
}

Result<std::string_view> Spool::next() {
  if (!file_.is_open()) {
    const std::string_view rest = std::string_view(memory_).substr(at_);
    at_ = memory_.size();
    return rest;
  }
  buffer_.resize(64U << 10U);
  const std::size_t count = TRY(sys::pread(file_, buffer_, at_));
  at_ += count;
  return std::string_view(buffer_).substr(0, count);
}

Result<void> Spool::rewind() {
  at_ = 0;
  return {};
}

}  // namespace mail::imap
