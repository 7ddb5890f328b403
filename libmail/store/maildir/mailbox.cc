#include "libmail/store/maildir/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/maildir/uid_list.h"
#include "libmail/store/view.h"

namespace mail::store::maildir {
namespace {

constexpr std::size_t kChunk = 64UL * 1024;

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

bool is_same(const struct ::stat& a, const struct ::stat& b) {
  return a.st_ino == b.st_ino && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
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
                               const Settings& settings, bool may_create)
    : LoggedMailbox((control.empty() ? path : control) + "/tubepost.state", settings),
      path_(std::move(path)),
      may_create_(may_create),
      uid_list_path_(parent_directory(log_.path()) + "/dovecot-uidlist") {}

Result<void> MaildirMailbox::make(const std::string& path) {
  for (const char* name : {"", "/tmp", "/new", "/cur", "/tubepost-prepared"}) {
    TRY(make_private_directories(path + name));
  }
  return {};
}

std::string MaildirMailbox::path_of(const File& file) const {
  return path_ + (file.is_new ? "/new/" : "/cur/") + file.name;
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
    if (!index || *index >= 26 || space == std::string_view::npos) continue;
    if (keywords_.size() <= *index) keywords_.resize(*index + 1);
    keywords_.at(*index) = std::string(line.substr(space + 1));
  }
  return {};
}

// Letters for keywords that have none yet; past 26 they stay in the state log only.
Result<void> MaildirMailbox::learn_keywords() {
  bool learned = false;
  for (const auto& [uid, entry] : state().messages) {
    if (!entry.pending) continue;
    for (const auto& keyword : entry.flags.keywords) {
      const bool known = std::any_of(keywords_.begin(), keywords_.end(), [&](const auto& have) {
        return ascii::iequals(have, keyword);
      });
      if (known || keywords_.size() >= 26) continue;
      keywords_.push_back(keyword);
      learned = true;
    }
  }
  if (!learned) return {};
  std::string text;
  for (std::size_t i = 0; i < keywords_.size(); ++i) {
    text += std::to_string(i) + " " + keywords_.at(i) + "\n";
  }
  return sys::replace_file(parent_directory(log_.path()) + "/dovecot-keywords", text, 0600);
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

// new/ first: what moves to cur/ meanwhile is then seen there.
Result<std::vector<MaildirMailbox::File>> MaildirMailbox::list() {
  std::map<std::string, File> found;
  for (const bool is_new : {true, false}) {
    const auto names = sys::list_directory(path_ + (is_new ? "/new" : "/cur"));
    if (!names && names.error().code == Errc::NotFound) continue;
    if (!names) return fail(names.error());
    for (const auto& name : *names) {
      if (name.starts_with('.')) continue;
      FileName parsed = parse_file_name(name);
      File file;
      file.key = parsed.base;
      file.flags = to_flags(parsed.letters, keywords_);
      file.old = !is_new;
      file.size = parsed.wire_size.value_or(0);
      file.name = name;
      file.is_new = is_new;
      found[parsed.base] = std::move(file);
    }
  }
  std::vector<File> files;
  files.reserve(found.size());
  for (auto& [base, file] : found) files.push_back(std::move(file));
  std::stable_sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return arrival_of(a.key) < arrival_of(b.key);
  });
  return files;
}

// Size on the wire and date of a message seen for the first time.
Result<void> MaildirMailbox::measure(File& file) {
  const auto fd = sys::open(path_of(file), O_RDONLY | O_NOFOLLOW);
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
  return !state().doomed.empty() ||
         std::any_of(state().messages.begin(), state().messages.end(),
                     [](const auto& entry) { return entry.second.pending; });
}

Result<void> MaildirMailbox::be_there() {
  if (may_create_ || sys::exists(path_)) return make(path_);
  return fail(Errc::NotFound, "Mailbox does not exist", log::escape(path_) + " is gone");
}

