#include "libmail/pop3/framer.h"

#include <cstring>

namespace mail::pop3 {

std::optional<Result<std::string>> LineFramer::refuse() {
  is_over_ = true;
  return fail(Errc::TooLarge, "Line too long");
}

std::optional<Result<std::string>> LineFramer::next() {
  if (is_over_) return refuse();
  const auto end = buffer_.find('\n', at_);
  if (end == std::string::npos) {
    buffer_.erase(0, at_);
    at_ = 0;
    // One more may still be the CR.
    const bool fits = buffer_.size() <= kMaxLine + (buffer_.ends_with('\r') ? 1 : 0);
    if (!fits) return refuse();
    return std::nullopt;
  }
  std::string line = buffer_.substr(at_, end - at_);
  ::explicit_bzero(buffer_.data() + at_, line.size());
  at_ = end + 1;
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() > kMaxLine) return refuse();
  if (line.find('\0') != std::string::npos) return fail(Errc::Syntax, "NUL in a line");
  return line;
}

std::string LineFramer::take_rest() {
  std::string rest = buffer_.substr(at_);
  clear();
  return rest;
}

void LineFramer::clear() {
  buffer_.clear();
  at_ = 0;
}

}  // namespace mail::pop3
