#include "libmail/local/recipient.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/local/command.h"
#include "libmail/local/forward_file.h"
#include "libmail/local/packet.h"
#include "libmail/local/record.h"
#include "libmail/local/socket_conversation.h"
#include "libmail/local/source.h"

namespace mail::local {
namespace {

Verdict ok(std::string text) { return {Answer::Ok, {2, 0, 0}, std::move(text), {}, false}; }
Verdict full() { return {Answer::Full, {4, 2, 2}, "Mailbox full", {}, false}; }
Verdict gone() { return {Answer::Later, {4, 3, 0}, "The asker has left", {}, false}; }

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// Room on the file system of `directory` for an unprivileged writer.
bool has_room(const std::string& directory, std::uint64_t octets) {
  struct ::statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) return true;  // storing will tell
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize >= octets;
}

class DotLock {
 public:
  explicit DotLock(Helper& helper) : helper_(helper) {}
  DotLock(const DotLock&) = delete;
  DotLock& operator=(const DotLock&) = delete;
  ~DotLock() {
    if (held_) helper_.release_dotlock();
  }
  Result<void> take(std::chrono::milliseconds timeout) {
    TRY(helper_.take_dotlock(timeout));
    held_ = true;
    return {};
  }

 private:
  Helper& helper_;
  bool held_ = false;
};

}  // namespace

Verdict verdict_of(const Error& error) {
  log::warning("delivery: " + error.log_text);
  switch (error.code) {
    case Errc::OverQuota:
      return full();
    case Errc::NoSpace:
      return {Answer::Later, {4, 3, 1}, "Insufficient system storage", {}, false};
    case Errc::InUse:
    case Errc::Timeout:
      return {Answer::Later, {4, 2, 1}, "Mailbox is in use", {}, false};
    case Errc::Denied:
    case Errc::NotFound:
      if (!error.is_permanent()) {
        return {Answer::Unwritable, {4, 2, 0}, "Mailbox cannot be written", {}, false};
      }
      break;
    default:
      break;
  }
  if (error.is_permanent()) return {Answer::Failed, error.status, error.public_text, {}, false};
  EnhancedStatus status = error.status;
  if (status.cls != 4) status = {4, 3, 0};
  return {Answer::Later, status, error.public_text, {}, false};
}

std::string_view status_word(const Verdict& verdict) {
  switch (verdict.answer) {
    case Answer::Ok:
    case Answer::Forwarded:
      return "sent";
    case Answer::Unknown:
    case Answer::Failed:
      return "bounced";
    case Answer::Full:  // 5.2.2 where the administrator says so
    case Answer::Unwritable:
    case Answer::Later:
    case Answer::NotCommitted:
    case Answer::Unresolved:
      break;
  }
  return verdict.status.cls == 5 ? "bounced" : "deferred";
}

namespace {

// Where the mailbox will lie, or a directory above it; empty: it is missing, and not ours to make.
std::string room_for(const Place& place) {
  std::string directory = directory_of(place.path);
  if (!place.in_spool || sys::exists(directory)) return directory;
  const auto own = std::ranges::find_if(place.branches, [&](const store::Branch& branch) {
    return directory.starts_with(branch.base) && store::is_own_branch(branch);
  });
  return own == place.branches.end() ? std::string{} : own->base;
}

}  // namespace

Verdict Recipient::check(const alias::EndPoint& end_point, std::uint64_t size_octets) {
  if (end_point.kind != alias::Kind::User) return ok("Ok");
  Trace trace;
  const auto place = place_of(world_.settings, identity_, trace);
  if (!place) return verdict_of(place.error());
  const std::string directory = room_for(*place);
  const auto status = sys::stat(place->path);
  if (status) {
    const std::uint64_t limit = world_.settings.mailbox_size_limit;
    if (place->format == store::Format::Mbox && limit != 0 &&
        static_cast<std::uint64_t>(status->st_size) + size_octets > limit) {
      return full();
    }
    if (::access(place->path.c_str(), W_OK) != 0) {
      log::warning("delivery: " + identity_.user + " cannot write " + place->path);
      return {Answer::Unwritable, {4, 2, 0}, "Mailbox cannot be written", {}, false};
    }
  } else if (status.error().code != Errc::NotFound) {
    return verdict_of(status.error());
  } else if (directory.empty()) {
    log::warning("delivery: the directory " + directory_of(place->path) + " is missing");
    return {Answer::Unwritable, {4, 2, 0}, "Mailbox directory is missing", {}, false};
  }
  if (!has_room(directory, size_octets + world_.settings.queue_minfree)) {
    return {Answer::Later, {4, 3, 1}, "Insufficient system storage", {}, false};
  }
  return ok("Ok");
}

