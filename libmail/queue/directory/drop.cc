#include "libmail/queue/directory/drop.h"

#include <fcntl.h>
#include <unistd.h>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/queue/directory/draft.h"
#include "libmail/queue/envelope_text.h"

namespace mail::queue {
namespace {

constexpr std::size_t kChunk = 256U << 10U;

// A user may write into drop/ but not read it, so fsync of the directory may be refused: then the
// whole file system is synced through the file.
Result<void> make_name_durable(const std::string& directory, const FileDescriptor& file) {
  if (sys::fsync_directory(directory)) return {};
  if (::syncfs(file.get()) != 0) return fail(sys::error_from_errno(errno, "syncfs", directory));
  return {};
}

// Birth time and inode name a file for good, and its owner can change neither.
Result<QueueId> name_of(const FileDescriptor& file) {
  struct ::statx status {};
  if (::statx(file.get(), "", AT_EMPTY_PATH, STATX_BTIME | STATX_CTIME | STATX_INO, &status) != 0) {
    return fail(sys::error_from_errno(errno, "statx", "drop file"));
  }
  const auto& born = (status.stx_mask & STATX_BTIME) != 0 ? status.stx_btime : status.stx_ctime;
  const WallTime time{std::chrono::seconds(born.tv_sec) +
                      std::chrono::microseconds(born.tv_nsec / 1000)};
  // 'D' keeps these apart from ids made by a clock and a process number.
  return QueueId{"D" + make_queue_id(time, status.stx_ino).value};
}

struct Dropped {
  FileDescriptor file;
  Envelope envelope;
  std::uint64_t message_at = 0;
  uid_t owner = 0;
  WallTime arrived{};
};

Result<Dropped> open_dropped(const std::string& path) {
  Dropped dropped;
  // O_NONBLOCK: a FIFO must not hold the runner up.
  dropped.file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  const auto status = TRY(sys::fstat(dropped.file));
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
    return fail(Errc::Corrupt, "Damaged queue file", path + ": not a regular file with one link");
  }
  dropped.owner = status.st_uid;
  // Nobody but the kernel writes this one.
  dropped.arrived = WallTime{std::chrono::seconds(status.st_ctim.tv_sec) +
                             std::chrono::microseconds(status.st_ctim.tv_nsec / 1000)};
  const std::string line = TRY(sys::pread_all(dropped.file, 0, kFirstLineOctets));
  const FirstLine first = TRY(parse_first_line(line));
  const std::string text =
      TRY(sys::pread_all(dropped.file, 0, static_cast<std::size_t>(first.envelope_octets)));
  dropped.envelope = TRY(parse_envelope(text))
  .envelope;
  dropped.message_at = first.envelope_octets;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < dropped.message_at || size - dropped.message_at != dropped.envelope.size) {
    return fail(Errc::Corrupt, "Damaged queue file", path + ": message cut short");
  }
  return dropped;
}

Result<Envelope> believed(const Dropped& dropped, const Ingestion& ingestion) {
  Envelope envelope;
  envelope.reverse_path = dropped.envelope.reverse_path;
  envelope.smtputf8 = dropped.envelope.smtputf8;
  envelope.body_8bit = dropped.envelope.body_8bit;
  envelope.arrived = dropped.arrived;
  envelope.client = "uid " + std::to_string(dropped.owner);
  for (const auto& given : dropped.envelope.recipients) {
    auto expanded = ingestion.expand(given.address, envelope.reverse_path);
    if (expanded) {
      envelope.recipients.insert(envelope.recipients.end(), expanded->begin(), expanded->end());
    } else if (expanded.error().is_permanent()) {
      // The runner finds it failed for good at its first attempt, and reports it.
      Recipient unknown;
      unknown.address = given.address;
      unknown.original_to = given.address;
      unknown.kind = "unknown";
      unknown.target = given.address;
      envelope.recipients.push_back(std::move(unknown));
    } else {
      return fail(std::move(expanded).error());  // stays in drop/ until it can be told
    }
  }
  if (envelope.recipients.empty()) return fail(Errc::Corrupt, "No recipients", "no recipients");
  return envelope;
}