Result<void> MaildirMailbox::refresh() {
  watch_.look({path_ + "/new", path_ + "/cur", log_.path()});
  const auto before = log_.generation();
  TRY(log_.catch_up());
  const bool others_wrote = before != log_.generation();
  const auto new_now = sys::stat(path_ + "/new");
  const auto cur_now = sys::stat(path_ + "/cur");
  if (has_looked_ && !others_wrote && new_now && cur_now && is_same(*new_now, new_) &&
      is_same(*cur_now, cur_) && state().intents.empty()) {
    return log_.sync();
  }
  TRY(be_there());  // the log lies in it
  const auto guard = TRY(log_.lock());
  return look();
}

Result<void> MaildirMailbox::look() {
  has_looked_ = false;
  TRY(resolve_all());
  TRY(read_keywords());
  const auto new_now = TRY(sys::stat(path_ + "/new"));
  const auto cur_now = TRY(sys::stat(path_ + "/cur"));
  const bool settled = is_settled(new_now) && is_settled(cur_now);
  auto files = TRY(list());
  // A file that another program renames while the directory is read may be missed: what is gone
  // must be gone twice.
  std::unordered_set<std::string> there;
  for (const File& file : files) there.insert(file.key);
  const bool is_missed =
      std::any_of(state().messages.begin(), state().messages.end(),
                  [&](const auto& entry) { return !there.contains(entry.second.key); });
  if (is_missed) {
    for (File& file : TRY(list())) {
      if (!there.contains(file.key)) files.push_back(std::move(file));
    }
  }
  std::unordered_set<std::string_view> known;
  for (const auto& [uid, entry] : state().messages) known.insert(entry.key);
  for (const auto& [uid, entry] : state().doomed) known.insert(entry.key);
  const bool any_unknown = std::any_of(files.begin(), files.end(),
                                       [&](const File& file) { return !known.contains(file.key); });
  if (any_unknown || state().uid_validity.value == 0) {
    const auto lock = TRY(UidListLock::take(uid_list_path_, settings_.lock_timeout));
    const UidList uids = TRY(read_uid_list(uid_list_path_));
    Ops ops;
    choose_identity(ops, {uids.uid_validity});
    TRY(log_.write(ops, false));
    const bool is_theirs = uids.uid_validity == state().uid_validity.value;
    std::vector<std::string> fresh;
    for (File& file : files) {
      if (known.contains(file.key)) continue;
      TRY(measure(file));
      const auto wished = wished_.find(file.key);
      if (wished != wished_.end() && wished->second != file.flags) file.wished = &wished->second;
      const auto hint = uids.uids.find(file.key);
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
    for (File& file : files) items.push_back(&file);
    // Those without a hint must not take a UID that the list has given to a file now gone.
    TRY(reconcile(items, true));
    for (File& file : files) file.wished = nullptr;
    std::vector<std::pair<Uid, std::string>> added;
    std::vector<std::pair<Uid, std::string>> all;
    for (const auto& [uid, entry] : state().messages) {
      all.emplace_back(uid, entry.key);
      const auto listed = uids.uids.find(entry.key);
      if (listed == uids.uids.end() || listed->second != uid.value)
        added.emplace_back(uid, entry.key);
    }
    if (!added.empty() || uids.uid_validity == 0) {
      TRY(write_uid_list(uid_list_path_, state().uid_validity, state().uid_next, added, all, uids));
    }
  } else {
    std::vector<Item*> items;
    items.reserve(files.size());
    for (File& file : files) items.push_back(&file);
    TRY(reconcile(items, false));
  }
  files_ = std::move(files);
  by_key_.clear();
  for (std::size_t i = 0; i < files_.size(); ++i) by_key_[files_.at(i).key] = i;
  new_ = new_now;
  cur_ = cur_now;
  has_looked_ = settled;
  if (has_pending()) TRY(apply_pending());
  return {};
}

// Acknowledged changes into names and directories; under the log's lock. The log says when it is
// done, so a crash on the way is taken up again by the next look.
Result<void> MaildirMailbox::apply_pending() {
  TRY(learn_keywords());
  Ops ops;
  for (const auto& [uid, entry] : state().messages) {
    const auto at = by_key_.find(entry.key);
    if (!entry.pending || at == by_key_.end()) continue;
    File& file = files_.at(at->second);
    const FileName parsed = parse_file_name(file.name);
    const std::string letters = to_letters(entry.flags, keywords_, parsed.letters);
    File target = file;
    target.is_new = !entry.old && letters.empty() && file.is_new;
    target.name = target.is_new ? entry.key : entry.key + ":2," + letters;
    const std::string from = path_of(file);
    const std::string to = path_of(target);
    if (from != to) {
      auto renamed = sys::rename(from, to);
      if (!renamed && renamed.error().code == Errc::NotFound) {
        has_looked_ = false;
        continue;  // another program has moved it: at the next look
      }
      if (!renamed) return renamed;
    }
    target.flags = entry.flags;
    target.old = !target.is_new;
    file = std::move(target);
    ops.stored(uid, entry.modseq, entry.flags, file.old);
  }
  for (const auto& [uid, entry] : state().doomed) {
    if (const auto at = by_key_.find(entry.key); at != by_key_.end()) {
      auto gone = sys::unlink(path_of(files_.at(at->second)));
      if (!gone && gone.error().code == Errc::NotFound) {
        has_looked_ = false;
        continue;
      }
      if (!gone) return gone;
    }
    ops.gone(uid, entry.modseq);
  }
  TRY(sys::fsync_directory(path_ + "/cur"));
  TRY(sys::fsync_directory(path_ + "/new"));
  return log_.write(ops, false);
}

Result<void> MaildirMailbox::fold() {
  TRY(refresh());
  if (!has_pending()) return {};
  const auto guard = TRY(log_.lock());
  return look();
}

void MaildirMailbox::take_over(bool /*flags*/, bool /*expunged*/) {
  const auto done = [&]() -> Result<void> {
    const auto guard = TRY(log_.lock());
    return apply_pending();
  }();
  if (!done) log::info("maildir " + log::escape(path_) + ": " + done.error().log_text);
  has_looked_ = false;
}

Result<FileDescriptor> MaildirMailbox::open_file(const std::string& key) {
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto at = by_key_.find(key);
    if (at != by_key_.end()) {
      auto fd = sys::open(path_of(files_.at(at->second)), O_RDONLY | O_NOFOLLOW);
      if (fd || fd.error().code != Errc::NotFound) return fd;
    }
    has_looked_ = false;  // another program has renamed it
    TRY(refresh());
  }
  return fail(Errc::NotFound, "Message is gone");
}

