#include "libmail/message/line_ends.h"

#include <algorithm>

namespace mail::message {
namespace {
constexpr std::string_view kFrom = "From ";
}

std::size_t ToCrlf::feed(std::string_view& octets, std::span<char> out) {
  const std::size_t room = out.size();
  char last = last_;
  while (!octets.empty() && !out.empty()) {
    if (last == '\n' && octets.front() == '.') has_met_dot_ = true;
    const auto line = octets.substr(0, std::min(octets.find('\n'), out.size()));
    if (!line.empty()) {
      out = out.subspan(line.copy(out.data(), line.size()));
      octets.remove_prefix(line.size());
      last = line.back();
    }
    for (; octets.starts_with('\n') && !out.empty(); out = out.subspan(1)) {
      if (last == '\r') octets.remove_prefix(1);
      last = last == '\r' ? '\n' : '\r';
      out.front() = last;
    }
  }
  last_ = last;
  return room - out.size();
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
