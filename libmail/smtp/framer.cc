#include "libmail/smtp/framer.h"

#include <algorithm>

namespace mail::smtp {

std::optional<Result<std::string>> LineFramer::next() {
  for (;;) {
    const auto end = buffer_.find('\n', std::max(at_, searched_));
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (skipping_ || buffer_.size() - at_ > kMaxCommandLine) {
        skipping_ = true;  // the error is told once, at the line's end
        clear();
      } else if (at_ != 0) {
        buffer_.erase(0, at_);
        at_ = 0;
        searched_ = buffer_.size();
      }
      return std::nullopt;
    }
    const std::string_view line = std::string_view(buffer_).substr(at_, end - at_);
    const bool too_long = skipping_ || line.size() + 1 > kMaxCommandLine;
    skipping_ = false;
    const auto take = [&](Result<std::string> result) {
      at_ = end + 1;
      searched_ = at_;
      return std::optional(std::move(result));
    };
    if (too_long) return take(fail(Errc::TooLarge, EnhancedStatus{5, 5, 2}, "Line too long"));
    if (!line.ends_with('\r')) return take(fail(Errc::Syntax, "Bare <LF> received"));
    const std::string_view text = line.substr(0, line.size() - 1);
    if (text.find('\r') != std::string_view::npos)
      return take(fail(Errc::Syntax, "Bare <CR> received"));
    if (text.find('\0') != std::string_view::npos) return take(fail(Errc::Syntax, "NUL received"));
    return take(std::string(text));
  }
}

std::string LineFramer::take_rest() {
  std::string rest = buffer_.substr(at_);
  clear();
  return rest;
}

void LineFramer::clear() {
  buffer_.clear();
  at_ = searched_ = 0;
}

std::size_t DataDecoder::feed(std::string_view octets, std::string& out) {
  std::size_t at = 0;
  while (at < octets.size() && state_ != State::End) {
    switch (state_) {
      case State::Text: {
        // The long way: to the next line end at once.
        const auto stop = octets.find_first_of("\r\n", at);
        const auto end = stop == std::string_view::npos ? octets.size() : stop;
        out += octets.substr(at, end - at);
        at = end;
        if (at == octets.size()) break;
        if (octets[at++] == '\r') {
          state_ = State::Cr;
        } else {
          bare_ = true;
          out += '\n';
          // What follows a bare LF begins no line: ".CRLF" there is text (smuggling).
        }
        break;
      }
      case State::LineStart:
        if (octets[at] == '.') {
          ++at;
          state_ = State::Dot;
        } else {
          state_ = State::Text;
        }
        break;
      case State::Cr:
        if (octets[at] == '\n') {
          ++at;
          out += '\n';
          state_ = State::LineStart;
        } else {
          bare_ = true;
          out += '\r';
          state_ = State::Text;
        }
        break;
      case State::Dot:  // the dot is dropped: stuffing, or the end
        if (octets[at] == '\r') {
          ++at;
          state_ = State::DotCr;
        } else {
          state_ = State::Text;
        }
        break;
      case State::DotCr:
        if (octets[at] == '\n') {
          ++at;
          state_ = State::End;
        } else {
          bare_ = true;
          out += '\r';
          state_ = State::Text;
        }
        break;
      case State::End:
        break;
    }
  }
  return at;
}

}  // namespace mail::smtp
