#include "libmail/pop3/session.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"
#include "libmail/pop3/login_session.h"
#include "libmail/pop3/response.h"

namespace mail::pop3 {
namespace {

constexpr std::size_t kMaxOutput = 64U << 10U;  // octets given at once (net/serve.h)
constexpr std::uint64_t kAllLines = std::numeric_limits<std::uint64_t>::max();

}  // namespace

std::string format_uidl(std::string_view format, store::Uid uid, store::UidValidity validity) {
  std::string out;
  Cursor in{format};
  while (!in.at_end()) {
    const char c = in.next();
    if (c != '%') {
      out += c;
      continue;
    }
    const bool zeros = in.peek_is('0');
    const auto width = ascii::to_number<std::size_t>(in.take_while(ascii::is_digit)).value_or(0);
    const bool hexadecimal = in.consume('X');
    if (in.at_end()) break;
    const char what = in.next();
    if (what != 'u' && what != 'v') {
      out += what;
      continue;
    }
    const std::uint32_t value = what == 'u' ? uid.value : validity.value;
    char digits[16];
    std::snprintf(digits, sizeof digits, hexadecimal ? "%x" : "%u", value);
    std::string text = digits;
    if (text.size() < std::min<std::size_t>(width, 32)) {
      text.insert(0, std::min<std::size_t>(width, 32) - text.size(), zeros ? '0' : ' ');
    }
    out += text;
  }
  return out;
}

Result<std::unique_ptr<Session>> Session::open(const Settings& settings,
                                               std::unique_ptr<store::Mailbox> mailbox,
                                               const Clock& clock) {
  std::unique_ptr<Session> session(new Session(settings, std::move(mailbox), clock));
  if (settings.lock_session) TRY(session->mailbox_->lock_exclusively());
  const store::MailboxStatus status = TRY(session->mailbox_->status());
  session->validity_ = status.uid_validity;
  const auto changes = TRY(session->mailbox_->since(store::ModSeq{}));
  session->messages_.reserve(changes.messages.size());
  for (const auto& info : changes.messages) {
    session->messages_.push_back(
        {info.uid, info.size, info.flags.has(store::Flag::Seen), false, false});
    session->statistics_.octets += info.size;
  }
  session->statistics_.messages = session->messages_.size();
  session->deadline_ = clock.monotonic() + settings.idle_timeout;
  session->output_ = ok("Logged in.");
  return session;
}

Session::Want Session::want() const {
  return closing_ && !transfer_ && output_.empty() ? Want::Close : Want::Input;
}

std::string Session::take_output() {
  for (;;) {
    if (transfer_ && output_.size() < kMaxOutput) fill_transfer();
    if (!transfer_) process();
    if (output_.size() >= kMaxOutput || !transfer_) break;
  }
  if (output_.size() <= kMaxOutput) return std::exchange(output_, {});
  std::string part = output_.substr(0, kMaxOutput);
  output_.erase(0, kMaxOutput);
  return part;
}

void Session::receive(std::string_view octets) {
  if (octets.empty()) {
    // The client is gone without QUIT: nothing is deleted (RFC 1939 section 6).
    if (!closing_) finish(false);
    closing_ = true;
    transfer_.reset();
    output_.clear();
    return;
  }
  deadline_ = clock_.monotonic() + settings_.idle_timeout;
  framer_.feed(octets);
}

void Session::timed_out() {
  // Autologout does not enter UPDATE (RFC 1939 section 3).
  finish(false);
  output_ += error("[SYS/TEMP] Disconnected for inactivity.");
  closing_ = true;
}

void Session::terminate() {
  finish(false);
  output_ += error("[SYS/TEMP] Server shutting down.");
  closing_ = true;
  transfer_.reset();
}

// Pipelined commands are answered while the output has room.
void Session::process() {
  while (!closing_ && !transfer_ && output_.size() < kMaxOutput) {
    const auto line = framer_.next();
    if (!line) return;
    if (*line) {
      process_line(**line);
    } else if (line->error().code == Errc::TooLarge) {
      finish(false);
      output_ += error("Line too long.");
      closing_ = true;
    } else {
      output_ += error("NUL is not allowed.");
    }
  }
}

void Session::say_failure(const Error& failure) {
  if (failure.code != Errc::Syntax && failure.code != Errc::NotFound)
    log::warning(failure.log_text);
  output_ += to_response(failure);
}

Result<Session::Message*> Session::find(std::string_view argument) {
  const auto number = TRY(parse_number(argument));
  if (number > messages_.size()) {
    return fail(Errc::NotFound, "There's no message " + std::to_string(number) + ".");
  }
  Message& message = messages_.at(number - 1);
  if (message.deleted) return fail(Errc::NotFound, "Message is deleted.");
  return &message;
}

void Session::process_line(std::string_view line) {
  const Command command = parse_command(line);
  const std::string_view argument = ascii::trim(command.argument);
  if (command.verb == "STAT") {
    std::size_t count = 0;
    std::uint64_t octets = 0;
    for (const auto& message : messages_) {
      if (message.deleted) continue;
      ++count;
      octets += message.size;
    }
    output_ += ok(std::to_string(count) + ' ' + std::to_string(octets));
  } else if (command.verb == "LIST") {
    say_list(argument);
  } else if (command.verb == "UIDL") {
    say_uidl(argument);
  } else if (command.verb == "RETR") {
    const auto message = find(argument);
    if (!message) return say_failure(message.error());
    start_transfer(**message, std::nullopt);
    if (transfer_) {
      (*message)->retrieved = true;
      ++statistics_.retrieved;
      last_ = std::max(last_, static_cast<std::size_t>(*message - messages_.data()) + 1);
    }
  } else if (command.verb == "TOP") {
    const auto arguments = parse_top(argument);
    if (!arguments) return say_failure(arguments.error());
    const auto message = find(std::to_string(arguments->number));
    if (!message) return say_failure(message.error());
    ++statistics_.top;
    start_transfer(**message, arguments->lines);
  } else if (command.verb == "DELE") {
    const auto message = find(argument);
    if (!message) return say_failure(message.error());
    (*message)->deleted = true;
    last_ = std::max(last_, static_cast<std::size_t>(*message - messages_.data()) + 1);
    output_ += ok("Marked to be deleted.");
  } else if (command.verb == "NOOP") {
    output_ += ok("");
  } else if (command.verb == "RSET") {
    for (auto& message : messages_) {
      message.deleted = false;
      message.retrieved = false;
    }
    last_ = 0;
    output_ += ok("");
  } else if (command.verb == "LAST") {
    output_ += ok(std::to_string(last_));
  } else if (command.verb == "CAPA") {
    output_ += capabilities(false, true, auth::SaslPolicy{}.offered(true));
  } else if (command.verb == "QUIT") {
    finish(true);
    closing_ = true;
  } else {
    output_ += error("Unknown command.");
  }
}

void Session::say_list(std::string_view argument) {
  if (!argument.empty()) {
    const auto message = find(argument);
    if (!message) return say_failure(message.error());
    output_ += ok(std::to_string(*message - messages_.data() + 1) + ' ' +
                  std::to_string((*message)->size));
    return;
  }
  const auto count = std::count_if(messages_.begin(), messages_.end(),
                                   [](const Message& message) { return !message.deleted; });
  output_ += ok(std::to_string(count) + " messages:");
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (messages_[i].deleted) continue;
    output_ += std::to_string(i + 1) + ' ' + std::to_string(messages_[i].size) + "\r\n";
  }
  output_ += ".\r\n";
}

