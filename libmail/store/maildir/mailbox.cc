#include "libmail/store/maildir/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <tuple>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/hash.h"
#include "libmail/store/view.h"

namespace mail::store::maildir {
namespace {

constexpr std::size_t kChunk = 64UL * 1024;
constexpr std::size_t kMany = 100;  // files whose listing costs more than an index

class FileReader final : public MessageReader {
 public:
  FileReader(MessageFile file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    return sys::pread(file_.fd, into, offset);
  }
  [[nodiscard]] const MessageFile* file() const override { return &file_; }

 private:
  MessageFile file_;
  std::uint64_t size_;
};

// What we have written was durable before it had its name. Others' may lie in memory only, until
// Linux has written it by itself: after 30 s (vm.dirty_expire_centisecs) and a few more.
bool may_be_lost(const std::string& key, const struct ::stat& status) {
  constexpr time_t kWrittenBySeconds = 120;
  return !is_made_by_us(key) && status.st_ctim.tv_sec + kWrittenBySeconds > ::time(nullptr);
}

constexpr std::size_t kMaxKeywords = 26;  // a to z

// Dovecot reads the file again when its time is another second's: it grows with each change.
Result<void> write_keywords(const std::string& path, const Keywords& keywords) {
  const auto before = sys::stat(path);
  std::string text;
  for (std::size_t i = 0; i < keywords.size(); ++i) {
    if (!keywords.at(i).empty()) text += std::to_string(i) + " " + keywords.at(i) + "\n";
  }
  TRY(sys::replace_file(path, text, 0600));
  const auto after = sys::stat(path);
  if (before && after && after->st_mtim.tv_sec <= before->st_mtim.tv_sec) {
    const struct ::timespec later { before->st_mtim.tv_sec + 1, 0 };
    const struct ::timespec times[2] = {later, later};
    static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), times, 0));
  }
  return {};
}

// Whether a change from now on is sure to show in the directory's time.
bool is_settled(const struct ::stat& status) {
  struct ::timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const bool is_coarse = status.st_mtim.tv_nsec == 0;
  const std::int64_t age = (now.tv_sec - status.st_mtim.tv_sec) * 1000 +
                           (now.tv_nsec - status.st_mtim.tv_nsec) / 1'000'000;
  return age > (is_coarse ? 2000 : 50);
}

}  // namespace

MaildirMailbox::MaildirMailbox(std::string path, const std::string& control,
                               const std::string& index_path, const Settings& settings,
                               bool may_create)
    : LoggedMailbox((control.empty() ? path : control) + "/tubepost.state", index_path, settings),
      path_(std::move(path)),
      may_create_(may_create),
      uid_list_path_(parent_directory(log_.path()) + "/dovecot-uidlist") {}

Result<void> MaildirMailbox::make(const std::string& path) {
  for (const char* name : {"", "/tmp", "/new", "/cur", "/tubepost-prepared"}) {
    TRY(make_private_directories(path + name));
  }
  return {};
}

std::string MaildirMailbox::place_of(const File& file) {
  return (file.is_new ? "new/" : "cur/") + file.file_name;
}

// Where we would put it.
std::string MaildirMailbox::usual_place(const Entry& entry, const std::string& base) const {
  const std::string letters = to_letters(entry.flags, keywords_, {});
  if (entry.old == 0 && letters.empty()) return "new/" + base;
  return std::string("cur/").append(base).append(":2,").append(letters);
}

std::string MaildirMailbox::place_of(const Entry& entry, const std::string& base) const {
  const auto other = other_places_.find(entry.uid);
  return other != other_places_.end() ? other->second : usual_place(entry, base);
}

// The file's name before its sizes are known: a stem, unique by time, process and counter.
std::string MaildirMailbox::prepared_path(const std::string& name) const {
  return path_ + "/tubepost-prepared/" + name.substr(0, name.find(','));
}

// Where a prepared file goes: to cur/ if its name tells flags.
std::string MaildirMailbox::stored_path(const std::string& name) const {
  return path_ + (name.find(":2,") == std::string::npos ? "/new/" : "/cur/") + name;
}

