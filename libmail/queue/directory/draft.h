// DirectoryDraft: a message on its way into a DirectoryQueue. Up to kMemoryOctets stay in memory;
// beyond that they go to a nameless file in the queue's directory, so that a message of any size
// costs no memory. commit() writes envelope and message into one new file.
#pragma once

#include <string>

#include "libmail/base/clock.h"
#include "libmail/queue/queue.h"

namespace mail::queue {

class DirectoryDraft final : public Draft {
 public:
  static constexpr std::size_t kMemoryOctets = 128U << 10U;

  DirectoryDraft(std::string directory, QueueId id, WallTime now)
      : directory_(std::move(directory)), id_(std::move(id)), now_(now) {}

  [[nodiscard]] const QueueId& id() const override { return id_; }
  Result<void> write(std::string_view octets) override;
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  Result<FileDescriptor> message() override;
  Result<QueueId> commit(Envelope envelope) override;

 private:
  Result<void> flush();
  Result<void> write_file(const FileDescriptor& file, const Envelope& envelope);

  std::string directory_;
  QueueId id_;
  WallTime now_;
  std::string pending_;  // not in spool_ yet
  FileDescriptor spool_;
  std::uint64_t size_ = 0;
  bool is_broken_ = false;  // a write failed: what is in spool_ is not the message
};

// A file without a name in `directory` that can get one, or the next best: one whose name,
// `fallback`, is there until it is renamed or removed.
struct NamelessFile {
  FileDescriptor file;
  std::string name;  // empty: O_TMPFILE
};
Result<NamelessFile> make_nameless(const std::string& directory, const std::string& fallback);
// As above for octets that are only read back: unlinked at once.
Result<FileDescriptor> make_scratch(const std::string& directory, const std::string& fallback);
// Octets [offset, offset+length) of one file appended to another.
Result<void> copy_octets(const FileDescriptor& from, std::uint64_t offset, std::uint64_t length,
                         const FileDescriptor& to);

}  // namespace mail::queue
