// Spool: a message on its way into a mailbox, received once: in memory up to a limit, beyond it in
// an unnamed file. A store::MessageSource, so that the store may read it twice.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/store/mailbox.h"

namespace mail::imap {

class Spool final : public store::MessageSource {
 public:
  static constexpr std::size_t kInMemory = 128U << 10U;  // octets

  explicit Spool(std::string directory) : directory_(std::move(directory)) {}
  Result<void> write(std::string_view octets);
  [[nodiscard]] std::uint64_t size() const { return size_; }

  Result<std::string_view> next() override;
  Result<void> rewind() override;

 private:
  std::string directory_;
  std::string memory_;
  FileDescriptor file_;  // open once memory_ is not enough; then all octets are there
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
  std::string buffer_;
};

}  // namespace mail::imap
