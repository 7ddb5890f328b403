#include "libmail/store/maildir/mailbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/line_ends.h"
#include "libmail/store/view.h"

namespace mail::store::maildir {
namespace {

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
// Linux has written it by itself: after 30 s (vm.dirty_expire_centisecs) and a few more. A rename
// or a link, as flags and copies make, is a change of the file too, but not of its octets: those
// are as old as the file and its time say, unless it was long in writing and had its time set back.
bool may_be_lost(const std::string& key, const FileDescriptor& fd, const struct ::stat& status,
                 WallTime now) {
  constexpr std::chrono::seconds kWrittenBy{120};
  constexpr off_t kLong = 1L << 20U;  // octets
  if (is_made_by_us(key)) return false;
  const time_t written = std::chrono::system_clock::to_time_t(now - kWrittenBy);
  if (status.st_ctim.tv_sec < written) return false;
  struct ::statx born {};
  if (status.st_size > kLong || status.st_mtim.tv_sec >= written ||
      ::statx(fd.get(), "", AT_EMPTY_PATH, STATX_BTIME, &born) != 0) {
    return true;
  }
  return (born.stx_mask & STATX_BTIME) == 0 || born.stx_btime.tv_sec >= written;
}

// Octets on the wire. A file that is as long as it says is read once only.
Result<std::uint64_t> count_octets(const FileDescriptor& fd, std::uint64_t octets) {
  constexpr std::uint64_t kChunk = 64UL * 1024;
  std::string chunk(static_cast<std::size_t>(std::min(octets + 1, kChunk)), '\0');
  message::LineCounter counter;
  for (std::uint64_t at = 0;;) {
    const std::size_t got = TRY(sys::pread(fd, chunk, at));
    if (got == 0) break;
    counter.feed(std::string_view{chunk}.substr(0, got));
    at += got;
    if (at == octets && got < chunk.size()) break;
  }
  return counter.crlf_octets();
}

bool may_read(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0;
}

WallTime date_of(const struct ::stat& status) {
  return WallTime{std::chrono::seconds(status.st_mtim.tv_sec)};
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

}  // namespace

MaildirMailbox::MaildirMailbox(const MaildirPlaces& places, const Settings& settings)
    : LoggedMailbox(places.log_path(), places.index, settings),
      places_(places),
      path_(places.path),
      uid_list_path_(parent_directory(log_.path()) + "/dovecot-uidlist") {}

Result<void> MaildirMailbox::make(const MaildirPlaces& places) {
  for (const char* name : {"", "/tmp", "/new", "/cur"}) {
    TRY(make_private_directories(places.path + name));
  }
  return make_private_directories(places.prepared);
}

std::string MaildirMailbox::place_of(const File& file) {
  return std::string(file.is_new ? "new/" : "cur/").append(file.file_name);
}

// Where we would put it.
std::string MaildirMailbox::usual_place(const Entry& entry, const std::string& base) const {
  const std::string letters = to_letters(entry.flags, keywords_, {});
  if (entry.old == 0 && letters.empty()) return "new/" + base;
  return std::string("cur/").append(base).append(":2,").append(letters);
}

// Without composing the place.
bool MaildirMailbox::is_at_usual_place(const Entry& entry, const File& file) const {
  const std::string letters = to_letters(entry.flags, keywords_, {});
  std::string_view rest = file.file_name.substr(file.name.size());
  if (entry.old == 0 && letters.empty()) return file.is_new && rest.empty();
  if (file.is_new || !rest.starts_with(":2,")) return false;
  rest.remove_prefix(3);
  return rest == letters;
}

std::string MaildirMailbox::place_of(const Entry& entry, const std::string& base) const {
  const auto other = other_places_.find(entry.uid);
  return other != other_places_.end() ? other->second : usual_place(entry, base);
}

// The file's name before its sizes are known: a stem, unique by time, process and counter.
std::string MaildirMailbox::prepared_path(const std::string& name) const {
  return places_.prepared + "/" + name.substr(0, name.find(','));
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

Result<void> MaildirMailbox::be_there() {
  const bool is_in_tree = places_.prepared.starts_with(path_ + "/tmp/");  // others may lie below it
  const bool is_there = sys::exists(is_in_tree ? path_ + "/cur" : path_);
  if (places_.may_be_made || is_there) return make(places_);
  return fail(Errc::NotFound, "Mailbox does not exist", log::escape(path_) + " is gone");
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

Result<FileDescriptor> MaildirMailbox::find_file(Uid uid, std::string& base) {
  TRY(load());
  for (int attempt = 0; attempt < 3; ++attempt) {
    base = TRY(log_.word_of(uid));
    const std::string place = place_of(*state().messages.find(uid), base);
    auto fd = sys::open(path_ + '/' + place, kOpenMessage);
    if (!fd && fd.error().code == Errc::Denied) {
      if (!sys::lstat(path_ + '/' + place)) {  // nor may the directory be searched
        return fail(Errc::Io, "Mailbox cannot be read", fd.error().log_text);
      }
      tell_left_out(base, "may not be read");
    }
    if (fd || fd.error().code != Errc::NotFound) return fd;
    has_looked_ = false;  // another program has renamed it
    TRY(refresh());
  }
  return fail(Errc::NotFound, "Message is gone");
}

// A name that has the size on the wire (",W=", as Dovecot's and ours) saves reading the message.
Result<Measure> MaildirMailbox::measure_now(Uid uid) {
  const std::string base = TRY(log_.word_of(uid));
  const std::string path = path_ + '/' + place_of(*state().messages.find(uid), base);
  const auto wire_size = wire_size_of(base);
  if (wire_size && may_read(path)) {
    const auto status = sys::lstat(path);
    if (status && S_ISREG(status->st_mode)) {
      const Measure measure{*wire_size, date_of(*status)};
      remember(uid, measure);
      return measure;
    }
  }
  const auto opened = open_file(uid);
  if (opened) return opened->measure;
  const auto status = sys::lstat(path);
  if (opened.error().code != Errc::Denied || !status) return fail(opened.error());
  return Measure{static_cast<std::uint64_t>(status->st_size), date_of(*status), false};
}

Result<MaildirMailbox::Opened> MaildirMailbox::open_file(Uid uid) {
  Opened opened;
  opened.fd = TRY(find_file(uid, opened.base));
  opened.status = TRY(sys::fstat(opened.fd));
  if (!S_ISREG(opened.status.st_mode)) {
    return fail(Errc::Corrupt, "Message cannot be read",
                log::escape(opened.base) + " is no file any more");
  }
  const Entry& entry = *state().messages.find(uid);
  opened.measure = {entry.size, entry.date};
  if (entry.unmeasured != 0) {
    auto octets = wire_size_of(opened.base);
    if (!octets) {
      octets = TRY(count_octets(opened.fd, static_cast<std::uint64_t>(opened.status.st_size)));
    }
    opened.measure = {*octets, date_of(opened.status)};
    remember(uid, opened.measure);
  }
  return opened;
}

Result<std::unique_ptr<MessageReader>> MaildirMailbox::open(Uid uid, View view) {
  TRY(load());
  if (!state().messages.contains(uid)) TRY(refresh());
  Opened opened = TRY(open_file(uid));
  const std::uint64_t wire_size = opened.measure.size;
  const bool is_young = may_be_lost(opened.base, opened.fd, opened.status, now());
  auto stored = std::make_unique<FileReader>(MessageFile{std::move(opened.fd), wire_size, is_young},
                                             static_cast<std::uint64_t>(opened.status.st_size));
  if (view == View::Stored) return stored;
  return make_wire_view(std::move(stored), {}, wire_size);
}

Result<std::string> MaildirMailbox::from_line(Uid uid) {
  const auto reader = open(uid, View::Stored);
  if (!reader) return fail(reader.error());
  const Measure measured = TRY(measure(uid));
  return compose_from_line(**reader, measured.internal_date);
}

Result<std::map<Uid, FormerIds>> MaildirMailbox::former_ids() {
  TRY(refresh());
  TRY(log_.load_names());
  UidList list = TRY(read_uid_list(uid_list_path_));
  std::map<Uid, FormerIds> ids;
  for (const Entry& entry : state().messages) {
    FormerIds& former = ids[entry.uid];
    former.file_name = TRY(state().word_of(entry.key()));
    if (const Listed* const listed = list.find(former.file_name)) {
      former.guid = listed->guid();
      former.pop3_uidl = listed->pop3_uidl();
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
