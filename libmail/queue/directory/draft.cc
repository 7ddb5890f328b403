#include "libmail/queue/directory/draft.h"

#include <fcntl.h>

#include <algorithm>

#include "libmail/base/sys.h"
#include "libmail/queue/envelope_text.h"

namespace mail::queue {
namespace {

constexpr std::size_t kCopyChunk = 256U << 10U;

}  // namespace

Result<NamelessFile> make_nameless(const std::string& directory, const std::string& fallback) {
  auto file = sys::open(directory, O_TMPFILE | O_RDWR, 0600);
  if (file) return NamelessFile{*std::move(file), {}};
  // NFS, old overlayfs and others answer EOPNOTSUPP or EISDIR. Whatever else is wrong (no room, not
  // permitted) the ordinary way finds too.
  const std::string name = directory + "/." + fallback + ".tmp";
  auto named = TRY(sys::open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  return NamelessFile{std::move(named), name};
}

Result<FileDescriptor> make_scratch(const std::string& directory, const std::string& fallback) {
  auto made = TRY(make_nameless(directory, fallback));
  if (!made.name.empty()) TRY(sys::unlink(made.name));
  return std::move(made.file);
}

Result<void> copy_octets(const FileDescriptor& from, std::uint64_t offset, std::uint64_t length,
                         const FileDescriptor& to) {
  while (length > 0) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(length, kCopyChunk));
    const std::string chunk = TRY(sys::pread_all(from, offset, want));
    if (chunk.empty()) return fail(Errc::Corrupt, "Damaged queue file", "message cut short");
    TRY(sys::write_all(to, chunk));
    offset += chunk.size();
    length -= chunk.size();
  }
  return {};
}

Result<void> DirectoryDraft::write(std::string_view octets) {
  pending_ += octets;
  size_ += octets.size();
  return pending_.size() > kMemoryOctets ? flush() : Result<void>{};
}

Result<void> DirectoryDraft::flush() {
  if (is_broken_) return fail(Errc::Io, "Queue file write error", id_.value + ": a write failed");
  if (!spool_.is_open()) spool_ = TRY(make_scratch(directory_, id_.value + "-S"));
  is_broken_ = true;
  TRY(sys::write_all(spool_, pending_));
  is_broken_ = false;
  pending_.clear();
  return {};
}

Result<FileDescriptor> DirectoryDraft::message() {
  TRY(flush());
  return sys::open_for_reading(spool_);
}

Result<void> DirectoryDraft::write_file(const FileDescriptor& file, const Envelope& envelope) {
  const std::string text = serialize(envelope).octets;
  if (spool_.is_open()) {
    TRY(sys::write_all(file, text));
    TRY(copy_octets(spool_, 0, size_ - pending_.size(), file));
    TRY(sys::write_all(file, pending_));
  } else {
    TRY(sys::write_all(file, text + pending_));
  }
  return sys::fsync(file, envelope.id.value);
}

Result<QueueId> DirectoryDraft::commit(Envelope envelope) {
  if (is_broken_) return fail(Errc::Io, "Queue file write error", id_.value + ": a write failed");
  if (envelope.id.value.empty()) envelope.id = id_;
  if (envelope.arrived == WallTime{}) envelope.arrived = now_;
  envelope.size = size_;
  const std::string path = directory_ + "/" + envelope.id.value;
  auto made = TRY(make_nameless(directory_, id_.value));
  auto named = write_file(made.file, envelope);
  // link, not rename: a name that is taken is never replaced.
  if (named) {
    named = made.name.empty() ? sys::link_open_file(made.file, path) : sys::link(made.name, path);
  }
  if (!made.name.empty()) static_cast<void>(sys::unlink(made.name));
  if (!named) {
    // Whoever goes on because the name is there relies on it (exist-sync).
    if (named.error().code == Errc::Exists) TRY(sys::fsync_directory(directory_));
    return fail(std::move(named).error());
  }
  if (auto durable = sys::fsync_directory(directory_); !durable) {
    // Not acknowledged, so it must not be sent either.
    static_cast<void>(sys::unlink(path));
    return fail(std::move(durable).error());
  }
  return envelope.id;
}

}  // namespace mail::queue
