#include "libmail/pop3/framer.h"

namespace mail::pop3 {

std::optional<Result<std::string>> LineFramer::next() {
  const auto end = buffer_.find('\n', at_);
  if (end == std::string::npos) {
    buffer_.erase(0, at_);
    at_ = 0;
    if (buffer_.size() > kMaxLine) {
      buffer_.clear();
      return fail(Errc::TooLarge, "Line too long");
    }
    return std::nullopt;
  }
  std::string line = buffer_.substr(at_, end - at_);
  at_ = end + 1;
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() > kMaxLine) return fail(Errc::TooLarge, "Line too long");
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