Result<std::unique_ptr<MessageReader>> MaildirMailbox::open(Uid uid, View view) {
  if (!state().messages.contains(uid)) TRY(refresh());
  const auto entry = state().messages.find(uid);
  if (entry == state().messages.end()) return fail(Errc::NotFound, "Message is gone");
  const std::string key = entry->second.key;
  const std::uint64_t wire_size = entry->second.size;
  auto fd = TRY(open_file(key));
  const auto status = TRY(sys::fstat(fd));
  auto stored =
      std::make_unique<FileReader>(MessageFile{std::move(fd), wire_size, may_be_lost(key, status)},
                                   static_cast<std::uint64_t>(status.st_size));
  if (view == View::Stored) return stored;
  return make_wire_view(std::move(stored), {}, wire_size);
}

Result<std::string> MaildirMailbox::from_line(Uid uid) {
  const auto reader = open(uid, View::Stored);
  if (!reader) return fail(reader.error());
  return compose_from_line(**reader, state().messages.at(uid).date);
}

Result<std::map<Uid, FormerIds>> MaildirMailbox::former_ids() {
  TRY(refresh());
  const UidList list = TRY(read_uid_list(uid_list_path_));
  std::map<Uid, FormerIds> ids;
  for (const auto& [uid, entry] : state().messages) {
    const auto extras = list.extras.find(entry.key);
    FormerIds& former = ids[uid];
    if (extras != list.extras.end()) {
      former.guid = extras->second.guid;
      former.pop3_uidl = extras->second.pop3_uidl;
    }
    former.file_name = entry.key;
    if (former.guid.empty()) former.guid = entry.key;
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