void Session::say_uidl(std::string_view argument) {
  const auto id = [this](const Message& message) {
    return format_uidl(settings_.uidl_format, message.uid, validity_);
  };
  if (!argument.empty()) {
    const auto message = find(argument);
    if (!message) return say_failure(message.error());
    output_ += ok(std::to_string(*message - messages_.data() + 1) + ' ' + id(**message));
    return;
  }
  output_ += ok("");
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (!messages_[i].deleted) output_ += std::to_string(i + 1) + ' ' + id(messages_[i]) + "\r\n";
  }
  output_ += ".\r\n";
}

void Session::start_transfer(const Message& message, std::optional<std::uint64_t> lines) {
  auto reader = mailbox_->open(message.uid, store::View::Wire);
  if (!reader) return say_failure(reader.error());
  output_ += lines ? ok("") : ok(std::to_string(message.size) + " octets");
  if (buffer_.empty()) buffer_.resize(kMaxOutput);
  transfer_ = Transfer{};
  transfer_->reader = *std::move(reader);
  transfer_->body_lines_left = lines.value_or(kAllLines);
}

void Session::fill_transfer() {
  Transfer& transfer = *transfer_;
  const auto got = transfer.reader->read(transfer.at, buffer_);
  if (!got) {
    // In the middle of a message nothing can be said that the client would not take for its text.
    log::error(got.error().log_text);
    transfer_.reset();
    finish(false);
    closing_ = true;
    return;
  }
  transfer.at += *got;
  append_stuffed({buffer_.data(), *got});
  if (*got != 0 && !transfer.done) return;
  if (!transfer.at_line_start) output_ += "\r\n";
  output_ += ".\r\n";
  transfer_.reset();
}

