#include "libmail/pop3/transfer.h"

#include <algorithm>

namespace mail::pop3 {
namespace {
constexpr std::size_t kChunk = 64U << 10U;
}  // namespace

Transfer::Transfer(std::unique_ptr<store::MessageReader> reader,
                   std::optional<std::uint64_t> body_lines, Workarounds workarounds,
                   std::string head, std::uint64_t at)
    : reader_(std::move(reader)),
      lines_left_(body_lines),
      workarounds_(workarounds),
      head_(std::move(head)),
      at_(at) {
  // Of a whole header section nothing is counted but for TOP.
  if (!lines_left_ && (head_ == "\r\n" || head_.ends_with("\r\n\r\n"))) in_header_ = false;
}

Result<bool> Transfer::fill(std::string& out) {
  const std::size_t before = out.size();
  append_stuffed(clean(head_), out);
  head_.clear();
  std::size_t got = 0;
  if (!done_) {
    got = TRY(append_next(out));
  }
  const bool is_last = got == 0 || done_;
  if (is_last) {
    if (!at_line_start_) out += "\r\n";
    if (in_header_ && workarounds_.oe_ns_eoh) out += "\r\n";
  }
  octets_ += out.size() - before;
  if (is_last) out += ".\r\n";
  return is_last;
}

// Read to where it is sent from: few messages have a dot that must be doubled.
Result<std::size_t> Transfer::append_next(std::string& out) {
  const std::size_t before = out.size();
  const std::uint64_t left = reader_->size() > at_ ? reader_->size() - at_ : 1;
  out.resize(before + static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, left)));
  auto got = reader_->read(at_, std::span(out).subspan(before));
  out.resize(before + got.value_or(0));
  if (!got || *got == 0) return got;
  at_ += *got;
  const auto octets = clean(std::span(out).subspan(before));
  if (counts_lines() || next_stuffed(octets) != std::string_view::npos) {
    const std::string kept{octets};
    out.resize(before);
    append_stuffed(kept, out);
  } else {
    at_line_start_ = octets.ends_with('\n');
  }
  return got;
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
