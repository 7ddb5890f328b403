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
  const std::uint64_t left = reader_->size() > at_ ? reader_->size() - at_ : 1;
  buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, left)));
}

Result<bool> Transfer::fill(std::string& out) {
  const std::size_t before = out.size();
  append_stuffed(clean(head_), out);
  head_.clear();
  std::size_t got = 0;
  if (!done_) {
    got = TRY(reader_->read(at_, buffer_));
    at_ += got;
    append_stuffed(clean(std::span(buffer_).first(got)), out);
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

std::string_view Transfer::clean(std::span<char> octets) const {
  if (workarounds_.outlook_no_nuls) std::replace(octets.begin(), octets.end(), '\0', '\x80');
  return {octets.data(), octets.size()};
}

// By whole runs between line ends; TOP counts the lines of the body.
void Transfer::append_stuffed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    if (!in_header_ && !lines_left_) return append_body(octets, out);
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

// Nothing is counted any more.
void Transfer::append_body(std::string_view octets, std::string& out) {
  if (at_line_start_ && octets.front() == '.') out += '.';
  for (auto end = octets.find("\n."); end != std::string_view::npos; end = octets.find("\n.")) {
    out.append(octets.substr(0, end + 1)).append(".");
    octets.remove_prefix(end + 1);
  }
  out += octets;
  at_line_start_ = octets.ends_with('\n');
}

}  // namespace mail::pop3
