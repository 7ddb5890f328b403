#include "libmail/store/mbox/record.h"

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/store/view.h"

namespace mail::store::mbox {
namespace {

constexpr std::size_t kKeep = 256UL * 1024;       // octets; records up to this size stay in memory
constexpr std::size_t kKeepSeveral = 8UL << 20U;  // of several messages: read once, as a rule

// Hash of what stands behind the header's empty line, without the separating one at the end; and
// whether the header has bookkeeping fields.
class BodyWatch {
 public:
  void feed(std::string_view octets) {
    while (!octets.empty() && in_header_) {
      const char c = octets.front();
      octets.remove_prefix(1);
      if (c == '\n') {
        if (line_.empty() && lines_ > 0) in_header_ = false;
        if (begins_bookkeeping_field(line_)) has_bookkeeping_ = true;
        line_.clear();
        ++lines_;
      } else if (line_.size() < kMaxFieldName) {
        line_ += c;
      }
    }
    if (octets.empty()) return;
    hasher_.update(held_);
    held_ = octets.back();
    hasher_.update(octets.substr(0, octets.size() - 1));
  }
  [[nodiscard]] std::uint64_t digest() const { return hasher_.digest(); }
  [[nodiscard]] bool has_bookkeeping() const { return has_bookkeeping_; }

 private:
  Hasher hasher_;
  std::string held_;
  std::string line_;
  std::size_t lines_ = 0;  // the first is the From_ line
  bool in_header_ = true;
  bool has_bookkeeping_ = false;
};

}  // namespace

Result<void> Record::restart() {
  part_ = 0;
  stage_ = Stage::Start;
  opened_.reset();
  for (const Part& part : parts_) {
    if (read_before_ && part.source != nullptr) TRY(part.source->rewind());
  }
  read_before_ = true;
  return {};
}

Result<void> Record::open_source() {
  const Part& part = parts_.at(part_);
  opened_.reset();
  if (part.message != nullptr) opened_ = TRY(part.message->open());
  source_ = part.message != nullptr ? opened_.get() : part.source;
  to_lf_ = {};
  quoter_ = {};
  return {};
}

Result<std::string_view> Record::next() {
  piece_.clear();
  if (stage_ == Stage::End && part_ + 1 < parts_.size()) {
    ++part_;
    stage_ = Stage::Start;
  }
  if (stage_ == Stage::Start) {
    TRY(open_source());
    stage_ = Stage::Message;
    piece_ = parts_.at(part_).from_line;
    are_fields_due_ = true;
    return std::string_view{piece_};
  }
  while (stage_ == Stage::Message && piece_.empty()) {
    const auto octets = TRY(source_->next());
    std::string lf;
    if (octets.empty()) {
      stage_ = Stage::End;
      to_lf_.finish(lf);
      quoter_.feed(lf, piece_);
      quoter_.finish(piece_);
      piece_ += '\n';
      opened_.reset();
    } else {
      to_lf_.feed(octets, lf);
      quoter_.feed(lf, piece_);
    }
  }
  if (are_fields_due_ && !piece_.empty()) {
    are_fields_due_ = false;
    // Behind them a line that begins with a blank would be a part of theirs.
    if (!ascii::is_wsp(piece_.front())) piece_.insert(0, parts_.at(part_).fields);
  }
  return std::string_view{piece_};
}

Result<void> Record::measure() {
  TRY(restart());
  Hasher hasher;
  BodyWatch body;
  size_ = 0;
  starts_.clear();
  is_small_ = true;
  const std::size_t keep = parts_.size() > 1 ? kKeepSeveral : kKeep;
  for (;;) {
    const auto octets = TRY(next());
    if (octets.empty()) break;
    if (starts_.size() == part_) starts_.push_back(size_);
    hasher.update(octets);
    body.feed(octets);
    size_ += octets.size();
    if (is_small_ && size_ <= keep) {
      small_ += octets;
    } else {
      is_small_ = false;
      small_ = {};
    }
  }
  hash_ = hasher.digest();
  body_hash_ = body.digest();
  has_bookkeeping_ = body.has_bookkeeping();
  return {};
}

Result<void> Record::write(const FileDescriptor& fd, std::uint64_t at) {
  if (is_small_) return sys::pwrite_all(fd, small_, at);
  TRY(restart());
  std::uint64_t made = 0;
  Hasher hasher;
  std::string buffer;
  const auto flush = [&]() -> Result<void> {
    TRY(sys::pwrite_all(fd, buffer, at));
    at += buffer.size();
    buffer.clear();
    return {};
  };
  for (;;) {
    const auto octets = TRY(next());
    if (octets.empty()) break;
    // A source that gives more the second time must not run over what stands behind.
    made += octets.size();
    if (made > size_) break;
    hasher.update(octets);
    buffer += octets;
    if (buffer.size() >= kKeep && made < size_) TRY(flush());
  }
  // Not the last octets before they are known to be right: with them the record would be whole.
  if (made != size_ || hasher.digest() != hash_) {
    return fail(Errc::Internal, "Message changed while it was stored");
  }
  return flush();
}

Result<bool> Record::is_prefix_or_nul(const FileDescriptor& fd, std::uint64_t at,
                                      std::uint64_t end) {
  if (!is_small_) TRY(restart());
  bool first = true;
  for (;;) {
    std::string_view octets{small_};
    if (!is_small_) {
      octets = TRY(next());
    } else if (!first) {
      octets = {};
    }
    first = false;
    if (octets.empty() || at >= end) return true;
    const auto want = std::min<std::uint64_t>(octets.size(), end - at);
    const std::string there = TRY(sys::pread_all(fd, at, static_cast<std::size_t>(want)));
    for (std::size_t i = 0; i < there.size(); ++i) {
      if (there.at(i) != octets.at(i) && there.at(i) != '\0') return false;
    }
    at += octets.size();
  }
}

}  // namespace mail::store::mbox
