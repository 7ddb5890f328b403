// DirectoryItem: a queue file, open and locked.
#pragma once

#include <string>
#include <vector>

#include "libmail/queue/envelope_text.h"
#include "libmail/queue/queue.h"

namespace mail::queue {

// Envelope and side file of `path` as they are on disk now.
struct LoadedFile {
  ParsedEnvelope parsed;
  Attempts attempts;
  std::uint64_t message_at = 0;
};
Result<LoadedFile> load_file(const FileDescriptor& file, const std::string& path);

class DirectoryItem final : public Item {
 public:
  DirectoryItem(std::string directory, FileDescriptor file, LoadedFile loaded);

  [[nodiscard]] const Envelope& envelope() const override { return loaded_.parsed.envelope; }
  Result<FileDescriptor> message() override;
  Result<std::string> read_message(std::uint64_t offset, std::size_t length) override;
  [[nodiscard]] WallTime next_try() const override { return loaded_.attempts.next_try; }
  [[nodiscard]] unsigned attempts() const override { return loaded_.attempts.count; }
  Result<void> mark(std::span<const Mark> marks) override;
  Result<void> defer(WallTime next_try) override;
  Result<void> remove() override;

 private:
  Result<void> make_tombstone();
  Result<void> write_side_file();

  std::string directory_;
  std::string path_;
  FileDescriptor file_;
  LoadedFile loaded_;
  bool is_synced_ = true;  // what mark() wrote is durable
};

}  // namespace mail::queue
