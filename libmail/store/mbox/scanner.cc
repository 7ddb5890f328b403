#include "libmail/store/mbox/scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/message/from_line.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

constexpr std::size_t kChunk = 256UL * 1024;  // octets read at a time; longer lines come in pieces
constexpr std::size_t kMaxField = 64UL * 1024;  // octets of a bookkeeping field that are looked at

class Scanner {
 public:
  // `from_start`: of the file.
  Scanner(const ScanOptions& options, bool from_start)
      : options_(options), from_start_(from_start) {
    if (options.want_body_hash) body_hasher_.emplace();
  }

  // A message begins, with its From_ line.
  void begin(std::string_view line, std::uint64_t at, WallTime time) {
    current_ = Found{};
    current_.from = at;
    current_.content = at + line.size();
    current_.measure.internal_date = time;
    current_.from_hash = hash_of(line);
    in_message_ = in_header_ = true;
    is_hidden_ = is_received_ = is_subject_ = is_line_open_ = false;
    has_status_ = has_x_status_ = has_keywords_ = has_x_imap_ = is_internal_ = false;
    last_was_cr_ = false;
    hasher_.reset();
    hasher_.update(without_line_end(line));
    hasher_.update("\n");
    if (body_hasher_) body_hasher_->reset();
  }

  // A line, or a piece of one: `starts` at its beginning, and it ends the line if it ends in LF.
  void line(std::string_view text, std::uint64_t at, bool starts) {
    if (starts && text.starts_with("From ")) {
      if (const auto from = message::parse_from_line(text)) {
        finish(at);
        begin(text, at, from->date.time);
        return;
      }
    }
    if (!in_message_) return;
    is_line_open_ = !text.ends_with('\n');
    if (starts) flush_empty();
    if (in_header_) {
      header_line(text, at, starts);
    } else if (starts && is_empty_line(text)) {
      hold_empty(text, at);
    } else {
      count(text);
    }
  }

  // The whole lines that `text` begins with; how many octets they are.
  std::size_t lines(std::string_view text, std::uint64_t at) {
    std::size_t done = 0;
    while (done < text.size()) {
      const auto rest = text.substr(done);
      std::size_t taken = in_message_ && !in_header_ ? body_lines(rest, at + done) : 0;
      if (taken == 0) {
        const auto line_feed = rest.find('\n');
        if (line_feed == std::string_view::npos) break;
        taken = line_feed + 1;
        line(rest.substr(0, taken), at + done, true);
      }
      done += taken;
    }
    return done;
  }

  // The message ends at `at`: the next one, a hole or the end of the file.
  void finish(std::uint64_t at) {
    if (!in_message_) return;
    current_.lacks_line_end = is_line_open_;
    if (is_line_open_) line("\n", at, false);
    in_message_ = false;
    end_field();
    Found& found = current_;
    found.next = at;
    found.end = empty_.empty() ? at : empty_at_;
    if (in_header_) found.header_end = found.end;
    empty_.clear();
    found.fingerprint = hasher_.digest();
    if (body_hasher_) found.body_hash = body_hasher_->digest();
    // Anybody may send an X-IMAP.
    found.is_pseudo = has_x_imap_ && is_internal_;
    if (has_x_imap_ && !is_internal_) scan_.base = {};
    if (found.is_pseudo) {
      scan_.base.pseudo = found;
    } else {
      scan_.messages.push_back(found);
    }
  }

  Scan take() { return std::move(scan_); }

 private:
  // What line() does, for all of a body's lines up to one that may be a From_ line, at once.
  std::size_t body_lines(std::string_view text, std::uint64_t at) {
    std::size_t end = 0;
    std::size_t last = 0;    // where the last line begins
    std::uint64_t bare = 0;  // line feeds
    while (!text.substr(end).starts_with("From ")) {
      const auto line_feed = text.find('\n', end);
      if (line_feed == std::string_view::npos) break;
      if (line_feed == 0 || text.at(line_feed - 1) != '\r') ++bare;
      last = std::exchange(end, line_feed + 1);
    }
    if (end == 0) return 0;
    flush_empty();
    auto counted = text.substr(0, end);
    if (const auto line = counted.substr(last); is_empty_line(line)) {
      hold_empty(line, at + last);
      counted.remove_suffix(line.size());
      if (line.size() == 1) --bare;
    }
    hasher_.update(counted);
    if (body_hasher_) body_hasher_->update(counted);
    current_.measure.size += counted.size() + bare;
    last_was_cr_ = false;
    return end;
  }