Result<void> MaildirMailbox::read_keywords() {
  keywords_.clear();
  auto text = sys::read_file(parent_directory(log_.path()) + "/dovecot-keywords", 64UL * 1024);
  if (!text && text.error().code == Errc::NotFound) return {};
  if (!text) return fail(text.error());
  for (const auto line : ascii::split(*text, '\n')) {
    const auto space = line.find(' ');
    const auto index = ascii::to_number<std::size_t>(line.substr(0, space));
    if (!index || *index >= kMaxKeywords || space == std::string_view::npos) continue;
    if (keywords_.size() <= *index) keywords_.resize(*index + 1);
    keywords_.at(*index) = std::string(line.substr(space + 1));
  }
  return {};
}

// Letters for those of `words` that have none yet; past 26 they stay in the state log only. Dovecot
// changes the file under its lock of the list of UIDs.
Result<void> MaildirMailbox::learn_keywords(const std::set<std::string>& words) {
  const auto is_known = [&](const std::string& word) {
    return std::any_of(keywords_.begin(), keywords_.end(),
                       [&](const auto& have) { return ascii::iequals(have, word); });
  };
  if (std::all_of(words.begin(), words.end(), is_known)) return {};
  if (keywords_.size() >= kMaxKeywords) return {};
  const auto guard = TRY(log_.lock());
  const auto lock = TRY(UidListLock::take(uid_list_path_, settings_.lock_timeout));
  TRY(read_keywords());
  for (const auto& word : words) {
    if (!is_known(word) && keywords_.size() < kMaxKeywords) keywords_.push_back(word);
  }
  return write_keywords(parent_directory(log_.path()) + "/dovecot-keywords", keywords_);
}

Flags MaildirMailbox::flags_of(const Entry& entry, const Item& item) const {
  Flags flags = item.flags;
  for (const auto& keyword : entry.flags.keywords) {
    const bool has_letter = std::any_of(keywords_.begin(), keywords_.end(), [&](const auto& have) {
      return ascii::iequals(have, keyword);
    });
    if (!has_letter) flags.set_keyword(keyword);
  }
  return flags;
}

// By arrival. new/ first: what moves to cur/ meanwhile is then seen there.
Result<std::vector<MaildirMailbox::File>> MaildirMailbox::list() {
  std::vector<File> files;
  for (const bool is_new : {true, false}) {
    const auto names = sys::list_directory(path_ + (is_new ? "/new" : "/cur"));
    if (!names && names.error().code == Errc::NotFound) continue;
    if (!names) return fail(names.error());
    files.reserve(files.size() + names->size());
    for (const auto& name : *names) {
      if (name.starts_with('.')) continue;
      FileName parsed = parse_file_name(name);
      File file;
      file.arrival = arrival_of(parsed.base);
      file.base = std::move(parsed.base);
      file.flags = to_flags(parsed.letters, keywords_);
      file.old = !is_new;
      file.size = parsed.wire_size.value_or(0);
      file.file_name = name;
      file.is_new = is_new;
      files.push_back(std::move(file));
    }
  }
  // Of two files with one base name the one in cur/, and of two there the last.
  const auto order = [](const File& file) {
    return std::tie(file.arrival, file.base, file.old, file.file_name);
  };
  std::sort(files.begin(), files.end(),
            [&](const File& a, const File& b) { return order(b) < order(a); });
  const auto is_same = [](const File& a, const File& b) { return a.base == b.base; };
  files.erase(std::unique(files.begin(), files.end(), is_same), files.end());
  std::reverse(files.begin(), files.end());
  for (File& file : files) file.name = file.base;
  return files;
}

// Size on the wire and date of a message seen for the first time.
Result<void> MaildirMailbox::measure(File& file) {
  const auto fd = sys::open(path_ + '/' + place_of(file), O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().code == Errc::NotFound) return {};
  if (!fd) return fail(fd.error());
  const auto status = TRY(sys::fstat(*fd));
  file.date = WallTime{std::chrono::seconds(status.st_mtim.tv_sec)};
  if (file.size != 0) return {};
  message::LineCounter counter;
  std::string chunk(kChunk, '\0');
  for (std::uint64_t at = 0;;) {
    const std::size_t got = TRY(sys::pread(*fd, chunk, at));
    if (got == 0) break;
    counter.feed(std::string_view{chunk}.substr(0, got));
    at += got;
  }
  file.size = counter.crlf_octets();
  return {};
}

bool MaildirMailbox::has_pending() const {
  return !state().doomed.empty() || state().messages.pending() > 0;
}