Verdict Recipient::deliver(const Delivery& delivery, const FileDescriptor& message,
                           const std::function<bool()>& go) {
  // One answer for the whole delivery, however many things it stores.
  auto said = std::make_shared<int>(-1);
  const Job job{delivery, message, [go, said] {
                  if (*said < 0) *said = go() ? 1 : 0;
                  return *said == 1;
                }};
  const std::string& target = delivery.end_point.target;
  switch (delivery.end_point.kind) {
    case alias::Kind::User:
      return deliver_to_user(job);
    case alias::Kind::File:
      return deliver_to_file(job, target, delivery.delivery_id);
    case alias::Kind::Command:
      return deliver_to_command(job, target);
    case alias::Kind::Include:
      return deliver_to_include(job, target);
    case alias::Kind::Remote:
      break;
  }
  return {Answer::Failed, {5, 3, 5}, "Not a local destination", {}, false};
}

Verdict Recipient::deliver_to_user(const Job& job) {
  const alias::EndPoint& end_point = job.delivery.end_point;
  if (auto fresh =
          check_for_loop(job.message, end_point.original_to, world_.settings.hopcount_limit);
      !fresh) {
    return verdict_of(fresh.error());
  }
  if (end_point.no_forward) return deliver_to_mailbox(job);
  Trace trace;
  const auto forward = read_forward(world_.settings, identity_,
                                    extension_of(world_.settings, end_point.original_to), trace);
  if (!forward) return verdict_of(forward.error());
  if (!*forward) return deliver_to_mailbox(job);
  // delivery-changes.md: with more than one, a kill in between could not be told from a whole one.
  if ((*forward)->size() > 1 && !job.delivery.from_queue) {
    return {Answer::Later, {4, 2, 0}, "More than one destination", {}, false};
  }
  return deliver_to_targets(job, **forward);
}

bool Recipient::is_self(const alias::Target& target) const {
  const auto address = alias::split_address(target.text);
  const auto own = alias::split_address(identity_.user);
  if (!ascii::iequals(address.local_part, own.local_part)) return false;
  // An account of a password file may have a domain: then only that is its own.
  if (!own.domain.empty() && !address.domain.empty()) {
    return ascii::iequals(address.domain, own.domain);
  }
  return world_.is_local_domain(address.domain);
}

Verdict Recipient::deliver_to_target(const Job& job, const alias::Target& target,
                                     std::size_t index) {
  // DESIGN.md section 3: nothing that a .forward names is done as uid 0, capabilities or not.
  if (identity_.uid == 0 && target.kind != alias::Target::Kind::Address) {
    return deliver_by_stand_in(job, target, index);
  }
  switch (target.kind) {
    case alias::Target::Kind::File:
      return deliver_to_file(job, target.text,
                             job.delivery.delivery_id + ".f" + std::to_string(index));
    case alias::Target::Kind::Command:
      return deliver_to_command(job, target.text);
    case alias::Target::Kind::Include:
      return deliver_to_include(job, target.text);
    case alias::Target::Kind::Address:
      break;
  }
  // `\boss`, and `boss` in boss' own file: the mailbox itself (Postfix: a user is visited once).
  if (is_self(target)) return deliver_to_mailbox(job);
  return forward({target});
}

// Addresses go back to the asker as records. One that no record can hold would end the conversation
// without a word, and be tried for ever: it has failed for good, and the others are served.
Verdict Recipient::forward(const std::vector<alias::Target>& targets) const {
  Verdict verdict{Answer::Forwarded, {2, 0, 0}, "forwarded", {}, false};
  for (const alias::Target& target : targets) {
    Record record;
    record.type = RecordType::ForwardTo;
    record.kind = alias::Kind::Remote;
    record.target = target.text;
    if (alias::split_address(target.text).domain.empty() && !world_.settings.myorigin.empty()) {
      record.target += "@" + world_.settings.myorigin;
    }
    if (const auto fits = encode_record(record); !fits) {
      log::error(identity_.user + ": cannot forward to " + log::escape(target.text) + ": " +
                 fits.error().log_text);
      verdict.status = {5, 1, 3};
      verdict.text = "Bad destination address in a forward file or list";
      continue;
    }
    verdict.forward_to.push_back(end_point_of(record));
  }
  if (verdict.forward_to.empty()) verdict.answer = Answer::Failed;
  return verdict;
}