Result<void> take_in(Queue& queue, const std::string& path, const Ingestion& ingestion) {
  const Dropped dropped = TRY(open_dropped(path));
  Envelope envelope = TRY(believed(dropped, ingestion));
  envelope.id = TRY(name_of(dropped.file));
  auto draft = TRY(queue.create());
  TRY(draft->write(ingestion.trace(envelope, dropped.owner)));
  for (std::uint64_t at = 0; at < dropped.envelope.size;) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, dropped.envelope.size - at));
    const std::string chunk = TRY(sys::pread_all(dropped.file, dropped.message_at + at, want));
    if (chunk.empty()) return fail(Errc::Corrupt, "Damaged", path + ": cut while it was read");
    TRY(draft->write(chunk));
    at += chunk.size();
  }
  const QueueId id = envelope.id;
  const std::string sender = envelope.reverse_path;
  auto committed = draft->commit(std::move(envelope));
  if (!committed && committed.error().code != Errc::Exists) return fail(committed.error());
  if (committed) {
    log::info(id.value + ": uid=" + std::to_string(dropped.owner) + " from=<" +
              log::escape(sender) + ">");
  }
  return sys::unlink(path);
}

void tell(const std::string& what, const std::string& name, const std::string& why) {
  log::warning("drop file " + name + " " + what + ": " + why);
}

void set_aside(const std::string& path, const std::string& name, const std::string& to,
               const Error& why) {
  const auto moved = sys::rename(path, to);
  tell("refused", name, why.log_text + "; " + (moved ? "moved to " + to : moved.error().log_text));
}

}  // namespace

Drop::Drop(const Settings& settings, const Clock& clock)
    : directory_(settings.directory + "/drop"), now_(clock.now()) {
  IdSource ids;
  id_ = ids.next(now_);
}

Drop::~Drop() = default;

Result<void> Drop::open() {
  // O_TMPFILE needs no more than the right to make files there.
  body_ = TRY(make_scratch(directory_, id_.value + "-S"));
  return {};
}

Result<void> Drop::write(std::string_view octets) {
  TRY(sys::write_all(body_, octets));
  size_ += octets.size();
  return {};
}

Result<QueueId> Drop::commit(Envelope envelope) {
  envelope.id = id_;
  envelope.arrived = now_;
  envelope.size = size_;
  // The runner passes over names with a dot; it takes the file only under its last name.
  const std::string temporary = directory_ + "/." + id_.value + ".tmp";
  auto file = TRY(sys::open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0640));
  auto done = [&]() -> Result<void> {
    // The umask may have taken the group's right, by which the runner reads it.
    if (::fchmod(file.get(), 0640) != 0) {
      return fail(sys::error_from_errno(errno, "chmod", temporary));
    }
    TRY(sys::write_all(file, serialize(envelope).octets));
    TRY(copy_octets(body_, 0, size_, file));
    TRY(sys::fsync(file, temporary));
    return sys::rename(temporary, directory_ + "/" + id_.value);
  }();
  if (!done) {
    static_cast<void>(sys::unlink(temporary));
    return fail(std::move(done).error());
  }
  if (auto durable = make_name_durable(directory_, file); !durable) {
    static_cast<void>(sys::unlink(directory_ + "/" + id_.value));
    return fail(std::move(durable).error());
  }
  return id_;
}

Result<std::size_t> ingest_drop(Queue& queue, const Settings& settings,
                                const Ingestion& ingestion) {
  const std::string directory = settings.directory + "/drop/";
  std::size_t taken = 0;
  std::size_t seen = 0;
  for (const auto& name : TRY(sys::list_directory(directory))) {
    if (!is_queue_id(name)) continue;
    ++seen;
    const std::string path = directory + name;
    const auto result = take_in(queue, path, ingestion);
    if (result) {
      ++taken;
    } else if (result.error().code == Errc::Corrupt || result.error().code == Errc::Loop) {
      set_aside(path, name, settings.directory + "/damaged/drop-" + name, result.error());
    } else {
      tell("left for later", name, result.error().log_text);
    }
  }
  // The files' names must be gone for good before anything of them is sent: their queue files may
  // be delivered and removed, and a name that came back would be taken in again.
  if (seen > 0) TRY(sys::fsync_directory(directory));
  return taken;
}

}  // namespace mail::queue
