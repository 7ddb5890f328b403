#include "libmail/message/line_ends.h"

#include <algorithm>

namespace mail::message {
namespace {
constexpr std::string_view kFrom = "From ";
}

std::size_t ToCrlf::feed(std::string_view& octets, std::span<char> out) {
  // Copies: what is written to `out` could alter the others, as far as the compiler knows.
  std::string_view rest = octets;
  auto to = out.begin();
  char last = last_;
  bool has_met_dot = has_met_dot_;
  while (!rest.empty() && to != out.end()) {
    has_met_dot = has_met_dot || (last == '\n' && rest.front() == '.');
    const auto room = static_cast<std::size_t>(out.end() - to);
    const auto line = rest.substr(0, std::min(rest.find('\n'), room));
    to = std::copy(line.begin(), line.end(), to);
    if (!line.empty()) last = line.back();
    rest.remove_prefix(line.size());
    if (!rest.starts_with('\n') || to == out.end()) continue;
    if (last != '\r') *to++ = last = '\r';
    if (to == out.end()) continue;
    *to++ = last = '\n';
    rest.remove_prefix(1);
  }
  octets = rest;
  last_ = last;
  has_met_dot_ = has_met_dot;
  return static_cast<std::size_t>(to - out.begin());
}

void ToLf::feed(std::string_view octets, std::string& out) {
  if (held_cr_ && !octets.empty()) {
    if (octets.front() != '\n') out += '\r';
    held_cr_ = false;
  }
  while (!octets.empty()) {
    const std::size_t cr = octets.find('\r');
    out += octets.substr(0, cr);
    if (cr == std::string_view::npos) return;
    octets.remove_prefix(cr + 1);
    if (octets.empty()) {
      held_cr_ = true;
    } else if (octets.front() != '\n') {
      out += '\r';
    }
  }
}

void ToLf::finish(std::string& out) {
  if (held_cr_) out += '\r';
  held_cr_ = false;
}

std::string to_crlf(std::string_view octets) {
  const auto line_feeds = std::count(octets.begin(), octets.end(), '\n');
  std::string out(octets.size() + static_cast<std::size_t>(line_feeds), '\0');
  out.resize(ToCrlf{}.feed(octets, out));
  return out;
}

std::string to_lf(std::string_view octets) {
  std::string out;
  out.reserve(octets.size());
  ToLf converter;
  converter.feed(octets, out);
  converter.finish(out);
  return out;
}

void LineCounter::feed(std::string_view octets) {
  for (std::size_t at = octets.find('\n'); at != std::string_view::npos;
       at = octets.find('\n', at + 1)) {
    ++lines_;
    const char before = at == 0 ? last_ : octets[at - 1];
    if (before != '\r') ++bare_line_feeds_;
  }
  octets_ += octets.size();
  if (!octets.empty()) last_ = octets.back();
}

void FromQuoter::feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    if (at_line_start_) {
      // Compare with what is still missing of "From "; at a piece's end the match stays pending.
      const std::size_t wanted = std::min(kFrom.size() - matched_, octets.size());
      if (octets.substr(0, wanted) == kFrom.substr(matched_, wanted)) {
        matched_ += wanted;
        octets.remove_prefix(wanted);
        if (matched_ < kFrom.size()) return;
        out += '>';
      }
      out += kFrom.substr(0, matched_);
      matched_ = 0;
      at_line_start_ = false;
      continue;
    }
    const std::size_t line_feed = octets.find('\n');
    if (line_feed == std::string_view::npos) {
      out += octets;
      return;
    }
    out += octets.substr(0, line_feed + 1);
    octets.remove_prefix(line_feed + 1);
    at_line_start_ = true;
  }
}

void FromQuoter::finish(std::string& out) {
  out += kFrom.substr(0, matched_);
  if (matched_ != 0 || !at_line_start_) out += '\n';
  matched_ = 0;
  at_line_start_ = true;
}

}  // namespace mail::message