Verdict Recipient::deliver_by_stand_in(const Job& job, const alias::Target& target,
                                       std::size_t index) {
  if (!world_.connect_stand_in) {
    log::error(identity_.user +
               ": .forward names a file or command, and default_privs cannot serve it");
    return {Answer::Later, {4, 3, 5}, "Mail system configuration error", {}, false};
  }
  if (!job.go()) return gone();
  Delivery delivery = job.delivery;
  delivery.delivery_id += ".f" + std::to_string(index);
  delivery.end_point.target = target.text;
  delivery.end_point.kind = target.kind == alias::Target::Kind::File      ? alias::Kind::File
                            : target.kind == alias::Target::Kind::Command ? alias::Kind::Command
                                                                          : alias::Kind::Include;
  SocketConversation conversation(world_.connect_stand_in);
  Verdict verdict = conversation.deliver(delivery, job.message, [] { return true; });
  // Not begun, or not known: this is a queue's attempt or nobody has said 250 yet.
  if (verdict.answer == Answer::NotCommitted || verdict.answer == Answer::Unresolved) {
    verdict = {Answer::Later, {4, 3, 0}, "Delivery did not end", {}, false};
  }
  return verdict;
}

Verdict Recipient::deliver_to_targets(const Job& job, const std::vector<alias::Target>& targets) {
  Verdict whole = ok("delivered");
  for (std::size_t index = 0; index < targets.size(); ++index) {
    Verdict part = deliver_to_target(job, targets[index], index);
    if (targets.size() == 1) return part;
    if (part.answer == Answer::Forwarded) {
      whole.forward_to.insert(whole.forward_to.end(), part.forward_to.begin(),
                              part.forward_to.end());
      whole.kept_copy = whole.kept_copy || part.kept_copy;
      if (part.status.cls == 5 && whole.answer == Answer::Ok && whole.status.cls == 2) {
        whole.status = part.status;  // some of a list
        whole.text = part.text;
      }
    } else if (part.answer == Answer::Ok) {
      whole.kept_copy = true;
    } else if (part.answer != Answer::Failed) {
      return part;  // all of it is tried again; what is idempotent is found done
    } else if (whole.answer == Answer::Ok) {
      whole.answer = Answer::Failed;
      whole.status = part.status;
      whole.text = part.text;
    }
  }
  // A part that failed for good must not hide behind others that went well, but addresses go first:
  // the asker reports the failure when the text says one.
  if (!whole.forward_to.empty()) {
    whole.answer = Answer::Forwarded;
    if (whole.status.cls == 2) whole.text = "forwarded";
  }
  return whole;
}

Verdict Recipient::deliver_to_mailbox(const Job& job) {
  Trace trace;
  const auto place = place_of(world_.settings, identity_, trace);
  if (!place) return verdict_of(place.error());
  return store(job, *place, job.delivery.delivery_id);
}

Verdict Recipient::store(const Job& job, const Place& place, const std::string& delivery_id) {
  const Settings& settings = world_.settings;
  const auto timeout =
      job.delivery.from_queue ? settings.lock_timeout : settings.lock_timeout_in_transaction;
  if (place.in_spool && !sys::exists(place.path)) {
    if (auto made = helper_.make_mailbox(); !made) return verdict_of(made.error());
  }
  DotLock dotlock(helper_);
  if (place.format == store::Format::Mbox) {
    const auto size = sys::fstat(job.message);
    if (!size) return verdict_of(size.error());
    const auto there = sys::stat(place.path);
    if (there && settings.mailbox_size_limit != 0 &&
        static_cast<std::uint64_t>(there->st_size) + static_cast<std::uint64_t>(size->st_size) >
            settings.mailbox_size_limit) {
      return full();
    }
    if (settings.use_dotlock && place.in_spool) {
      if (auto locked = dotlock.take(timeout); !locked) return verdict_of(locked.error());
    }
  }
  auto mailbox = world_.open_mailbox(identity_, place, timeout);
  if (!mailbox) return verdict_of(mailbox.error());
  DescriptorSource source(delivery_fields(job.delivery), job.message);
  store::AppendOptions options;
  options.delivery_id = delivery_id;
  options.may_be_retried = job.delivery.from_queue;
  options.envelope_sender = sender_of(job.delivery);
  if (job.delivery.arrived_microseconds != 0) {
    options.internal_date = WallTime{std::chrono::microseconds{job.delivery.arrived_microseconds}};
  }
  bool left = false;
  options.go = [&] {
    left = !job.go();
    return !left;
  };
  const auto appended = (*mailbox)->append(source, options);
  if (left) return gone();
  if (!appended) return verdict_of(appended.error());
  return ok(appended->was_stored_before ? "delivered to mailbox before" : "delivered to mailbox");
}

Verdict Recipient::deliver_to_file(const Job& job, const std::string& path,
                                   const std::string& delivery_id) {
  // "devnull: /dev/null" is an old custom.
  if (path == "/dev/null") return ok("discarded");
  Place place;
  place.path = path;
  if (path.ends_with('/')) {
    place.format = store::Format::Maildir;
    place.path.pop_back();
    place.location = "maildir:" + place.path;
  } else {
    place.location = "mbox:" + directory_of(path) + ":INBOX=" + path;
    const auto status = sys::stat(path);
    if (status && !S_ISREG(status->st_mode)) {
      return {Answer::Failed, {5, 2, 0}, "Destination is not a regular file", {}, false};
    }
  }
  return store(job, place, delivery_id);
}