  void header_line(std::string_view text, std::uint64_t at, bool starts) {
    if (starts && is_empty_line(text)) {
      end_field();
      in_header_ = false;
      current_.header_end = at;
      hold_empty(text, at);
      return;
    }
    if (starts && !ascii::is_wsp(text.front())) {
      end_field();
      field_ = field_name_of(text);
      is_hidden_ = is_bookkeeping_field(field_);
      is_lines_ = is_lines_field(field_);
      is_received_ = !options_.id.empty() && ascii::iequals(field_, "Received");
      is_subject_ = is_first() && ascii::iequals(field_, "Subject");
      if (is_hidden_ || is_received_ || is_subject_) {
        const auto colon = text.find(':');
        text_ = text.substr(colon + 1);
        text_at_ = at + colon + 1;
      }
    } else if ((is_hidden_ || is_received_ || is_subject_) && text_.size() < kMaxField) {
      text_ += text;
    }
    if (is_hidden_) {
      current_.has_bookkeeping = true;
      return;
    }
    count(text, !is_lines_);
  }

  void end_field() {
    if (is_received_ && text_.find(options_.id) != std::string::npos) current_.has_id = true;
    if (is_subject_ && text_.find("FOLDER INTERNAL DATA") != std::string::npos) is_internal_ = true;
    if (is_hidden_) bookkeeping();
    is_hidden_ = is_received_ = is_subject_ = is_lines_ = false;
    text_.clear();
    field_.clear();
  }

  void bookkeeping() {
    const auto words = ascii::words(text_);
    const auto number = [&](std::size_t index) {
      return words.size() > index ? ascii::to_number<std::uint32_t>(words.at(index)).value_or(0)
                                  : 0U;
    };
    // The first counts: the one that a fold alters.
    if (ascii::iequals(field_, "Status")) {
      if (std::exchange(has_status_, true)) return;
      current_.flags.set(Flag::Seen, text_.find('R') != std::string::npos);
      current_.old = text_.find('O') != std::string::npos;
    } else if (ascii::iequals(field_, "X-Status")) {
      if (std::exchange(has_x_status_, true)) return;
      current_.flags.set(Flag::Answered, text_.find('A') != std::string::npos);
      current_.flags.set(Flag::Flagged, text_.find('F') != std::string::npos);
      current_.flags.set(Flag::Draft, text_.find('T') != std::string::npos);
      current_.flags.set(Flag::Deleted, text_.find('D') != std::string::npos);
    } else if (ascii::iequals(field_, "X-Keywords")) {
      if (std::exchange(has_keywords_, true)) return;
      for (const auto word : words) current_.flags.set_keyword(word);
    } else if (ascii::iequals(field_, "X-UID")) {
      if (current_.file_uid == 0) current_.file_uid = number(0);
    } else if (ascii::iequals(field_, "X-IMAPbase") || ascii::iequals(field_, "X-IMAP")) {
      if (!is_first() || scan_.base.uid_validity != 0) return;
      scan_.base.uid_validity = number(0);
      scan_.base.uid_last = number(1);
      const bool has_last = words.size() > 1 && words.at(1).size() == 10 &&
                            words.at(1).find_first_not_of("0123456789") == std::string_view::npos;
      const auto offset = has_last ? words.at(1).data() - text_.data() : 0;
      scan_.base.uid_last_at = has_last ? text_at_ + static_cast<std::uint64_t>(offset) : 0;
      for (std::size_t i = 2; i < words.size(); ++i) scan_.base.keywords.emplace_back(words.at(i));
      has_x_imap_ = ascii::iequals(field_, "X-IMAP");
    }
  }