// Dot-stuffing (RFC 1939 section 3) and TOP's counting, by whole runs between line ends.
void Session::append_stuffed(std::string_view octets) {
  Transfer& transfer = *transfer_;
  std::size_t at = 0;
  while (at < octets.size()) {
    if (transfer.at_line_start) {
      if (transfer.body_lines_left != kAllLines && !transfer.in_header) {
        if (transfer.body_lines_left == 0) {
          transfer.done = true;
          return;
        }
        --transfer.body_lines_left;
      }
      if (octets[at] == '.') output_ += '.';
      transfer.header_line_empty = true;
    }
    const auto end = octets.find('\n', at);
    const auto stop = end == std::string_view::npos ? octets.size() : end + 1;
    const std::string_view run = octets.substr(at, stop - at);
    output_ += run;
    if (transfer.in_header && run.find_first_not_of("\r\n") != std::string_view::npos) {
      transfer.header_line_empty = false;
    }
    transfer.at_line_start = end != std::string_view::npos;
    if (transfer.at_line_start && transfer.in_header && transfer.header_line_empty) {
      transfer.in_header = false;
    }
    at = stop;
  }
}

// UPDATE state: \Seen on what was retrieved, and with QUIT the deletions, all in one step.
void Session::finish(bool delete_too) {
  std::set<store::Uid> seen;
  std::set<store::Uid> gone;
  for (const auto& message : messages_) {
    if (delete_too && message.deleted) {
      gone.insert(message.uid);
    } else if (message.retrieved && !message.seen && !settings_.no_flag_updates) {
      seen.insert(message.uid);
    }
  }
  Result<void> finished{};
  if (!seen.empty() || !gone.empty()) {
    const auto changed = mailbox_->change([&](store::Snapshot snapshot) {
      std::vector<store::Change> changes;
      for (const auto& info : snapshot) {
        store::Change change;
        change.uid = info.uid;
        if (gone.count(info.uid) != 0) {
          change.expunge = true;
        } else if (seen.count(info.uid) != 0) {
          change.flags = info.flags;
          change.flags->set(store::Flag::Seen);
          change.mark_old = true;
        } else {
          continue;
        }
        changes.push_back(std::move(change));
      }
      return changes;
    });
    if (!changed) finished = fail(changed.error());
  }
  if (const auto folded = mailbox_->fold(); !folded) log::warning(folded.error().log_text);
  if (!finished) {
    log::error(finished.error().log_text);
    // RFC 1939 section 6: messages that could not be removed are told.
    if (delete_too) output_ += error("[SYS/TEMP] Some deleted messages not removed.");
    return;
  }
  statistics_.deleted = gone.size();
  if (delete_too) {
    output_ += ok(gone.empty() ? "Logging out." : "Logging out, messages deleted.");
  }
}

}  // namespace mail::pop3
