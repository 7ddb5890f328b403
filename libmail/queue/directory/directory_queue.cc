#include "libmail/queue/directory/directory_queue.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/queue/directory/draft.h"
#include "libmail/queue/directory/item.h"

namespace mail::queue {
namespace {

constexpr auto kNoWaiting = std::chrono::milliseconds(0);

Result<void> ensure_directory(const std::string& path) {
  if (sys::exists(path)) return {};
  if (auto made = sys::mkdir(path, 0700); !made && made.error().code != Errc::Exists) return made;
  return sys::fsync_directory(path + "/..");
}

}  // namespace

DirectoryQueue::DirectoryQueue(Settings settings, const Clock& clock)
    : settings_(std::move(settings)), clock_(clock), directory_(settings_.directory + "/queue") {}

Result<std::unique_ptr<DirectoryQueue>> DirectoryQueue::open(Settings settings,
                                                             const Clock& clock) {
  if (!sys::exists(settings.directory)) TRY(sys::make_directories(settings.directory, 0755));
  for (const char* part : {"/queue", "/damaged", "/drop"}) {
    TRY(ensure_directory(settings.directory + part));
  }
  return std::unique_ptr<DirectoryQueue>(new DirectoryQueue(std::move(settings), clock));
}

Result<std::unique_ptr<DirectoryQueue>> DirectoryQueue::open_existing(Settings settings,
                                                                      const Clock& clock) {
  TRY(sys::stat(settings.directory + "/queue"));
  return std::unique_ptr<DirectoryQueue>(new DirectoryQueue(std::move(settings), clock));
}

Result<std::unique_ptr<Draft>> DirectoryQueue::make_draft() {
  const WallTime now = clock_.now();
  return std::make_unique<DirectoryDraft>(directory_, ids_.next(now), now);
}

Result<std::unique_ptr<Draft>> DirectoryQueue::create() {
  struct ::statvfs status {};
  if (settings_.minfree > 0 && ::statvfs(directory_.c_str(), &status) == 0 &&
      static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize < settings_.minfree) {
    return fail(make_error(Errc::NoSpace, {4, 3, 1}, "Insufficient system storage",
                           directory_ + ": less free than queue_minfree"));
  }
  return make_draft();
}

Result<std::unique_ptr<Draft>> DirectoryQueue::create_reserved() { return make_draft(); }

Result<std::vector<QueueId>> DirectoryQueue::ids() {
  std::vector<QueueId> found;
  for (auto& name : TRY(sys::list_directory(directory_))) {
    if (is_queue_id(name)) found.push_back({std::move(name)});
  }
  return found;
}

Result<bool> DirectoryQueue::exists(const QueueId& id) {
  if (!is_queue_id(id.value)) return false;
  const auto status = sys::lstat(directory_ + "/" + id.value);
  if (status) return true;
  if (status.error().code == Errc::NotFound) return false;
  return fail(status.error());
}

Result<void> DirectoryQueue::settle() { return sys::fsync_directory(directory_); }

void DirectoryQueue::set_aside(const std::string& name, const Error& why) {
  const std::string from = directory_ + "/" + name;
  const std::string to = settings_.directory + "/damaged/" + name;
  const auto moved = sys::exists(to) ? fail(Errc::Exists, "exists", to + " is there already")
                                     : sys::rename(from, to);
  log::error("warning: damaged queue file " + name + ": " + why.log_text + "; " +
             (moved ? "moved to " + to : "left where it is: " + moved.error().log_text));
}

Result<std::unique_ptr<Item>> DirectoryQueue::lock(const QueueId& id) {
  if (!is_queue_id(id.value)) return fail(Errc::NotFound, "No such message");
  const std::string path = directory_ + "/" + id.value;
  auto file = TRY(sys::open(path, O_RDWR | O_NOFOLLOW));
  TRY(sys::lock(file, sys::Lock::Exclusive, kNoWaiting, path));
  // The octets only now, and only if the name still leads here (lock-parent).
  const auto held = TRY(sys::fstat(file));
  const auto named = TRY(sys::lstat(path));
  if (held.st_ino != named.st_ino || held.st_dev != named.st_dev) {
    return fail(Errc::NotFound, "No such message", path + ": replaced");
  }
  auto loaded = load_file(file, path);
  if (loaded && loaded->parsed.envelope.id != id) {
    loaded = fail(Errc::Corrupt, "Damaged queue file", path + " holds another id");
  }
  if (!loaded) {
    if (loaded.error().code == Errc::Corrupt) set_aside(id.value, loaded.error());
    return fail(std::move(loaded).error());
  }
  return std::make_unique<DirectoryItem>(directory_, std::move(file), *std::move(loaded));
}

Result<std::vector<Listing>> DirectoryQueue::list() {
  std::vector<Listing> listings;
  for (const auto& id : TRY(ids())) {
    const std::string path = directory_ + "/" + id.value;
    const auto file = sys::open(path, O_RDWR | O_NOFOLLOW);
    if (!file) continue;  // delivered meanwhile
    auto loaded = load_file(*file, path);
    if (!loaded || !loaded->parsed.envelope.has_pending()) continue;
    Listing listing{std::move(loaded->parsed.envelope), loaded->attempts.next_try, false};
    // Asked for, not taken: a listing must not make the runner miss the message.
    struct ::flock request {};
    request.l_type = F_WRLCK;
    request.l_whence = SEEK_SET;
    listing.active = ::fcntl(file->get(), F_OFD_GETLK, &request) == 0 && request.l_type != F_UNLCK;
    listings.push_back(std::move(listing));
  }
  std::sort(listings.begin(), listings.end(), [](const Listing& a, const Listing& b) {
    return std::tie(a.envelope.arrived, a.envelope.id) <
           std::tie(b.envelope.arrived, b.envelope.id);
  });
  return listings;
}

void DirectoryQueue::notify() {
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!socket.is_open() || settings_.notify_socket.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, settings_.notify_socket.data(), settings_.notify_socket.size());
  const char octet = 'q';
  // A full or missing socket is no matter: the runner scans, and its timer starts it.
  static_cast<void>(::sendto(socket.get(), &octet, 1, MSG_NOSIGNAL,
                             reinterpret_cast<const ::sockaddr*>(&address), sizeof address));
}

Result<void> DirectoryQueue::remove_tombstones() {
  for (const auto& id : TRY(ids())) {
    const auto parent = parent_of(id);
    if (!parent || TRY(exists(*parent))) continue;
    auto item = lock(id);
    if (!item || (*item)->envelope().has_pending()) continue;
    TRY((*item)->remove());
  }
  return {};
}

Result<FileDescriptor> DirectoryQueue::lock_runner() {
  const std::string path = settings_.directory + "/queue/.runner";
  auto file = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  TRY(sys::lock(file, sys::Lock::Exclusive, kNoWaiting, path));
  return file;
}

Result<void> DirectoryQueue::remove_leftovers() {
  const auto now = clock_.now();
  for (const auto& name : TRY(sys::list_directory(directory_))) {
    const std::string path = directory_ + "/" + name;
    bool orphan = false;
    if (name.starts_with('.') && name.ends_with(".tmp")) {
      // A message being received may be an hour old: its writer has a deadline well below a day.
      const auto status = sys::lstat(path);
      orphan = status && now - WallTime{std::chrono::seconds(status->st_mtim.tv_sec)} >
                             std::chrono::hours(24);
    } else if (name.ends_with(".try")) {
      orphan = !sys::exists(path.substr(0, path.size() - 4));
    }
    if (orphan) static_cast<void>(sys::unlink(path));
  }
  return {};
}

}  // namespace mail::queue
