#include "libmail/local/monitor.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/confine/files.h"
#include "libmail/local/become.h"
#include "libmail/local/branches.h"
#include "libmail/local/dot_lock.h"
#include "libmail/local/packet.h"
#include "libmail/local/record.h"
#include "libmail/local/roots_path.h"

namespace mail::local {
namespace {

// Requests of the child: one octet, answered with one, or with the milliseconds to wait before it.
constexpr char kMakeMailbox = 'M';
constexpr char kTakeLock = 'L';        // inside a transaction
constexpr char kTakeLockQueued = 'Q';  // from the queue
constexpr char kReleaseLock = 'U';
constexpr std::string_view kDone = "+";
constexpr std::string_view kBusy = "b";
constexpr std::string_view kRefused = "-";

void send_outcome(const FileDescriptor& socket, const Verdict& verdict) {
  Record record;
  record.type = RecordType::Outcome;
  record.answer = verdict.answer;
  record.status = verdict.status;
  record.text = clean_text(verdict.text);
  if (const auto octets = encode_record(record)) static_cast<void>(send_packet(socket, *octets));
}

// The child's side of the requests.
class MonitorHelper final : public Helper {
 public:
  MonitorHelper(const FileDescriptor& monitor, const Settings& settings)
      : monitor_(monitor), settings_(settings) {}
  Result<void> make_mailbox() override { return ask(kMakeMailbox); }
  Result<void> take_dotlock(std::chrono::milliseconds timeout) override {
    return ask(timeout > settings_.lock_timeout_in_transaction ? kTakeLockQueued : kTakeLock);
  }
  void release_dotlock() override { static_cast<void>(ask(kReleaseLock)); }

