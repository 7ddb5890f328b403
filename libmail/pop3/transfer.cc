#include "libmail/pop3/transfer.h"

#include <algorithm>

#include "libmail/base/utf8.h"
#include "libmail/pop3/header.h"
#include "libmail/pop3/surrogate.h"

namespace mail::pop3 {
namespace {
constexpr std::size_t kEnough = 64U << 10U;  // octets
constexpr std::size_t kPiece = 8U << 10U;    // octets read at once, at least
}  // namespace

Result<bool> Transfer::fill(std::string& out) {
  const std::size_t before = out.size();
  const bool is_last = !TRY(append_next(out))
  || done_;
  if (is_last) {
    if (!at_line_start_) out += "\r\n";
    if (in_header_ && workarounds_.oe_ns_eoh) out += "\r\n";
  }
  octets_ += out.size() - before;
  if (is_last) out += ".\r\n";
  return is_last;
}

// Read to where it is sent from: few messages have a dot that must be doubled, or a header section
// that needs another form. False: that was the end.
Result<bool> Transfer::append_next(std::string& out) {
  const std::size_t before = out.size();
  out.resize(before + room_behind(before));
  const auto got = reader_->read(at_, std::span(out).subspan(before));
  out.resize(before + got.value_or(0));
  if (!got) return fail(got.error());
  if (*got == 0) return false;
  if (at_ == 0 && !begins_plainly(std::string_view(out).substr(before))) {
    out.resize(before);
    TRY(append_header(out));
    return at_ < reader_->size();
  }
  at_ += *got;
  const auto octets = clean(std::span(out).subspan(before));
  const bool has_dots = reader_->may_have_dots() && next_stuffed(octets) != std::string_view::npos;
  if (counts_lines() || has_dots) {
    const std::string kept{octets};
    out.resize(before);
    append_stuffed(kept, out);
  } else {
    at_line_start_ = octets.ends_with('\n');
  }
  return at_ < reader_->size();
}

// Octets to read, behind so many that are there already.
std::size_t Transfer::room_behind(std::size_t before) const {
  const std::uint64_t left = reader_->size() > at_ ? reader_->size() - at_ : 1;
  const bool is_top = at_ == 0 && lines_left_;
  const std::size_t room = is_top || before + kPiece > kEnough ? kPiece : kEnough - before;
  return static_cast<std::size_t>(std::min<std::uint64_t>(room, left));
}

// Whether the header section, of a message that begins so, can go out as it is.
bool Transfer::begins_plainly(std::string_view octets) {
  const auto end = end_of_header(octets);
  const bool is_whole = end != std::string_view::npos || octets.size() >= reader_->size();
  if (mode_ == Mode::Ascii && !(is_whole && utf8::is_ascii(octets.substr(0, end)))) return false;
  // Of a whole header section nothing is counted but for TOP.
  if (end != std::string_view::npos && !lines_left_) in_header_ = false;
  return true;
}

Result<void> Transfer::append_header(std::string& out) {
  std::string header = TRY(read_header(*reader_));
  at_ = header.size();
  if (auto surrogate = make_surrogate(header)) {
    growth_ = surrogate->size() - header.size();
    header = *std::move(surrogate);
  }
  if (!lines_left_ && end_of_header(header) == header.size()) in_header_ = false;
  append_stuffed(clean(header), out);
  return {};
}

std::string_view Transfer::clean(std::span<char> octets) const {
  if (workarounds_.outlook_no_nuls) std::replace(octets.begin(), octets.end(), '\0', '\x80');
  return {octets.data(), octets.size()};
}

// By whole runs between line ends; TOP counts the lines of the body.
void Transfer::append_stuffed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    if (!counts_lines()) return append_body(octets, out);
    if (at_line_start_) {
      if (lines_left_ && !in_header_) {
        done_ = *lines_left_ == 0;
        if (done_) return;
        --*lines_left_;
      }
      if (octets.front() == '.') out += '.';
      line_empty_ = true;
    }
    const auto end = octets.find('\n');
    const auto run = octets.substr(0, end == std::string_view::npos ? end : end + 1);
    out += run;
    octets.remove_prefix(run.size());
    line_empty_ = line_empty_ && run.find_first_not_of("\r\n") == std::string_view::npos;
    at_line_start_ = run.ends_with('\n');
    if (at_line_start_ && line_empty_) in_header_ = false;
  }
}

// The next dot that begins a line.
std::size_t Transfer::next_stuffed(std::string_view octets) const {
  std::size_t dot = octets.find('.');
  while (dot != std::string_view::npos) {
    if (dot == 0 ? at_line_start_ : octets[dot - 1] == '\n') break;
    dot = octets.find('.', dot + 1);
  }
  return dot;
}

// Nothing is counted any more.
void Transfer::append_body(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    const std::size_t dot = next_stuffed(octets);
    const auto done = dot == std::string_view::npos ? octets.size() : dot + 1;
    out += octets.substr(0, done);
    if (dot != std::string_view::npos) out += '.';
    at_line_start_ = octets[done - 1] == '\n';
    octets.remove_prefix(done);
  }
}

}  // namespace mail::pop3
