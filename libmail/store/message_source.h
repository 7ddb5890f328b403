// Ready-made MessageSources: octets in memory, and an open file.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/store/mailbox.h"

namespace mail::store {

class StringSource final : public MessageSource {
 public:
  explicit StringSource(std::string octets) : octets_(std::move(octets)) {}
  Result<std::string_view> next() override;
  Result<void> rewind() override;

 private:
  std::string octets_;
  bool given_ = false;
};

// `before` (trace fields, say), then the file's octets from `offset` to its end. The descriptor is
// not owned and its file offset not used.
class DescriptorSource final : public MessageSource {
 public:
  explicit DescriptorSource(const FileDescriptor& fd, std::string before = {},
                            std::uint64_t offset = 0)
      : fd_(fd), before_(std::move(before)), begin_(offset), at_(offset) {}
  explicit DescriptorSource(FileDescriptor&& fd, std::string before = {},
                            std::uint64_t offset = 0) = delete;  // it does not keep it
  Result<std::string_view> next() override;
  Result<void> rewind() override;

 private:
  const FileDescriptor& fd_;
  std::string before_;
  std::uint64_t begin_;
  std::uint64_t at_;
  bool before_given_ = false;
  std::string buffer_;
};

// A message out of a MessageReader: COPY from one mailbox to another.
class ReaderSource final : public MessageSource {
 public:
  explicit ReaderSource(MessageReader& reader) : reader_(reader) {}
  Result<std::string_view> next() override;
  Result<void> rewind() override;

 private:
  MessageReader& reader_;
  std::uint64_t at_ = 0;
  std::string buffer_;
};

// Copies messages of `from` to `to` (which may be the same mailbox) as one change: flags and
// INTERNALDATE go with them. Returns what append_all() does; NotFound if one of them is gone.
Result<std::vector<Uid>> append_copies(Mailbox& from, std::span<const MessageInfo> messages,
                                       Mailbox& to);

}  // namespace mail::store
