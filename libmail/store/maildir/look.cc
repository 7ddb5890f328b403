// Looking at a Maildir: whether its directories have changed, and which UID each file has or gets
// (docs/maildir.md).
#include <algorithm>
#include <deque>

#include "libmail/base/sys.h"
#include "libmail/store/hash.h"
#include "libmail/store/maildir/mailbox.h"

namespace mail::store::maildir {
namespace {

constexpr std::size_t kMany = 100;  // files whose listing costs more than an index

// Whether a change from now on is sure to show in the directory's time.
bool is_settled(const struct ::stat& status) {
  struct ::timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const bool is_coarse = status.st_mtim.tv_nsec == 0;
  const std::int64_t age = (now.tv_sec - status.st_mtim.tv_sec) * 1000 +
                           (now.tv_nsec - status.st_mtim.tv_nsec) / 1'000'000;
  return age > (is_coarse ? 2000 : 50);
}

// What messages' files are called; valid as long as this is, and the names are.
class Bases {
 public:
  explicit Bases(const Names& names) : names_(names) {}
  std::string_view of(const Entry& entry) {
    if (entry.key_is_name != 0) return names_.view(entry.key_value);
    return numbers_.emplace_back(std::to_string(entry.key_value));
  }

 private:
  const Names& names_;
  std::deque<std::string> numbers_;
};

}  // namespace

MaildirMailbox::Stamp MaildirMailbox::stamp_of(const struct ::stat& status) {
  return {status.st_ino, static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

Result<std::pair<MaildirMailbox::Look, bool>> MaildirMailbox::compare_directories() const {
  const auto new_now = TRY(sys::stat(path_ + "/new"));
  const auto cur_now = TRY(sys::stat(path_ + "/cur"));
  Look now = look_;
  now.new_directory = stamp_of(new_now);
  now.cur_directory = stamp_of(cur_now);
  now.is_settled = is_settled(new_now) && is_settled(cur_now) ? 1 : 0;
  now.uid_validity = state().uid_validity.value;
  const bool is_same = has_looked_ && now.uid_validity == look_.uid_validity &&
                       now.new_directory == look_.new_directory &&
                       now.cur_directory == look_.cur_directory;
  return std::pair{now, is_same};
}

void MaildirMailbox::remember_own_changes(const std::pair<Look, bool>& before) {
  has_looked_ = false;
  if (!before.second) return;
  const auto after = compare_directories();
  if (!after) return;
  look_.new_directory = after->first.new_directory;
  look_.cur_directory = after->first.cur_directory;
  look_.is_settled = 0;  // all of it is listed once more when nothing can hide behind our changes
  look_.uid_validity = state().uid_validity.value;
  has_looked_ = is_own_change_ = true;
}

Result<void> MaildirMailbox::refresh() {
  watch_.look({path_ + "/new", path_ + "/cur", log_.path()});
  TRY(catch_up());
  constexpr std::chrono::seconds kLongest{1};  // that other programs do not see changes
  if (is_unsettled_ && clock_.monotonic() - unsettled_since_ > kLongest) take_over_pending(true);
  if (!has_pending()) lines_seen_ = log_.lines_read();
  const bool is_known = !has_pending() || (is_unsettled_ && lines_seen_ == log_.lines_read());
  if (has_looked_ && is_known && state().intents.empty()) {
    // Another's change may hide behind one that is young: listed each time until it cannot. Behind
    // our own only once, then.
    const auto now = compare_directories();
    const bool is_sure =
        look_.is_settled != 0 || (is_own_change_ && now && now->first.is_settled == 0);
    if (now && now->second && is_sure) return log_.sync();
  }
  TRY(be_there());  // the log lies in it
  const auto guard = TRY(log_.lock());
  return look();
}

Result<void> MaildirMailbox::look() {
  TRY(catch_up());
  TRY(load());
  has_looked_ = is_own_change_ = is_unsettled_ = false;
  TRY(resolve_all());
  TRY(read_keywords());
  Look now = TRY(compare_directories())
  .first;
  auto listing = TRY(list());
  if (TRY(part_namesakes())) listing = TRY(list());
  TRY(log_.load_names());
  if (!state().doomed.empty()) {  // whoever has unlinked them was killed before this
    TRY(sys::fsync_directory(path_ + "/new"));
    TRY(sys::fsync_directory(path_ + "/cur"));
  }
  auto difference = compare_names(listing.files);
  if (difference.is_missed) {
    // A file that another program renames while the directory is read may be missed: what is gone
    // must be gone twice.
    Listing again = TRY(list());
    for (const File& file : again.files) {
      if (!difference.there.contains(hash_of(file.name))) listing.files.push_back(file);
    }
    std::ranges::move(again.names, std::back_inserter(listing.names));
    difference = compare_names(listing.files);
  }
  auto& files = listing.files;
  if (difference.any_unknown || state().uid_validity.value == 0) {
    TRY(give_uids(files, difference.known, now));
  } else {
    std::vector<Item*> items;
    items.reserve(files.size());
    for (File& file : files) items.push_back(&file);
    TRY(reconcile(items));
  }
  note_places(files);
  now.uid_validity = state().uid_validity.value;
  is_index_stale_ = is_index_stale_ || (now.is_settled != 0 && files.size() > kMany);
  look_ = now;
  has_looked_ = true;
  lines_seen_ = log_.lines_read();
  if (!has_pending()) return {};
  TRY(apply_pending());
  remember_own_changes({now, has_looked_});
  return {};
}

MaildirMailbox::Difference MaildirMailbox::compare_names(const std::vector<File>& files) const {
  const auto word_of = [this](const Entry& entry) {
    if (entry.key_is_name == 0) return std::to_string(entry.key_value);
    return std::string(state().names.view(entry.key_value));
  };
  Difference difference;
  if (state().messages.empty() && state().doomed.empty()) {
    difference.any_unknown = !files.empty();
    return difference;
  }
  const auto is_same = [&](const Entry& entry, const File& file) {
    return entry.key_is_name != 0 && state().names.view(entry.key_value) == file.name;
  };
  // Mostly all are there in their order.
  if (state().doomed.empty() && state().messages.size() == files.size() &&
      std::equal(state().messages.begin(), state().messages.end(), files.begin(), is_same)) {
    return difference;
  }
  for (const File& file : files) difference.there.insert(hash_of(file.name));
  for (const Entry& entry : state().messages) {
    const std::uint64_t hash = hash_of(word_of(entry));
    difference.known.insert(hash);
    difference.is_missed = difference.is_missed || !difference.there.contains(hash);
  }
  for (const Entry& entry : state().doomed) difference.known.insert(hash_of(word_of(entry)));
  difference.any_unknown = std::any_of(files.begin(), files.end(), [&](const File& file) {
    return !difference.known.contains(hash_of(file.name));
  });
  return difference;
}

// What is in dovecot-uidlist, under its lock. What it had when we saw it last is in state().
Result<UidList> MaildirMailbox::read_uid_list_if_changed(bool& is_changed) const {
  const auto status = sys::stat(uid_list_path_);
  is_changed = !status || look_.uid_list.inode == 0 || look_.uid_list != stamp_of(*status) ||
               look_.uid_validity != state().uid_validity.value;
  if (is_changed) return read_uid_list(uid_list_path_);
  UidList same;
  same.uid_validity = state().uid_validity.value;
  same.uid_next = state().uid_next.value;
  return same;
}

Result<void> MaildirMailbox::add_to_uid_list(std::span<const Given> added, UidList& before,
                                             Look& now) {
  if (!TRY(maildir::add_to_uid_list(uid_list_path_, state().uid_validity, added, before))) {
    return write_uid_list(before, now);
  }
  now.uid_list = stamp_of(TRY(sys::stat(uid_list_path_)));
  return {};
}

Result<void> MaildirMailbox::write_uid_list(UidList& before, Look& now) {
  TRY(log_.load_names());
  Bases bases{state().names};
  std::vector<Given> all;
  all.reserve(state().messages.size());
  for (const Entry& entry : state().messages) all.push_back({entry.uid, bases.of(entry)});
  TRY(maildir::write_uid_list(uid_list_path_, state().uid_validity, state().uid_next, all, before));
  now.uid_list = stamp_of(TRY(sys::stat(uid_list_path_)));
  return {};
}

// A UID that a damaged list gives twice is the first file's. By UID.
bool MaildirMailbox::forget_equal_hints(std::vector<File>& files) {
  bool any = false;
  std::uint32_t last = 0;
  for (File& file : files) {
    if (file.uid_hint == 0) continue;
    if (file.uid_hint == last) {
      file.uid_hint = 0;
      any = true;
    } else {
      last = file.uid_hint;
    }
  }
  return any;
}

// To files that have none, `known` being the hashes of the others' names.
Result<void> MaildirMailbox::give_uids(std::vector<File>& files,
                                       const std::unordered_set<std::uint64_t>& known, Look& now) {
  const auto lock = TRY(UidListLock::take(uid_list_path_, settings_.lock_timeout));
  bool is_read = false;
  UidList uids = TRY(read_uid_list_if_changed(is_read));
  Ops ops;
  choose_identity(ops, {uids.uid_validity});
  TRY(log_.write(ops, false));
  const bool is_theirs = uids.uid_validity == state().uid_validity.value;
  const auto is_known = [&](const File& file) {
    return !known.empty() && known.contains(hash_of(file.name));
  };
  std::erase_if(files, [&](const File& file) {
    if (!file.may_be_none || is_known(file)) return false;
    const auto status = sys::lstat(path_ + '/' + place_of(file));
    if (!status || S_ISREG(status->st_mode)) return false;
    tell_left_out(file.file_name, "is not a regular file");
    return true;
  });
  for (File& file : files) {
    if (is_known(file)) continue;
    const auto wished = wished_.find(file.name);
    if (wished != wished_.end() && wished->second != file.flags) file.wished = &wished->second;
    const Listed* const listed = uids.find(file.name);
    if (is_theirs && listed != nullptr) file.uid_hint = listed->uid;
  }
  // UIDs that Dovecot has given come first, ascending; then the rest in order of arrival.
  const auto comes_before = [](const File& a, const File& b) {
    const auto rank = [](const File& f) { return f.uid_hint == 0 ? UINT32_MAX : f.uid_hint; };
    return rank(a) < rank(b);
  };
  if (!std::is_sorted(files.begin(), files.end(), comes_before)) {
    std::stable_sort(files.begin(), files.end(), comes_before);
  }
  if (forget_equal_hints(files)) std::stable_sort(files.begin(), files.end(), comes_before);
  std::vector<Item*> items;
  items.reserve(files.size());
  for (File& file : files) items.push_back(&file);
  const Uid first_new = state().uid_next;
  // Those without a hint must not take a UID that the list has given to a file now gone.
  const Uid floor{is_theirs ? uids.uid_next : 0};
  TRY(reconcile(items, floor));
  if (state().uid_next < floor) {
    Ops next;
    next.uid_next(floor);
    TRY(log_.write(next, true));
  }
  if (uids.uid_validity == 0) return write_uid_list(uids, now);
  Bases bases{state().names};
  std::vector<Given> added;
  for (const Entry& entry : state().messages) {
    if (!is_read && entry.uid < first_new) continue;
    const auto base = bases.of(entry);
    const Listed* const listed = uids.find(base);
    if (listed == nullptr || listed->uid != entry.uid.value) added.push_back({entry.uid, base});
  }
  if (!added.empty()) return add_to_uid_list(added, uids, now);
  now.uid_list = stamp_of(TRY(sys::stat(uid_list_path_)));
  return {};
}

// Which of the files have another name than their flags say.
void MaildirMailbox::note_places(const std::vector<File>& files) {
  other_places_.clear();
  auto next = state().messages.begin();  // most come in their order
  for (const File& file : files) {
    const bool is_next = next != state().messages.end() && next->uid == file.uid;
    const Entry* entry = is_next ? &*next++ : state().messages.find(file.uid);
    if (entry == nullptr) entry = state().doomed.find(file.uid);
    if (entry == nullptr || is_at_usual_place(*entry, file)) continue;
    other_places_[file.uid] = place_of(file);
  }
}

}  // namespace mail::store::maildir