  [[nodiscard]] bool is_first() const { return from_start_ && scan_.messages.empty(); }

  void hold_empty(std::string_view text, std::uint64_t at) {
    empty_ = text;
    empty_at_ = at;
  }
  void flush_empty() {
    if (empty_.empty()) return;
    count_line(empty_, true);
    if (body_hasher_ && empty_at_ != current_.header_end) body_hasher_->update(empty_);
    empty_.clear();
  }
  void count(std::string_view text, bool hashed = true) {
    count_line(text, hashed);
    if (body_hasher_ && !in_header_) body_hasher_->update(text);
  }
  // Line ends count as one octet in the fingerprint and two on the wire.
  void count_line(std::string_view text, bool hashed) {
    if (hashed) hasher_.update(text);
    current_.measure.size += text.size();
    const bool bare =
        text.back() == '\n' && (text.size() > 1 ? text.at(text.size() - 2) != '\r' : !last_was_cr_);
    if (bare) ++current_.measure.size;
    last_was_cr_ = text.back() == '\r';
  }

  const ScanOptions& options_;
  bool from_start_;
  Scan scan_;
  Found current_;
  Hasher hasher_;
  std::optional<Hasher> body_hasher_;
  bool in_message_ = false;
  bool in_header_ = false;
  bool is_hidden_ = false;
  bool is_lines_ = false;
  bool is_received_ = false;
  bool is_subject_ = false;
  bool is_internal_ = false;  // what UW and Dovecot call such a message
  bool has_x_imap_ = false;
  bool has_status_ = false;
  bool has_x_status_ = false;
  bool has_keywords_ = false;
  bool last_was_cr_ = false;
  bool is_line_open_ = false;  // no line end yet
  std::string field_;
  std::string text_;  // of the field
  std::uint64_t text_at_ = 0;
  std::string empty_;  // an empty line, until it is clear whether it separates
  std::uint64_t empty_at_ = 0;
};

Result<void> scan_piece(const FileDescriptor& fd, std::uint64_t begin, std::uint64_t end,
                        Scanner& scanner) {
  // Often one message.
  const auto room = static_cast<std::size_t>(std::clamp<std::uint64_t>(end - begin, 1, kChunk));
  std::string buffer(room, '\0');
  std::size_t have = 0;
  std::uint64_t at = begin;  // of buffer's first octet
  bool starts = true;
  for (;;) {
    const auto want = std::min<std::uint64_t>(room - have, end - (at + have));
    std::size_t got = 0;
    if (want > 0) {
      got = TRY(sys::pread(fd, std::span(buffer).subspan(have, static_cast<std::size_t>(want)),
                           at + have));
    }
    have += got;
    std::size_t done = 0;
    const std::string_view view{buffer.data(), have};
    if (const auto lf = starts ? std::string_view::npos : view.find('\n'); lf != view.npos) {
      scanner.line(view.substr(0, lf + 1), at, false);
      starts = true;
      done = lf + 1;
    }
    if (starts) done += scanner.lines(view.substr(done), at + done);
    const bool at_end = got == 0;
    if (done < have && (at_end || (done == 0 && have == room))) {
      scanner.line(view.substr(done), at + done, starts);
      starts = false;
      done = have;
    }
    have -= done;
    std::memmove(buffer.data(), buffer.data() + done, have);
    at += done;
    if (at_end) break;
  }
  scanner.finish(at);
  return {};
}

}  // namespace

bool is_empty_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_lines_field(std::string_view name) { return ascii::iequals(name, "Lines"); }

Result<Scan> scan(const FileDescriptor& fd, std::uint64_t begin, std::uint64_t end,
                  const ScanOptions& options) {
  Scanner scanner{options, begin == 0};
  for (const Range& hole : options.holes) {
    if (hole.end <= begin || hole.begin >= end) continue;
    TRY(scan_piece(fd, begin, hole.begin, scanner));
    begin = hole.end;
  }
  TRY(scan_piece(fd, begin, end, scanner));
  return scanner.take();
}

}  // namespace mail::store::mbox
