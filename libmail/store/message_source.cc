#include "libmail/store/message_source.h"

#include "libmail/base/sys.h"

namespace mail::store {
namespace {
constexpr std::size_t kChunk = 64UL * 1024;  // octets held at a time
}

Result<std::string_view> StringSource::next() {
  if (given_) return std::string_view{};
  given_ = true;
  return std::string_view{octets_};
}

Result<void> StringSource::rewind() {
  given_ = false;
  return {};
}

Result<std::string_view> DescriptorSource::next() {
  if (!before_given_) {
    before_given_ = true;
    if (!before_.empty()) return std::string_view{before_};
  }
  buffer_.resize(kChunk);
  const std::size_t got = TRY(sys::pread(fd_, buffer_, at_));
  at_ += got;
  return std::string_view{buffer_}.substr(0, got);
}

Result<void> DescriptorSource::rewind() {
  before_given_ = false;
  at_ = begin_;
  return {};
}

Result<std::string_view> ReaderSource::next() {
  buffer_.resize(kChunk);
  const std::size_t got = TRY(reader_.read(at_, buffer_));
  at_ += got;
  return std::string_view{buffer_}.substr(0, got);
}

Result<void> ReaderSource::rewind() {
  at_ = 0;
  return {};
}

}  // namespace mail::store
