#include "libmail/imap/framer.h"

#include <cstring>

#include <algorithm>
#include <limits>

#include "libmail/base/ascii.h"

namespace mail::imap {

namespace {

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

// "...{12}" or "...{12+}" (also literal8's "~{12}") at the end of a line.
bool ends_with_literal(std::string_view line, Literal& literal) {
  if (line.size() < 3 || line.back() != '}') return false;
  line.remove_suffix(1);
  const bool synchronizing = line.back() != '+';
  if (!synchronizing) line.remove_suffix(1);
  const auto open = line.find_last_of('{');
  if (open == std::string_view::npos) return false;
  const auto digits = line.substr(open + 1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), ascii::is_digit)) return false;
  const auto size = ascii::to_number<std::uint64_t>(digits);
  literal = {size.value_or(std::numeric_limits<std::uint64_t>::max()), synchronizing,
             size.has_value()};
  return true;
}

}  // namespace

void Framer::feed(std::string_view octets) {
  if (at_ > 0) {  // what was used may have been a password
    explicit_bzero(input_.data(), at_);
    input_.erase(0, at_);
    at_ = 0;
  }
  input_.append(octets);
}

Framer::Event Framer::next() {
  chunk_ = {};
  if (command_done_) {
    begin_command();
  }
  switch (state_) {
    case State::Announced:
      return Event::Announced;
    case State::Collecting: {
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input_.size() - at_));
      text_.append(input_, at_, part);
      at_ += part;
      remaining_ -= part;
      if (remaining_ > 0) return Event::NeedInput;
      state_ = State::Line;
      line_begin_ = text_.size();
      return take_line();
    }
    case State::Streaming:
    case State::Skipping: {
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input_.size() - at_));
      if (remaining_ > 0 && part == 0) return Event::NeedInput;
      const bool skipping = state_ == State::Skipping;
      if (part > 0 && !skipping) chunk_ = std::string_view(input_).substr(at_, part);
      at_ += part;
      remaining_ -= part;
      if (part > 0 && !skipping) return Event::Chunk;
      if (remaining_ > 0) return Event::NeedInput;
      state_ = State::Line;
      return skipping ? take_line() : Event::Streamed;
    }
    case State::Line:
      break;
  }
  return take_line();
}

Framer::Event Framer::take_line() {
  const auto line_feed = input_.find('\n', at_);
  const std::size_t end = line_feed == std::string::npos ? input_.size() : line_feed;
  if (text_.size() + (end - at_) > limits_.command) return Event::TooLong;
  if (line_feed == std::string::npos) {
    text_.append(input_, at_, end - at_);
    at_ = end;
    return Event::NeedInput;
  }
  return end_line(line_feed);
}

Framer::Event Framer::end_line(std::size_t line_feed) {
  // Only this line's octets are checked: collected literals may hold anything but NUL, which the
  // parser refuses.
  text_.append(input_, at_, line_feed - at_);
  at_ = line_feed + 1;
  const bool has_cr = text_.size() > line_begin_ && text_.back() == '\r';
  if (has_cr) text_.pop_back();
  const std::string_view line = std::string_view(text_).substr(line_begin_);
  if (!has_cr || line.find('\r') != std::string_view::npos ||
      line.find('\0') != std::string_view::npos) {
    faulty_ = true;
  }
  if (has_cr && ends_with_literal(line, literal_)) {
    text_ += "\r\n";
    line_begin_ = text_.size();
    state_ = State::Announced;
    return Event::Announced;
  }
  command_done_ = true;
  return Event::Complete;
}

void Framer::begin_command() {
  wipe(text_);
  line_begin_ = 0;
  faulty_ = false;
  command_done_ = false;
}

void Framer::collect() {
  remaining_ = literal_.size;
  state_ = State::Collecting;
}

void Framer::stream() {
  remaining_ = literal_.size;
  state_ = State::Streaming;
}

void Framer::skip() {
  remaining_ = literal_.size;
  state_ = State::Skipping;
}

void Framer::drop_command() {
  begin_command();
  state_ = State::Line;
}

std::string Framer::take_unread() {
  std::string unread = input_.substr(at_);
  explicit_bzero(input_.data(), input_.size());
  input_.clear();
  at_ = 0;
  return unread;
}

void Framer::forget() {
  wipe(input_);
  at_ = 0;
  remaining_ = 0;
  state_ = State::Line;
  begin_command();
}

bool Framer::has_room_for_literal() const {
  return literal_.is_representable && literal_.size <= limits_.command &&
         text_.size() + literal_.size <= limits_.command;
}

}  // namespace mail::imap
