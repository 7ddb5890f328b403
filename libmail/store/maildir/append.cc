// Appending to a Maildir, and mending what an interrupted append has left. The order of the writes
// is that of docs/maildir.md.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/maildir/mailbox.h"

namespace mail::store::maildir {
namespace {

constexpr std::string_view kOwnId = "append:";  // ids that nobody asks for again

// Another's source.
class BorrowedSource final : public MessageSource {
 public:
  explicit BorrowedSource(MessageSource& source) : source_(source) {}
  Result<std::string_view> next() override { return source_.next(); }
  Result<void> rewind() override { return source_.rewind(); }

 private:
  MessageSource& source_;
};

std::string host_name() {
  std::string name(256, '\0');
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  name.resize(name.find('\0'));
  std::string safe;
  for (const char c : name)
    safe += c == '/' || c == ':' || c == ',' ? std::string("_") : std::string(1, c);
  return safe;
}

}  // namespace

// A prepared file that is gone was renamed into new/: delivered. One that is there was not.
Result<void> MaildirMailbox::resolve_all() {
  TRY(finish_batches());
  const auto intents = state().intents;
  for (const auto& [id, intent] : intents) {
    if (intent.file.empty()) continue;
    const auto prepared = sys::lstat(prepared_path(intent.file));
    Ops ops;
    if (!prepared && prepared.error().code == Errc::NotFound) {
      TRY(sys::fsync_directory(path_ + "/new"));  // visible is not durable
      const auto seconds = now().time_since_epoch() / std::chrono::seconds(1);
      if (id.starts_with(kOwnId)) {
        ops.abandon(id);
      } else {
        ops.done(id, {static_cast<std::uint64_t>(seconds), intent.may_be_retried});
      }
      TRY(log_.write(ops, false));
    } else if (!prepared) {
      return fail(prepared.error());
    } else if (!intent.may_be_retried) {
      // [leave-prepared] The file goes only after the line that says so is durable.
      ops.abandon(id);
      TRY(log_.write(ops, true));
      TRY(sys::unlink(prepared_path(intent.file)));
    }
  }
  return {};
}

std::string MaildirMailbox::new_stem() {
  static unsigned counter = 0;      // makes names unique within the process
  static std::int64_t last_micros;  // and ascending (arrival_of)
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t micros = std::max<std::int64_t>(
      last_micros + 1, std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  last_micros = micros;
  return std::to_string(micros / 1'000'000) + ".M" + std::to_string(micros % 1'000'000) + "P" +
         std::to_string(::getpid()) + "Q" + std::to_string(++counter) + "." + host_name();
}

Result<MaildirMailbox::Prepared> MaildirMailbox::write_prepared(
    MessageSource& message, const std::optional<WallTime>& date) {
  Prepared prepared;
  prepared.stem = new_stem();
  const std::string path = prepared_path(prepared.stem);
  auto written = [&]() -> Result<void> {
    prepared.fd = TRY(sys::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    message::ToLf to_lf;
    message::LineCounter counted;
    std::string lf;
    for (bool at_end = false; !at_end;) {
      const auto octets = TRY(message.next());
      at_end = octets.empty();
      lf.clear();
      if (at_end) {
        to_lf.finish(lf);
      } else {
        to_lf.feed(octets, lf);
      }
      counted.feed(lf);
      TRY(sys::write_all(prepared.fd, lf));
    }
    if (date) {
      const auto seconds = date->time_since_epoch() / std::chrono::seconds(1);
      const struct ::timespec times[2] = {{seconds, 0}, {seconds, 0}};
      ::futimens(prepared.fd.get(), times);
    }
    const auto status = TRY(sys::fstat(prepared.fd));
    prepared.date = WallTime{std::chrono::seconds(status.st_mtim.tv_sec)};
    prepared.name = prepared.stem + ",S=" + std::to_string(counted.octets()) +
                    ",W=" + std::to_string(counted.crlf_octets());
    return {};
  }();
  if (!written) {
    static_cast<void>(sys::unlink(path));
    return fail(written.error());
  }
  return prepared;
}

Result<MaildirMailbox::Prepared> MaildirMailbox::prepare(MessageSource& message,
                                                         const AppendOptions& options) {
  Prepared prepared = TRY(write_prepared(message, options.internal_date));
  const std::string path = prepared_path(prepared.stem);
  auto synced = sys::fsync(prepared.fd, path);
  if (synced && options.may_be_retried) {
    synced = sys::fsync_directory(places_.prepared);
  }
  if (!synced) {
    static_cast<void>(sys::unlink(path));
    return fail(synced.error());
  }
  prepared.fd.reset();
  return prepared;
}

Result<void> MaildirMailbox::put(const Prepared& prepared, const Intent& intent) {
  const std::string from = prepared_path(prepared.name);
  const std::string to = path_ + "/new/" + prepared.name;
  auto stored = [&]() -> Result<void> {
    TRY(sys::rename(from, to));
    TRY(sys::fsync_directory(path_ + "/new"));
    if (intent.may_be_retried) TRY(sys::fsync_directory(places_.prepared));
    return {};
  }();
  // The intent tells the next attempt what happened. Where there is none, who sent it is told of an
  // error and sends it again: then it must not stay, unless a reader has taken it into cur/
  // already.
  if (!stored && !intent.may_be_retried && (sys::unlink(to) || sys::unlink(from))) {
    Ops ops;
    ops.abandon(intent.id);
    static_cast<void>(log_.write(ops, false));
  }
  return stored;
}

// After a look.
Result<std::vector<Uid>> MaildirMailbox::uids_of_bases(
    const std::vector<std::string>& bases) const {
  std::unordered_map<std::string_view, std::size_t> wanted;
  for (std::size_t i = 0; i < bases.size(); ++i) wanted[bases.at(i)] = i;
  std::vector<Uid> uids(bases.size());
  for (const Entry& entry : state().messages) {
    if (entry.key_is_name == 0) continue;
    const auto found = wanted.find(state().names.view(entry.key_value));
    if (found == wanted.end()) continue;
    uids.at(found->second) = entry.uid;
    wanted.erase(found);
  }
  if (!wanted.empty()) return fail(Errc::Internal, "Appended message not found");
  return uids;
}

Result<Uid> MaildirMailbox::uid_of_file(const std::string& name, const AppendOptions& options) {
  TRY(look());
  const Uid uid = TRY(uids_of_bases({name}))
  .front();
  if (options.flags == Flags{}) return uid;
  Change wish;
  wish.uid = uid;
  before_change({wish});
  Ops ops;
  const ModSeq modseq = log_.next_modseq(ops);
  ops.flags(uid, modseq, options.flags, false);
  TRY(log_.write(ops, true));
  TRY(apply_pending());
  return uid;
}

Result<Appended> MaildirMailbox::append(MessageSource& message, const AppendOptions& options) {
  if (options.delivery_id.empty() && !options.go) {
    const auto open = [&]() -> Result<std::unique_ptr<MessageSource>> {
      return std::make_unique<BorrowedSource>(message);
    };
    const NewMessage one{open, options.flags, options.internal_date};
    const auto uids = TRY(append_all({&one, 1}));
    return Appended{uids.empty() ? Uid{} : uids.front(), false, state().uid_validity};
  }
  TRY(be_there());
  const Prepared prepared = TRY(prepare(message, options));
  const std::string path = prepared_path(prepared.name);
  const bool wants_uid = options.delivery_id.empty() || options.flags != Flags{};
  Intent intent;
  intent.id =
      options.delivery_id.empty() ? std::string(kOwnId) + prepared.stem : options.delivery_id;
  intent.may_be_retried = options.may_be_retried;
  intent.file = prepared.name;
  std::string left_over;  // file of an earlier attempt
  const auto leave = [&](Result<void> why) {
    static_cast<void>(sys::unlink(path));
    return why;
  };
  {
    const auto guard = log_.lock();
    if (!guard) return fail(leave(fail(guard.error())).error());
    if (auto resolved = resolve_all(); !resolved) return fail(leave(resolved).error());
    if (state().done.contains(intent.id)) {
      static_cast<void>(sys::unlink(path));
      return Appended{{}, true};
    }
    if (options.go && !options.go()) {
      static_cast<void>(sys::unlink(path));
      return fail(Errc::InUse, "The other side went away");
    }
    if (const auto open = state().intents.find(intent.id); open != state().intents.end()) {
      left_over = open->second.file;
    }
    Ops ops;
    ops.intent(intent);
    if (auto noted = log_.write(ops, options.may_be_retried); !noted) {
      return fail(leave(noted).error());
    }
    if (!left_over.empty() && left_over != prepared.name) {
      static_cast<void>(sys::unlink(prepared_path(left_over)));
    }
    has_looked_ = false;
    TRY(put(prepared, intent));
    Ops closing;
    if (options.delivery_id.empty()) {
      closing.abandon(intent.id);
    } else {
      const auto seconds = now().time_since_epoch() / std::chrono::seconds(1);
      closing.done(intent.id, {static_cast<std::uint64_t>(seconds), intent.may_be_retried});
    }
    if (auto closed = log_.write(closing, false); !closed) {
      log::warning("maildir " + log::escape(path_) + ": " + closed.error().log_text);
    }
    if (!wants_uid) return Appended{{}, false};
    const auto uid = uid_of_file(prepared.name, options);
    if (uid) return Appended{*uid, false};
    // Stored is stored: an error now would have it sent again.
    log::warning("maildir " + log::escape(path_) + ": " + uid.error().log_text);
    return Appended{{}, false};
  }
}

}  // namespace mail::store::maildir