 private:
  Result<void> ask(char request) {
    TRY(send_packet(monitor_, std::string_view(&request, 1)));
    const Packet packet = TRY(receive_packet(monitor_, MonotonicTime::max()));
    if (packet.octets == kDone) return {};
    if (packet.octets == kBusy) return fail(Errc::InUse, "Mailbox is in use", "dotlock is held");
    return fail(make_error(Errc::Denied, {4, 2, 0}, "Mailbox cannot be written",
                           "the monitor could not do it"));
  }
  const FileDescriptor& monitor_;
  const Settings& settings_;
};

std::optional<gid_t> mail_group() {
  const ::group* entry = ::getgrnam("mail");  // NOLINT(concurrency-mt-unsafe): one thread
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

// S47: made on first delivery, owner the user, group mail, mode 0660. O_EXCL and O_NOFOLLOW:
// whoever may write in the spool cannot make us give away another file.
Result<void> make_spool_mbox(const FileDescriptor& directory, const Place& place,
                             const auth::Identity& identity) {
  const std::string name = place.path.substr(place.path.rfind('/') + 1);
  const auto fd =
      TRY(sys::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (::geteuid() == 0) {
    const gid_t group = mail_group().value_or(identity.gid);
    if (::fchown(fd.get(), identity.uid, group) != 0 || ::fchmod(fd.get(), 0660) != 0) {
      return fail(sys::error_from_errno(errno, "chown", place.path));
    }
  }
  return sys::fsync(directory, place.path);
}

Result<void> make_spool_maildir(const Place& place, const auth::Identity& identity) {
  TRY(sys::mkdir(place.path, 0700));
  const auto fd = TRY(sys::open(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::geteuid() == 0 && ::fchown(fd.get(), identity.uid, identity.gid) != 0) {
    return fail(sys::error_from_errno(errno, "chown", place.path));
  }
  return {};
}

// Returns the directory of a spool, if one of them is that. What is not there afterwards is told by
// whoever needs it.
FileDescriptor make_branches(const Place& place, const auth::Identity& identity) {
  FileDescriptor spool;
  for (const auto& branch : place.branches) {
    auto made = make_branch(branch, identity);
    if (!made) log::error(made.error().log_text);
    if (made && branch.is_spool) spool = *std::move(made);
  }
  return spool;
}

// /var/lib/tubepost/state/UID, for mailboxes whose owner has no usable home (DESIGN.md section 5).
void make_state_directory(const Settings& settings, const auth::Identity& identity) {
  if (::geteuid() != 0) return;  // then the mail root in the home is used
  const std::string path = settings.state_directory + "/" + std::to_string(identity.uid);
  if (sys::exists(path)) return;
  auto made = [&]() -> Result<void> {
    if (!sys::exists(settings.state_directory)) {
      TRY(sys::make_directories(settings.state_directory, 0755));
    }
    TRY(sys::mkdir(path, 0700));
    const auto fd = TRY(sys::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (::fchown(fd.get(), identity.uid, identity.gid) != 0) {
      return fail(sys::error_from_errno(errno, "chown", path));
    }
    return sys::fsync_directory(settings.state_directory);
  }();
  if (!made && made.error().code != Errc::Exists) log::warning(made.error().log_text);
}

class Requests {
 public:
  // `spool`: the directory of the place, if it has been found to be root's.
  Requests(const Settings& settings, auth::Identity identity, std::optional<Place> place,
           FileDescriptor spool)
      : settings_(settings),
        identity_(std::move(identity)),
        place_(std::move(place)),
        spool_(std::move(spool)) {}

  std::string_view serve(std::string_view request) {
    if (request.size() != 1 || !place_) return kRefused;
    switch (request.front()) {
      case kMakeMailbox:
        return answer(make());
      case kTakeLock:
        return lock(settings_.lock_timeout_in_transaction);
      case kTakeLockQueued:
        return lock(settings_.lock_timeout);
      case kReleaseLock:
        dotlock_.release();
        return kDone;
      default:
        return kRefused;
    }
  }

 private:
  // Not in a directory of the user's, who could turn it into a link to one of root's.
  [[nodiscard]] bool is_ours() const { return ::geteuid() != 0 || is_roots_path(place_->path); }
  Result<void> make() {
    if (!place_->in_spool) return fail(Errc::Denied, "Not in the spool");
    if (sys::lstat(place_->path)) return {};
    if (!spool_.is_open() && !is_ours()) {
      log::info(log::escape(place_->path) +
                ": left to its owner to make, as a directory above it is not root's alone");
      return {};
    }
    auto made = make_spool_mailbox();
    if (!made && made.error().code == Errc::Exists) return {};
    return made;
  }
  Result<void> make_spool_mailbox() {
    if (place_->format == store::Format::Maildir) return make_spool_maildir(*place_, identity_);
    if (!spool_.is_open()) {
      const std::string above = place_->path.substr(0, place_->path.rfind('/') + 1);
      spool_ = TRY(sys::open(above, O_RDONLY | O_DIRECTORY));
    }
    return make_spool_mbox(spool_, *place_, identity_);
  }
  std::string_view lock(std::chrono::milliseconds timeout) {
    if (!place_->in_spool || place_->format != store::Format::Mbox || dotlock_.is_held()) {
      return kRefused;
    }
    // A spool that nobody may make files in has no dotlocks, nor one where a user could lead us to
    // another place: the OFD lock is the obligatory one.
    if (!is_ours()) return kDone;
    auto taken = dotlock_.take(place_->path, timeout, settings_.stale_lock_time);
    if (!taken && taken.error().code == Errc::Denied) return kDone;
    if (!taken && taken.error().code == Errc::InUse) return kBusy;
    return answer(taken);
  }
  static std::string_view answer(const Result<void>& result) {
    if (result) return kDone;
    log::error(result.error().log_text);
    return kRefused;
  }

  const Settings& settings_;
  auth::Identity identity_;
  std::optional<Place> place_;
  FileDescriptor spool_;
  DotLockFile dotlock_;
};

struct Whose {
  auth::Identity identity;
  std::optional<Place> place;  // for a user's own mailbox
};

// The table of what a record may ask for, and the rights it gets.
Result<Whose> rights_for(const MonitorWorld& world, const alias::EndPoint& end_point) {
  Whose whose;
  switch (end_point.kind) {
    case alias::Kind::User: {
      whose.identity = TRY(world.find_account(end_point.target));
      Trace trace;
      whose.place = TRY(place_of(world.recipient.settings, whose.identity, trace));
      return whose;
    }
    case alias::Kind::File:
    case alias::Kind::Command:
    case alias::Kind::Include: {
      std::string name = TRY(world.permit(end_point));
      if (name.empty()) name = world.recipient.settings.default_privs;
      if (::geteuid() != 0) {  // one user only: everything is his
        whose.identity.user = name;
        whose.identity.uid = ::geteuid();
        whose.identity.gid = ::getegid();
        whose.identity.home = "/";
        return whose;
      }
      whose.identity = TRY(world.find_account(name));
      // DESIGN.md section 3: never as root, whoever owns the file.
      if (whose.identity.uid == 0) {
        whose.identity = TRY(world.find_account(world.recipient.settings.default_privs));
      }
      if (whose.identity.uid == 0) {
        return fail(make_error(Errc::Config, {4, 3, 5}, "Mail system configuration error",
                               "default_privs is an account with uid 0"));
      }
      return whose;
    }
    case alias::Kind::Remote:
      break;
  }
  return fail(Errc::Denied, "Not a local destination");
}

Verdict refuse(const Error& error) {
  if (error.code == Errc::NotFound && error.is_permanent()) {
    return {Answer::Unknown, {5, 1, 1}, "User unknown", {}, false};
  }
  return verdict_of(error);
}

// What a stand-in may ask of a monitor: nothing.
class NoHelper final : public Helper {
 public:
  Result<void> make_mailbox() override { return refuse_all(); }
  Result<void> take_dotlock(std::chrono::milliseconds /*timeout*/) override { return refuse_all(); }
  void release_dotlock() override {}

 private:
  static Result<void> refuse_all() {
    return fail(Errc::Denied, EnhancedStatus{4, 2, 0}, "Mailbox cannot be written");
  }
};

// Serves conversations whose sockets come over `control`, until its end.
[[noreturn]] void run_stand_in(const MonitorWorld& world, const auth::Identity& identity,
                               const FileDescriptor& control) {
  if (const auto became = become(identity); !became) {
    log::error(became.error().log_text);
    ::_exit(75);
  }
  static_cast<void>(std::signal(SIGCHLD, SIG_IGN));  // nobody waits for the conversations
  for (;;) {
    auto packet = receive_packet(control, MonotonicTime::max());
    if (!packet) ::_exit(0);
    if (::fork() != 0) continue;
    static_cast<void>(std::signal(SIGCHLD, SIG_DFL));  // commands are waited for
    const FileDescriptor socket = std::move(packet->descriptor);
    auto first = receive_packet(socket, MonotonicTime::max());
    if (first) {
      NoHelper helper;
      Recipient recipient(world.recipient, helper, identity);
      serve_recipient(recipient, socket, std::move(first->octets), std::move(first->descriptor));
    }
    ::_exit(0);
  }
}

// For an account with uid 0: files and commands of its .forward are served by a process that is
// default_privs (DESIGN.md section 3). Started while there are rights to become it; the caller
// drops them then. Returns how to reach it.
Result<std::function<Result<FileDescriptor>()>> start_stand_in(const MonitorWorld& world,
                                                               std::initializer_list<int> not_its) {
  const auto identity = TRY(world.find_account(world.recipient.settings.default_privs));
  if (identity.uid == 0) {
    return fail(Errc::Config, EnhancedStatus{4, 3, 5}, "Mail system configuration error",
                "default_privs is an account with uid 0");
  }
  auto control = TRY(make_packet_pair());
  const pid_t child = ::fork();
  if (child < 0) return fail(sys::error_from_errno(errno, "fork", "stand-in"));
  if (child == 0) {
    control.ours.reset();
    // The conversation with the asker ends when its recipient ends: not when we do.
    for (const int fd : not_its) ::close(fd);
    run_stand_in(world, identity, control.theirs);
  }
  const auto ours = std::make_shared<FileDescriptor>(std::move(control.ours));
  return [ours]() -> Result<FileDescriptor> {
    auto pair = TRY(make_packet_pair());
    TRY(send_packet(*ours, "c", pair.theirs.get()));
    return std::move(pair.ours);
  };
}

// Uid 0 without capabilities still owns most of the system: it may read it, and write its mail.
Result<void> wall_in(const MonitorWorld& world, const auth::Identity& identity) {
  confine::Files files { {"/"}, TRY(world.mail_directories(identity)) };
  TRY(confine::restrict_files(files));
  return {};
}

[[noreturn]] void run_child(const MonitorWorld& world, const Whose& whose,
                            const FileDescriptor& socket, const FileDescriptor& monitor,
                            Packet first) {
  int status = 0;
  std::optional<World> with_stand_in;
  if (whose.identity.uid == 0 && ::geteuid() == 0 &&
      sys::exists(whose.identity.home + "/.forward")) {
    auto stand_in = start_stand_in(world, {socket.get(), monitor.get(), first.descriptor.get()});
    if (stand_in) {
      with_stand_in = world.recipient;
      with_stand_in->connect_stand_in = *std::move(stand_in);
    } else {
      log::error(stand_in.error().log_text);
    }
  }
  auto became = become(whose.identity);
  if (became && whose.identity.uid == 0 && ::geteuid() == 0) {
    became = wall_in(world, whose.identity);
  }
  if (!became) {
    log::error(became.error().log_text);
    status = 75;  // the asker sees end of file
  } else {
    MonitorHelper helper(monitor, world.recipient.settings);
    Recipient recipient(with_stand_in ? *with_stand_in : world.recipient, helper, whose.identity);
    serve_recipient(recipient, socket, std::move(first.octets), std::move(first.descriptor));
  }
  ::_exit(status);
}

}  // namespace

Result<void> check_peer(const MonitorWorld& world, const FileDescriptor& socket) {
  const uid_t uid = TRY(peer_uid(socket));
  if (uid == 0 || uid == ::geteuid() || uid == world.mail_owner) return {};
  return fail(Errc::Denied, "Not permitted",
              "uid " + std::to_string(uid) + " may not talk to deliver");
}

void serve_connection(const MonitorWorld& world, FileDescriptor socket) {
  auto first = receive_packet(socket, MonotonicTime::max());
  if (!first) return;
  const auto record = parse_record(first->octets);
  if (!record || (record->type != RecordType::Check && record->type != RecordType::Deliver)) {
    log::error(record ? "delivery record: an answer as request" : record.error().log_text);
    return;
  }
  auto whose = rights_for(world, end_point_of(*record));
  if (!whose) return send_outcome(socket, refuse(whose.error()));
  FileDescriptor spool;
  if (whose->place) {
    make_state_directory(world.recipient.settings, whose->identity);
    spool = make_branches(*whose->place, whose->identity);
  }
  auto requests = make_packet_pair();
  if (!requests) return log::error(requests.error().log_text);
  const pid_t child = ::fork();
  if (child < 0) return log::error("fork failed");
  if (child == 0) {
    requests->ours.reset();
    run_child(world, *whose, socket, requests->theirs, *std::move(first));
  }
  // Only the child must hold the asker's socket and the message: its end is the conversation's end.
  socket.reset();
  first->descriptor.reset();
  requests->theirs.reset();
  Requests table(world.recipient.settings, whose->identity, whose->place, std::move(spool));
  for (;;) {
    const auto packet = receive_packet(requests->ours, MonotonicTime::max());
    if (!packet || !send_packet(requests->ours, table.serve(packet->octets))) break;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace mail::local
