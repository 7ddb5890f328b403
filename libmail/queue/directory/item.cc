#include "libmail/queue/directory/item.h"

#include <fcntl.h>

#include <algorithm>

#include "libmail/base/sys.h"
#include "libmail/queue/directory/draft.h"

namespace mail::queue {
namespace {

constexpr std::size_t kMaxSideFile = 64U << 20U;

// Reasons go to the recipients they are about.
void apply(const Attempts& attempts, Envelope& envelope) {
  for (const auto& reason : attempts.reasons) {
    if (reason.recipient >= envelope.recipients.size()) continue;
    Recipient& recipient = envelope.recipients.at(reason.recipient);
    recipient.reason = reason.text;
    recipient.status = reason.status;
  }
}

}  // namespace

Result<LoadedFile> load_file(const FileDescriptor& file, const std::string& path) {
  LoadedFile loaded;
  const std::string line = TRY(sys::pread_all(file, 0, kFirstLineOctets));
  const FirstLine first = TRY(parse_first_line(line));
  const auto length = static_cast<std::size_t>(first.envelope_octets);
  const std::string text = TRY(sys::pread_all(file, 0, length));
  loaded.parsed = TRY(parse_envelope(text));
  loaded.message_at = first.envelope_octets;
  const auto status = TRY(sys::fstat(file));
  Envelope& envelope = loaded.parsed.envelope;
  // A tombstone has no octets any more; everything else has all of them.
  if (envelope.has_pending() &&
      static_cast<std::uint64_t>(status.st_size) != first.envelope_octets + first.message_octets) {
    return fail(Errc::Corrupt, "Damaged queue file", path + ": message cut short");
  }
  if (const auto side = sys::read_file(path + ".try", kMaxSideFile)) {
    loaded.attempts = parse_attempts(*side);
    apply(loaded.attempts, envelope);
  }
  return loaded;
}

DirectoryItem::DirectoryItem(std::string directory, FileDescriptor file, LoadedFile loaded)
    : directory_(std::move(directory)),
      path_(directory_ + "/" + loaded.parsed.envelope.id.value),
      file_(std::move(file)),
      loaded_(std::move(loaded)) {}

Result<std::string> DirectoryItem::read_message(std::uint64_t offset, std::size_t length) {
  return sys::pread_all(file_, loaded_.message_at + offset, length);
}

Result<FileDescriptor> DirectoryItem::message() {
  auto copy = TRY(make_scratch(directory_, envelope().id.value + "-C"));
  TRY(copy_octets(file_, loaded_.message_at, envelope().size, copy));
  return sys::open_for_reading(copy);
}

Result<void> DirectoryItem::mark(std::span<const Mark> marks) {
  if (marks.empty()) return {};
  Envelope& envelope = loaded_.parsed.envelope;
  for (const auto& mark : marks) {
    Recipient& recipient = envelope.recipients.at(mark.recipient);
    recipient.status = mark.status;
    recipient.reason = mark.reason;
    if (recipient.state == mark.state) continue;
    const char octet = static_cast<char>(mark.state);
    TRY(sys::pwrite_all(file_, {&octet, 1}, loaded_.parsed.state_offsets.at(mark.recipient)));
    recipient.state = mark.state;
    is_synced_ = false;
  }
  if (!is_synced_) TRY(sys::fdatasync(file_, path_));
  is_synced_ = true;
  return {};
}

Result<void> DirectoryItem::defer(WallTime next_try) {
  loaded_.attempts.next_try = next_try;
  ++loaded_.attempts.count;
  return write_side_file();
}

Result<void> DirectoryItem::write_side_file() {
  Attempts& attempts = loaded_.attempts;
  attempts.reasons.clear();
  for (std::size_t i = 0; i < envelope().recipients.size(); ++i) {
    const Recipient& recipient = envelope().recipients.at(i);
    if (!recipient.reason.empty())
      attempts.reasons.push_back({i, recipient.status, recipient.reason});
  }
  // Whole or not at all for other processes; not synced, because it can be done without.
  const std::string temporary = directory_ + "/." + envelope().id.value + "-T.tmp";
  auto file = TRY(sys::open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY(sys::write_all(file, serialize(attempts)));
  TRY(sys::close(std::move(file), temporary));
  return sys::rename(temporary, path_ + ".try");
}

Result<void> DirectoryItem::make_tombstone() {
  std::vector<Mark> marks;
  for (std::size_t i = 0; i < envelope().recipients.size(); ++i) {
    if (envelope().recipients.at(i).state == RecipientState::Pending) {
      marks.push_back({i, RecipientState::Failed, {}, "deleted"});
    }
  }
  TRY(mark(marks));
  return sys::truncate(file_, loaded_.message_at);
}

Result<void> DirectoryItem::remove() {
  if (const auto parent = parent_of(envelope().id)) {
    if (sys::exists(directory_ + "/" + parent->value)) return make_tombstone();
    // Seen as gone is not durably gone.
    TRY(sys::fsync_directory(directory_));
  }
  TRY(sys::unlink(path_));
  static_cast<void>(sys::unlink(path_ + ".try"));
  return {};
}

}  // namespace mail::queue