Verdict Recipient::deliver_to_command(const Job& job, const std::string& command) {
  if (!job.go()) return gone();
  return run_command(world_.settings, identity_, command, job.delivery, job.message);
}

Verdict Recipient::deliver_to_include(const Job& /*job*/, const std::string& path) {
  const auto targets = read_include(world_.settings, path);
  if (!targets) return verdict_of(targets.error());
  if (targets->empty()) return ok("the included list is empty");
  return forward(*targets);
}

Result<void> Recipient::explain(const alias::EndPoint& end_point, Trace& trace) {
  if (end_point.kind != alias::Kind::User) return {};
  if (!end_point.no_forward) {
    const auto forward = TRY(read_forward(
        world_.settings, identity_, extension_of(world_.settings, end_point.original_to), trace));
    if (forward && std::none_of(forward->begin(), forward->end(), [&](const alias::Target& target) {
          return target.kind == alias::Target::Kind::Address && is_self(target);
        })) {
      return {};
    }
  }
  TRY(place_of(world_.settings, identity_, trace));
  return {};
}

namespace {

Result<void> answer(const FileDescriptor& socket, const Verdict& verdict) {
  for (const alias::EndPoint& to : verdict.forward_to) {
    Record record;
    record.type = RecordType::ForwardTo;
    record.kind = alias::Kind::Remote;
    record.target = to.target;
    const std::string octets = TRY(encode_record(record));
    TRY(send_packet(socket, octets));
  }
  Record record;
  record.type = RecordType::Outcome;
  record.answer = verdict.answer;
  record.status = verdict.status;
  record.text = clean_text(verdict.text);
  record.kept_copy = verdict.kept_copy;
  const std::string octets = TRY(encode_record(record));
  return send_packet(socket, octets);
}

// Says `committing`, then waits for `go` or the asker's end.
bool ask_go(const FileDescriptor& socket) {
  Record record;
  record.type = RecordType::Committing;
  const auto octets = encode_record(record);
  if (!octets || !send_packet(socket, *octets)) return false;
  const auto packet = receive_packet(socket, MonotonicTime::max());
  if (!packet) return false;
  const auto said = parse_record(packet->octets);
  return said && said->type == RecordType::Go;
}

Result<void> serve_record(Recipient& recipient, const FileDescriptor& socket, const Record& record,
                          const FileDescriptor& message) {
  const alias::EndPoint end_point = end_point_of(record);
  if (record.type == RecordType::Check)
    return answer(socket, recipient.check(end_point, record.size));
  Delivery delivery;
  delivery.delivery_id = record.delivery_id;
  delivery.queue_id = record.queue_id;
  delivery.reverse_path = record.reverse_path;
  delivery.end_point = end_point;
  delivery.from_queue = record.from_queue;
  delivery.arrived_microseconds = record.arrived_microseconds;
  const auto status = TRY(sys::fstat(message));
  if (!S_ISREG(status.st_mode) || delivery.delivery_id.empty()) {
    return fail(Errc::Syntax, "Bad delivery record", "delivery record: no message or no id");
  }
  bool left = false;
  const Verdict verdict = recipient.deliver(delivery, message, [&] {
    left = !ask_go(socket);
    return !left;
  });
  if (left) return fail(Errc::Closed, "Connection closed", "the asker left before go");
  log::info(delivery.queue_id + ": to=<" + log::escape(end_point.original_to) +
            ">, relay=local, dsn=" + to_string(verdict.status) + ", status=" +
            std::string(status_word(verdict)) + " (" + log::escape(verdict.text) + ")");
  return answer(socket, verdict);
}

}  // namespace

void serve_recipient(Recipient& recipient, const FileDescriptor& socket, std::string first,
                     FileDescriptor message) {
  std::optional<alias::EndPoint> whose;
  Packet packet{std::move(first), std::move(message)};
  for (;;) {
    const auto record = parse_record(packet.octets);
    if (!record || (record->type != RecordType::Check && record->type != RecordType::Deliver) ||
        (whose && *whose != end_point_of(*record))) {
      return;  // end of file tells the asker
    }
    whose = end_point_of(*record);
    if (auto served = serve_record(recipient, socket, *record, packet.descriptor); !served) {
      if (served.error().code != Errc::Closed) log::warning(served.error().log_text);
      return;
    }
    auto next = receive_packet(socket, MonotonicTime::max());
    if (!next) return;
    packet = *std::move(next);
  }
}

}  // namespace mail::local
