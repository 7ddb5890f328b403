// Listing a Maildir: what lies in new/ and cur/, in order of arrival.
#include <algorithm>
#include <tuple>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/maildir/mailbox.h"

namespace mail::store::maildir {
namespace {

// The time of arrival_of() in one number, as far as it has room: of equal ones arrival_of() tells.
std::uint64_t short_arrival_of(std::string_view name) {
  constexpr std::uint64_t kMicros = 1UL << 20U;
  const auto [seconds, micros] = arrival_of(name);
  if (seconds >= UINT64_MAX / kMicros) return UINT64_MAX;
  return seconds * kMicros + std::min(micros, kMicros - 1);
}

struct Arrival {
  std::uint64_t time;
  std::size_t index;  // of what was found
};

}  // namespace

// new/ first: what moves to cur/ meanwhile is then seen there.
Result<MaildirMailbox::Listing> MaildirMailbox::list() {
  std::vector<Found> found;
  std::vector<sys::Directory> directories;
  for (const bool is_new : {true, false}) {
    auto directory = sys::read_directory(path_ + (is_new ? "/new" : "/cur"));
    if (!directory && directory.error().code == Errc::NotFound) continue;
    if (!directory) return fail(directory.error());
    found.reserve(found.size() + directory->entries.size());
    for (const auto& [name, type] : directory->entries) {
      if (name.starts_with('.')) continue;
      if (std::ranges::any_of(name, ascii::is_control)) {  // dovecot-uidlist has lines
        tell_left_out(name, "has control characters in its name");
        continue;
      }
      if (type == sys::Directory::Type::Other) {
        tell_left_out(name, "is not a regular file");
        continue;
      }
      const bool may_be_none = type == sys::Directory::Type::Unknown;
      found.push_back({name, is_new, may_be_none});
    }
    directories.push_back(*std::move(directory));
  }
  return in_order(found);
}

// The names are copied: what lies in the directories' own order is slow to go through in another.
MaildirMailbox::Listing MaildirMailbox::in_order(const std::vector<Found>& found) {
  std::vector<Arrival> arrivals;
  arrivals.reserve(found.size());
  std::size_t octets = 0;
  for (const Found& one : found) {
    arrivals.push_back({short_arrival_of(one.name), arrivals.size()});
    octets += one.name.size();
  }
  std::sort(arrivals.begin(), arrivals.end(), [&](const Arrival& x, const Arrival& y) {
    if (x.time != y.time) return x.time < y.time;
    const Found& a = found[x.index];
    const Found& b = found[y.index];
    const auto base_of = [](const Found& one) { return parse_file_name(one.name).base; };
    return std::tuple(arrival_of(a.name), base_of(a), !a.is_new, a.name) <
           std::tuple(arrival_of(b.name), base_of(b), !b.is_new, b.name);
  });
  Listing listing;
  char* at = listing.names.emplace_back(std::make_unique_for_overwrite<char[]>(octets)).get();
  // Of two files with one base name the one in cur/, and of two there the last; look() parts them.
  std::vector<File>& files = listing.files;
  files.reserve(found.size());
  namesakes_.clear();
  // Where each lies is known ahead: waited for one by one they would cost three times as much.
  const auto ahead = [&](std::size_t i) {
    return &found[arrivals[std::min(i, arrivals.size() - 1)].index];
  };
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    __builtin_prefetch(ahead(i + 16));
    __builtin_prefetch(ahead(i + 8)->name.data());
    const Found& one = *ahead(i);
    const std::string_view name{at, one.name.copy(at, one.name.size())};
    at += name.size();
    const FileName parsed = parse_file_name(name);
    File file;
    file.name = parsed.base;
    file.file_name = name;
    file.flags = to_flags(parsed.letters, keywords_);
    file.old = !one.is_new;
    file.is_measured = false;
    file.is_new = one.is_new;
    file.may_be_none = one.may_be_none;
    if (!files.empty() && files.back().name == file.name) {
      namesakes_.emplace_back(place_of(file), place_of(files.back()));
      files.back() = file;
    } else {
      files.push_back(file);
    }
  }
  return listing;
}

// Two files of one base name, as cp from another Maildir leaves them, are two messages: the second
// gets a name of its own, as with Dovecot. Two names of one file, or a file seen at its old and its
// new place, are one message.
Result<bool> MaildirMailbox::part_namesakes() {
  bool any = false;
  for (const auto& [kept, other] : namesakes_) {
    const auto first = sys::lstat(path_ + '/' + kept);
    const auto second = sys::lstat(path_ + '/' + other);
    if (!first || !second || !S_ISREG(first->st_mode) || !S_ISREG(second->st_mode)) continue;
    if (first->st_ino == second->st_ino && first->st_dev == second->st_dev) continue;
    const auto flags = other.find(':');
    const std::string to = other.substr(0, other.find('/') + 1) + new_stem() +
                           (flags == std::string::npos ? std::string{} : other.substr(flags));
    TRY(sys::rename(path_ + '/' + other, path_ + '/' + to));
    log::warning("maildir " + log::escape(path_) + ": two messages were called " +
                 log::escape(kept) + ", the one in " + log::escape(other) + " is now " +
                 log::escape(to));
    any = true;
  }
  namesakes_.clear();
  return any;
}

// Once for each.
void MaildirMailbox::tell_left_out(std::string_view name, std::string_view why) {
  constexpr std::size_t kMaxTold = 1000;
  if (told_.size() >= kMaxTold || !told_.emplace(name).second) return;
  log::warning("maildir " + log::escape(path_) + ": " + log::escape(name) + " is left out: it " +
               std::string(why));
}

}  // namespace mail::store::maildir