Result<void> MaildirMailbox::be_there() {
  if (may_create_ || sys::exists(path_)) return make(path_);
  return fail(Errc::NotFound, "Mailbox does not exist", log::escape(path_) + " is gone");
}

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
  if (has_looked_ && !has_pending() && state().intents.empty()) {
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
  has_looked_ = is_own_change_ = false;
  TRY(resolve_all());
  TRY(read_keywords());
  Look now = TRY(compare_directories())
  .first;
  auto files = TRY(list());
  TRY(log_.load_names());
  auto difference = compare_names(files);
  if (difference.is_missed) {
    // A file that another program renames while the directory is read may be missed: what is gone
    // must be gone twice.
    for (File& file : TRY(list())) {
      if (!difference.there.contains(hash_of(file.base))) files.push_back(std::move(file));
    }
    for (File& file : files) file.name = file.base;
    difference = compare_names(files);
  }
  if (difference.any_unknown || state().uid_validity.value == 0) {
    TRY(give_uids(files, difference.known, now));
  } else {
    std::vector<Item*> items;
    items.reserve(files.size());
    for (File& file : files) items.push_back(&file);
    TRY(reconcile(items, false));
  }
  TRY(note_places(files));
  now.uid_validity = state().uid_validity.value;
  is_index_stale_ = is_index_stale_ || (now.is_settled != 0 && files.size() > kMany);
  look_ = now;
  has_looked_ = true;
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
  const auto is_same = [&](const Entry& entry, const File& file) {
    return entry.key_is_name != 0 && state().names.view(entry.key_value) == file.base;
  };
  // Mostly all are there in their order.
  if (state().doomed.empty() && state().messages.size() == files.size() &&
      std::equal(state().messages.begin(), state().messages.end(), files.begin(), is_same)) {
    return difference;
  }
  for (const File& file : files) difference.there.insert(hash_of(file.base));
  for (const Entry& entry : state().messages) {
    const std::uint64_t hash = hash_of(word_of(entry));
    difference.known.insert(hash);
    difference.is_missed = difference.is_missed || !difference.there.contains(hash);
  }
  for (const Entry& entry : state().doomed) difference.known.insert(hash_of(word_of(entry)));
  difference.any_unknown = std::any_of(files.begin(), files.end(), [&](const File& file) {
    return !difference.known.contains(hash_of(file.base));
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

Result<void> MaildirMailbox::add_to_uid_list(const std::vector<std::pair<Uid, std::string>>& added,
                                             const UidList& before, Look& now) {
  const auto all = [this] {
    std::vector<std::pair<Uid, std::string>> entries;
    for (const Entry& entry : state().messages) {
      if (auto base = state().word_of(entry.key())) entries.emplace_back(entry.uid, *base);
    }
    return entries;
  };
  TRY(write_uid_list(uid_list_path_, state().uid_validity, state().uid_next, added, all, before));
  now.uid_list = stamp_of(TRY(sys::stat(uid_list_path_)));
  return {};
}

// To files that have none, `known` being the hashes of the others' names.
Result<void> MaildirMailbox::give_uids(std::vector<File>& files,
                                       const std::unordered_set<std::uint64_t>& known, Look& now) {
  const auto lock = TRY(UidListLock::take(uid_list_path_, settings_.lock_timeout));
  bool is_read = false;
  const UidList uids = TRY(read_uid_list_if_changed(is_read));
  Ops ops;
  choose_identity(ops, {uids.uid_validity});
  TRY(log_.write(ops, false));
  const bool is_theirs = uids.uid_validity == state().uid_validity.value;
  for (File& file : files) {
    if (known.contains(hash_of(file.base))) continue;
    TRY(measure(file));
    const auto wished = wished_.find(file.base);
    if (wished != wished_.end() && wished->second != file.flags) file.wished = &wished->second;
    const auto hint = uids.uids.find(file.base);
    if (is_theirs && hint != uids.uids.end()) file.uid_hint = hint->second;
  }
  // UIDs that Dovecot has given come first, ascending; then the rest in order of arrival.
  std::stable_sort(files.begin(), files.end(), [](const File& a, const File& b) {
    const auto rank = [](const File& f) { return f.uid_hint == 0 ? UINT32_MAX : f.uid_hint; };
    return rank(a) < rank(b);
  });
  if (is_theirs && uids.uids.empty() && uids.uid_next > state().uid_next.value) {
    Ops next;
    next.uid_next({uids.uid_next});
    TRY(log_.write(next, false));
  }
  std::vector<Item*> items;
  items.reserve(files.size());
  for (File& file : files) {
    file.name = file.base;  // it has moved
    items.push_back(&file);
  }
  const Uid first_new = state().uid_next;
  // Those without a hint must not take a UID that the list has given to a file now gone.
  TRY(reconcile(items, true));
  std::vector<std::pair<Uid, std::string>> added;
  for (const Entry& entry : state().messages) {
    if (!is_read && entry.uid < first_new) continue;
    const std::string base = TRY(state().word_of(entry.key()));
    const auto listed = uids.uids.find(base);
    if (listed == uids.uids.end() || listed->second != entry.uid.value) {
      added.emplace_back(entry.uid, base);
    }
  }
  if (!added.empty() || uids.uid_validity == 0) return add_to_uid_list(added, uids, now);
  now.uid_list = stamp_of(TRY(sys::stat(uid_list_path_)));
  return {};
}

// Which of the files have another name than their flags say.
Result<void> MaildirMailbox::note_places(const std::vector<File>& files) {
  other_places_.clear();
  for (const File& file : files) {
    const Entry* entry = state().messages.find(file.uid);
    if (entry == nullptr) entry = state().doomed.find(file.uid);
    if (entry == nullptr) continue;
    std::string place = place_of(file);
    if (place != usual_place(*entry, file.base)) other_places_[file.uid] = std::move(place);
  }
  return {};
}

void MaildirMailbox::put_format(IndexWriter& writer) {
  writer.put_record(has_looked_ ? look_ : Look{});
  for (const auto& [uid, place] : other_places_) {
    writer.put_record(uid.value);
    writer.put_record(static_cast<std::uint32_t>(place.size()));
    writer.put(place);
  }
}

void MaildirMailbox::restore() {
  has_looked_ = false;
  look_ = {};
  other_places_.clear();
  const auto& index = log_.index();
  if (!index || index->header().format.octets < sizeof(Look)) return;
  const auto octets = index->read(index->header().format);
  if (!octets) return;
  Look look;
  std::memcpy(&look, octets->data(), sizeof look);
  std::string_view in = std::string_view{*octets}.substr(sizeof look);
  while (!in.empty()) {
    std::array<std::uint32_t, 2> head{};  // UID and octets
    if (in.size() < sizeof head) return;
    std::memcpy(head.data(), in.data(), sizeof head);
    in.remove_prefix(sizeof head);
    if (in.size() < head[1]) return;
    other_places_[Uid{head[0]}] = std::string(in.substr(0, head[1]));
    in.remove_prefix(head[1]);
  }
  if (!read_keywords()) return;
  look_ = look;
  has_looked_ = look.uid_validity != 0;
}

// The flags that their names have now are not known any more when the log has others.
void MaildirMailbox::before_change(const std::vector<Change>& wishes) {
  for (const Change& wish : wishes) {
    const Entry* const entry = state().messages.find(wish.uid);
    if (entry == nullptr || wish.expunge || other_places_.contains(wish.uid)) continue;
    if (const auto base = log_.word_of(wish.uid)) {
      other_places_[wish.uid] = usual_place(*state().messages.find(wish.uid), *base);
    }
  }
}

// Acknowledged changes into names and directories; under the log's lock. The log says when it is
// done, so a crash on the way is taken up again by the next look. So is what another process has
// left: only a listing tells what its files are called.
Result<void> MaildirMailbox::apply_pending() {
  std::set<std::string> words;
  for (const auto& [uid, place] : other_places_) {
    const Entry* const entry = state().messages.find(uid);
    if (entry == nullptr || entry->pending == 0) continue;
    words.insert(entry->flags.keywords.begin(), entry->flags.keywords.end());
  }
  TRY(learn_keywords(words));
  Ops ops;
  const auto places = other_places_;
  for (const auto& [uid, from] : places) {
    if (!state().messages.contains(uid)) continue;
    const std::string base = TRY(log_.word_of(uid));
    const Entry* const entry = state().messages.find(uid);
    if (entry == nullptr || entry->pending == 0) continue;
    const bool was_new = from.starts_with("new/");
    const std::string letters = to_letters(entry->flags, keywords_, parse_file_name(from).letters);
    const bool stays_new = entry->old == 0 && letters.empty() && was_new;
    std::string to = (stays_new ? "new/" : "cur/") + base;
    if (!stays_new) to.append(":2,").append(letters);
    if (from != to) {
      auto renamed = sys::rename(path_ + '/' + from, path_ + '/' + to);
      if (!renamed && renamed.error().code == Errc::NotFound) {
        has_looked_ = false;
        continue;  // another program has moved it: at the next look
      }
      if (!renamed) return renamed;
    }
    ops.stored(uid, entry->modseq, entry->flags, !stays_new);
    Entry stored = *entry;
    stored.old = stays_new ? 0 : 1;
    if (to == usual_place(stored, base)) {
      other_places_.erase(uid);
    } else {
      other_places_[uid] = to;
    }
  }
  for (const Entry& entry : state().doomed) {
    const std::string base = TRY(state().word_of(entry.key()));
    auto gone = sys::unlink(path_ + '/' + place_of(entry, base));
    if (!gone && gone.error().code == Errc::NotFound) {
      has_looked_ = false;
      continue;
    }
    if (!gone) return gone;
    other_places_.erase(entry.uid);
    ops.gone(entry.uid, entry.modseq);
  }
  TRY(sys::fsync_directory(path_ + "/cur"));
  TRY(sys::fsync_directory(path_ + "/new"));
  return log_.write(ops, false);
}

Result<void> MaildirMailbox::fold() {
  TRY(refresh());
  save_index();
  return {};
}

void MaildirMailbox::take_over(bool /*flags*/, bool /*expunged*/) {
  const auto done = [&]() -> Result<void> {
    const auto guard = TRY(log_.lock());
    const auto before = TRY(compare_directories());
    TRY(apply_pending());
    remember_own_changes({before.first, before.second && has_looked_});
    return {};
  }();
  if (done) return;
  log::info("maildir " + log::escape(path_) + ": " + done.error().log_text);
  has_looked_ = false;
}

Result<FileDescriptor> MaildirMailbox::open_file(Uid uid, std::string& base) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    base = TRY(log_.word_of(uid));
    const std::string place = place_of(*state().messages.find(uid), base);
    auto fd = sys::open(path_ + '/' + place, O_RDONLY | O_NOFOLLOW);
    if (fd || fd.error().code != Errc::NotFound) return fd;
    has_looked_ = false;  // another program has renamed it
    TRY(refresh());
  }
  return fail(Errc::NotFound, "Message is gone");
}

Result<std::unique_ptr<MessageReader>> MaildirMailbox::open(Uid uid, View view) {
  if (!state().messages.contains(uid)) TRY(refresh());
  std::string base;
  auto fd = TRY(open_file(uid, base));
  const std::uint64_t wire_size = state().messages.find(uid)->size;
  const auto status = TRY(sys::fstat(fd));
  auto stored =
      std::make_unique<FileReader>(MessageFile{std::move(fd), wire_size, may_be_lost(base, status)},
                                   static_cast<std::uint64_t>(status.st_size));
  if (view == View::Stored) return stored;
  return make_wire_view(std::move(stored), {}, wire_size);
}

Result<std::string> MaildirMailbox::from_line(Uid uid) {
  const auto reader = open(uid, View::Stored);
  if (!reader) return fail(reader.error());
  return compose_from_line(**reader, state().messages.find(uid)->date);
}

Result<std::map<Uid, FormerIds>> MaildirMailbox::former_ids() {
  TRY(refresh());
  TRY(log_.load_names());
  const UidList list = TRY(read_uid_list(uid_list_path_));
  std::map<Uid, FormerIds> ids;
  for (const Entry& entry : state().messages) {
    FormerIds& former = ids[entry.uid];
    former.file_name = TRY(state().word_of(entry.key()));
    const auto extras = list.extras.find(former.file_name);
    if (extras != list.extras.end()) {
      former.guid = extras->second.guid;
      former.pop3_uidl = extras->second.pop3_uidl;
    }
    if (former.guid.empty()) former.guid = former.file_name;
  }
  return ids;
}

// Deliveries and changes need the log's lock. What lies in new/ may still be another program's.
Result<void> MaildirMailbox::lock_exclusively() {
  TRY(LoggedMailbox::lock_exclusively());
  TRY(be_there());
  if (!session_hold_) session_hold_.emplace(TRY(log_.lock()));
  return {};
}

int MaildirMailbox::event_fd() {
  return watch_.start({path_ + "/new", path_ + "/cur", log_.path()});
}

}  // namespace mail::store::maildir
