#include "libmail/pop3/session.h"

#include <algorithm>
#include <utility>

#include "libmail/auth/sasl_policy.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/pop3/login_session.h"
#include "libmail/pop3/response.h"

namespace mail::pop3 {
namespace {

constexpr std::size_t kMaxOutput = 64U << 10U;  // octets given at once (net/serve.h)
constexpr std::size_t kRoom = 8U << 10U;        // for the end of the last message in it

}  // namespace

struct Session::Verb {
  std::string_view name;
  void (Session::*run)(std::string_view argument);
};
const Session::Verb Session::kVerbs[] = {
    {"STAT", &Session::on_stat}, {"LIST", &Session::on_list}, {"UIDL", &Session::on_uidl},
    {"RETR", &Session::on_retr}, {"TOP", &Session::on_top},   {"DELE", &Session::on_dele},
    {"NOOP", &Session::on_noop}, {"RSET", &Session::on_rset}, {"LAST", &Session::on_last},
    {"CAPA", &Session::on_capa}, {"UTF8", &Session::on_utf8}, {"QUIT", &Session::on_quit},
};

Result<std::unique_ptr<Session>> Session::open(const Settings& settings,
                                               std::unique_ptr<store::Mailbox> mailbox,
                                               const Clock& clock, Mode mode) {
  UidlFormat format = TRY(UidlFormat::parse(settings.uidl_format));
  std::unique_ptr<Session> session(
      new Session(settings, std::move(format), std::move(mailbox), clock, mode));
  if (settings.lock_session) TRY(session->mailbox_->lock_exclusively());
  TRY(session->open_maildrop());
  session->deadline_ = clock.monotonic() + settings.idle_timeout;
  session->output_ = ok("Logged in.");
  return session;
}

// Many clients only look whether there is something new: that costs the same for any maildrop whose
// sizes are known and that has no hidden messages.
Result<void> Session::open_maildrop() {
  opened_ = TRY(mailbox_->status());
  const auto& hidden = settings_.deleted_flag;
  const bool may_hide = !hidden.empty() && opened_.keywords.contains(hidden);
  if (!opened_.octets || may_hide || settings_.enable_last) {
    opened_.octets.reset();
    return load();
  }
  left_ = statistics_.messages = opened_.messages;
  left_octets_ = statistics_.octets = *opened_.octets;
  return {};
}

// What another session has taken away since the login is not listed.
Result<void> Session::load() {
  if (is_loaded_) return {};
  const auto changes = TRY(mailbox_->since(store::ModSeq{}));
  std::vector<Message> messages;
  std::uint64_t octets = 0;
  messages.reserve(changes.messages.size());
  for (const auto& info : changes.messages) {
    if (opened_.octets && info.uid >= opened_.uid_next) break;  // has come since
    // Deleted by an earlier session (pop3_deleted_flag): not in the maildrop any more.
    const auto& hidden = settings_.deleted_flag;
    if (!hidden.empty() && info.flags.has_keyword(hidden)) continue;
    const bool seen = info.flags.has(store::Flag::Seen);
    const auto measure = mailbox_->measure(info.uid);
    if (!measure && !store::concerns_one_message(measure.error())) return fail(measure.error());
    if (!measure || !measure->is_readable) continue;
    messages.push_back({info.uid, measure->size, seen, false, false});
    if (seen) last_before_ = messages.size();
    octets += measure->size;
  }
  messages_ = std::move(messages);
  is_loaded_ = true;
  last_ = last_before_;
  left_ = statistics_.messages = messages_.size();
  left_octets_ = statistics_.octets = octets;
  return {};
}

Session::Want Session::want() const {
  return closing_ && !transfer_ && !listing_ && output_.empty() ? Want::Close : Want::Input;
}

std::string Session::take_output() {
  std::string part = make_output();
  hold_.reset();  // the client may be slow
  statistics_.output += part.size();
  return part;
}

std::string Session::make_output() {
  for (;;) {
    if (output_.size() >= kMaxOutput) break;
    if (transfer_) {
      fill_transfer();
    } else if (listing_) {
      fill_listing();
    } else {
      process();
      if (!transfer_ && !listing_) break;
    }
  }
  std::string rest;
  if (output_.size() > kMaxOutput) {
    rest = output_.substr(kMaxOutput);
    output_.resize(kMaxOutput);
  }
  return std::exchange(output_, std::move(rest));
}

void Session::receive(std::string_view octets) {
  if (octets.empty()) {
    // The client is gone without QUIT: nothing is deleted (RFC 1939 section 6).
    if (!closing_) finish(false);
    closing_ = true;
    transfer_.reset();
    listing_.reset();
    output_.clear();
    return;
  }
  statistics_.input += octets.size();
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
  transfer_.reset();
  listing_.reset();
  output_ += error("[SYS/TEMP] Server shutting down.");
  closing_ = true;
}

// Pipelined commands are answered while the output has room.
void Session::process() {
  while (!closing_ && !transfer_ && !listing_ && output_.size() < kMaxOutput) {
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

void Session::process_line(std::string_view line) {
  const Command command = parse_command(line);
  const auto* verb = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                                  [&](const Verb& known) { return known.name == command.verb; });
  if (verb == std::end(kVerbs)) {
    output_ += error("Unknown command.");
    return;
  }
  if (verb->run != &Session::on_retr && verb->run != &Session::on_top) hold_.reset();
  (this->*verb->run)(ascii::trim(command.argument));
}

void Session::say_failure(const Error& failure) {
  if (failure.code != Errc::Syntax && failure.code != Errc::NotFound)
    log::warning(failure.log_text);
  output_ += to_response(failure);
}

Result<Session::Message*> Session::find(std::string_view argument) {
  const auto number = TRY(parse_number(argument));
  TRY(load());
  if (number > messages_.size()) {
    return fail(Errc::NotFound, "There's no message " + std::to_string(number) + ".");
  }
  Message& message = messages_.at(number - 1);
  if (message.deleted) return fail(Errc::NotFound, "Message is deleted.");
  return &message;
}

void Session::on_stat(std::string_view /*argument*/) {
  output_ += ok(std::to_string(left_) + ' ' + std::to_string(left_octets_));
}

void Session::on_list(std::string_view argument) {
  if (argument.empty()) {
    if (const auto loaded = load(); !loaded) return say_failure(loaded.error());
    output_ += ok(std::to_string(left_) + " messages:");
    listing_ = Listing{};
    return;
  }
  const auto message = find(argument);
  if (!message) return say_failure(message.error());
  output_ += ok(std::to_string(number_of(**message)) + ' ' + std::to_string((*message)->size));
}

void Session::on_uidl(std::string_view argument) {
  if (!argument.empty()) {
    const auto message = find(argument);
    if (!message) return say_failure(message.error());
    if (const auto made = make_uidls(); !made) return say_failure(made.error());
    const auto number = number_of(**message);
    output_ += ok(std::to_string(number) + ' ' + uidls_.at(number - 1));
    return;
  }
  if (const auto made = make_uidls(); !made) return say_failure(made.error());
  output_ += ok("");
  listing_ = Listing{true, 0};
}

void Session::fill_listing() {
  for (; listing_->at < messages_.size() && output_.size() < kMaxOutput; ++listing_->at) {
    const Message& message = messages_[listing_->at];
    if (message.deleted) continue;
    output_ += std::to_string(listing_->at + 1) + ' ';
    output_ += listing_->is_uidl ? uidls_[listing_->at] : std::to_string(message.size);
    output_ += "\r\n";
  }
  if (listing_->at < messages_.size()) return;
  output_ += ".\r\n";
  listing_.reset();
}

void Session::on_retr(std::string_view argument) {
  const auto found = find(argument);
  if (!found) return say_failure(found.error());
  Message& message = **found;
  if (!start_transfer(message, Kind::Retr, std::nullopt)) return;
  message.retrieved = true;
  ++statistics_.retrieved;
  const auto number = number_of(message);
  last_ = std::max(last_, number);
  lowest_retrieved_ = lowest_retrieved_ == 0 ? number : std::min(lowest_retrieved_, number);
}

void Session::on_top(std::string_view argument) {
  const auto arguments = parse_top(argument);
  if (!arguments) return say_failure(arguments.error());
  const auto message = find(std::to_string(arguments->number));
  if (!message) return say_failure(message.error());
  if (start_transfer(**message, Kind::Top, arguments->lines)) ++statistics_.top;
}

void Session::on_dele(std::string_view argument) {
  const auto found = find(argument);
  if (!found) return say_failure(found.error());
  Message& message = **found;
  message.deleted = true;
  --left_;
  left_octets_ -= message.size;
  last_ = std::max(last_, number_of(message));
  output_ += ok("Marked to be deleted.");
}

void Session::on_noop(std::string_view /*argument*/) { output_ += ok(""); }

void Session::on_rset(std::string_view /*argument*/) {
  for (auto& message : messages_) {
    message.deleted = false;
    message.retrieved = false;
  }
  left_ = statistics_.messages;
  left_octets_ = statistics_.octets;
  last_ = last_before_;
  output_ += ok("");
}

void Session::on_last(std::string_view /*argument*/) {
  output_ += settings_.enable_last ? ok(std::to_string(last_)) : error("Unknown command.");
}

void Session::on_capa(std::string_view /*argument*/) {
  output_ += capabilities(false, true, auth::SaslPolicy{}.offered(true));
}

// RFC 6856 section 2.1: in the AUTHORIZATION state only.
void Session::on_utf8(std::string_view /*argument*/) {
  output_ += error("UTF8 is to be said before login.");
}

void Session::on_quit(std::string_view /*argument*/) {
  finish(true);
  closing_ = true;
}

// Octets that were given for RETR or TOP.
std::uint64_t& Session::octets_of(Kind kind) {
  return kind == Kind::Top ? statistics_.top_octets : statistics_.retrieved_octets;
}

bool Session::start_transfer(const Message& message, Kind kind,
                             std::optional<std::uint64_t> lines) {
  if (!hold_) hold_ = mailbox_->hold_for_reading();
  output_.reserve(kMaxOutput + kRoom);
  const std::size_t begin = output_.size();
  const auto refuse = [&](const Error& failure) {
    output_.resize(begin);
    say_failure(failure);
    return false;
  };
  auto reader = mailbox_->open(message.uid, store::View::Wire);
  if (!reader) return refuse(reader.error());
  const auto answer = [&](std::uint64_t size) {
    return kind == Kind::Top ? ok("") : ok(std::to_string(size) + " octets");
  };
  std::string line = answer(message.size);
  output_ += line;
  Transfer transfer(*std::move(reader), lines, settings_.workarounds, mode_);
  const auto is_last = transfer.fill(output_);
  if (!is_last) return refuse(is_last.error());
  if (transfer.growth() != 0) {
    const std::size_t size = line.size();
    line = answer(message.size + transfer.growth());
    output_.replace(begin, size, line);
  }
  octets_of(kind) += line.size() + transfer.octets();
  transfer_kind_ = kind;
  if (!*is_last) transfer_.emplace(std::move(transfer));
  return true;
}

void Session::fill_transfer() {
  if (!hold_) hold_ = mailbox_->hold_for_reading();
  const auto before = transfer_->octets();
  const auto is_last = transfer_->fill(output_);
  octets_of(transfer_kind_) += transfer_->octets() - before;
  if (is_last && !*is_last) return;
  transfer_.reset();
  if (is_last) return;
  // In the middle of a message nothing can be said that the client would not take for its text.
  log::error(is_last.error().log_text);
  finish(false);
  closing_ = true;
}

}  // namespace mail::pop3
