#include "libmail/store/mbox/read_again.h"

#include <algorithm>
#include <string>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

constexpr std::uint64_t kChunk = 64UL * 1024;  // octets read at a time

// Of octets that stand in pieces: most messages are one and hashed whole.
class PiecesHash {
 public:
  void add(std::string_view piece) {
    const bool follows = waiting_.data() + waiting_.size() == piece.data();
    if (!follows && !waiting_.empty()) take();
    waiting_ = waiting_.empty() ? piece
                                : std::string_view{waiting_.data(), waiting_.size() + piece.size()};
  }
  // What was added need not live any longer.
  void take() {
    if (!hasher_) hasher_.emplace();
    hasher_->update(std::exchange(waiting_, {}));
  }
  std::uint64_t digest() {
    if (!hasher_) return hash_of(waiting_);
    take();
    return hasher_->digest();
  }

 private:
  std::string_view waiting_;
  std::optional<Hasher> hasher_;
};

// What the fingerprint covers, in order.
class Rereading {
 public:
  explicit Rereading(const Place& place)
      : place_(place), header_end_(static_cast<std::size_t>(place.header_end - place.from)) {}

  // From the From_ line on, beyond the line end behind the header section if there is one. False:
  // the header section ends elsewhere.
  bool begin(std::string_view octets) {
    if (octets.size() < header_end_ || octets.size() < place_.line_octets) return false;
    const auto body = octets.substr(header_end_);
    if (place_.header_end != place_.next() && octets.at(header_end_ - 1) != '\n') return false;
    if (!body.empty() && !body.starts_with('\n') && !body.starts_with("\r\n")) return false;
    add_from_line(octets.substr(0, place_.line_octets));
    if (!add_header(octets.substr(0, header_end_))) return false;
    hash_.add(body);
    return true;
  }
  void go_on(std::string_view octets) { hash_.add(octets); }
  void take() { hash_.take(); }

  Again end() {
    const bool ends_hidden = is_left_out_ && place_.header_end == place_.end;
    if (place_.lacks_line_end != 0 && !ends_hidden) hash_.add("\n");
    return {hash_.digest(), std::move(bookkeeping_)};
  }

 private:
  void add_from_line(std::string_view octets) {
    const auto line = without_line_end(octets);
    if (octets.substr(line.size()) == "\n") return hash_.add(octets);
    hash_.add(line);
    hash_.add("\n");
  }

  bool add_header(std::string_view octets) {
    bool is_bookkeeping = false;
    for (std::size_t at = place_.line_octets; at < octets.size();) {
      const auto line_end = std::min(octets.find('\n', at), octets.size() - 1);
      const auto line = octets.substr(at, line_end + 1 - at);
      if (is_empty_line(line)) return false;
      if (!ascii::is_wsp(line.front())) {
        is_bookkeeping = begins_bookkeeping_field(line);
        is_left_out_ = is_bookkeeping || is_lines_field(field_name_of(line));
      }
      if (is_bookkeeping) hide(at - place_.line_octets, line);
      if (!is_left_out_) hash_.add(line);
      at += line.size();
    }
    return true;
  }

  void hide(std::uint64_t begin, std::string_view line) {
    const std::uint64_t end = begin + line.size() + (line.ends_with('\n') ? 0 : 1);
    if (bookkeeping_.empty() || bookkeeping_.back().end != begin)
      bookkeeping_.push_back({begin, begin});
    bookkeeping_.back().end = end;
  }

  const Place& place_;
  std::size_t header_end_;
  PiecesHash hash_;
  std::vector<Range> bookkeeping_;
  bool is_left_out_ = false;  // the last field of the header section
};

// Where the header section is too long for a chunk.
Result<std::optional<Again>> scan_again(const FileDescriptor& fd, const Place& place) {
  const Scan now = TRY(scan(fd, place.from, place.next(), {}));
  if (now.messages.size() != 1) return std::nullopt;
  const Found& found = now.messages.front();
  const bool is_same = found.header_end == place.header_end && found.end == place.end;
  return is_same ? std::optional{Again{found.fingerprint, {}}} : std::nullopt;
}

}  // namespace

Result<std::optional<Again>> read_again(const FileDescriptor& fd, const Place& place,
                                        std::string_view octets) {
  const std::uint64_t size = place.end - place.from;
  std::string chunk;
  std::string separator;
  if (!octets.empty()) {
    separator = octets.substr(static_cast<std::size_t>(size));
    octets = octets.substr(0, static_cast<std::size_t>(size));
  } else {
    constexpr std::uint64_t kLineEnd = 2;
    if (place.header_end - place.from + kLineEnd > kChunk) return scan_again(fd, place);
    chunk = TRY(sys::pread_all(fd, place.from, static_cast<std::size_t>(std::min(size, kChunk))));
    separator = TRY(sys::pread_all(fd, place.end, place.gap));
    octets = chunk;
  }
  if (!separator.empty() && !is_empty_line(separator)) return std::nullopt;
  Rereading again{place};
  if (!again.begin(octets)) return std::nullopt;
  for (std::uint64_t done = octets.size(); done < size;) {
    again.take();
    chunk.resize(static_cast<std::size_t>(std::min(size - done, kChunk)));
    const std::size_t got = TRY(sys::pread(fd, chunk, place.from + done));
    if (got == 0) return std::nullopt;
    again.go_on(std::string_view{chunk}.substr(0, got));
    done += got;
  }
  return again.end();
}

}  // namespace mail::store::mbox
