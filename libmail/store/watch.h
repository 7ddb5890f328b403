// One inotify instance for a mailbox: readable when a watched path may have changed. Where inotify
// is refused, fd() is -1 and the caller polls.
#pragma once

#include <string>
#include <vector>

#include "libmail/base/file_descriptor.h"

namespace mail::store {

class Watch {
 public:
  // Watches `paths` (files or directories; missing ones are left out) from now on, and forgets the
  // events so far. Cheap when nothing has changed.
  void look(const std::vector<std::string>& paths);
  [[nodiscard]] int start(const std::vector<std::string>& paths);  // first use; the descriptor

 private:
  FileDescriptor fd_;
  bool wanted_ = false;
};

}  // namespace mail::store
