#include "libmail/store/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>

namespace mail::store {

int Watch::start(const std::vector<std::string>& paths) {
  if (!wanted_) {
    wanted_ = true;
    fd_ = FileDescriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    look(paths);
  }
  return fd_.get();
}

void Watch::look(const std::vector<std::string>& paths) {
  if (!fd_.is_open()) return;
  constexpr std::uint32_t kEvents = IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                    IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF;
  for (const auto& path : paths) ::inotify_add_watch(fd_.get(), path.c_str(), kEvents);
  std::array<char, 4096> events{};
  while (::read(fd_.get(), events.data(), events.size()) > 0) {
  }
}

}  // namespace mail::store
