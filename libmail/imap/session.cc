#include "libmail/imap/session.h"

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/imap/response.h"

namespace mail::imap {

namespace {

constexpr std::size_t kOutputOctets = 64U << 10U;   // STYLE.md section 5
constexpr std::uint64_t kMaxSkipped = 64U << 20U;   // a refused {n+} beyond it ends the connection
constexpr std::size_t kCommandOctets = 64U << 10U;  // imap_max_line_length's default

// What the client waits for between the commands of its pipeline does not hide in sequence numbers:
// EXPUNGE may not come while these are answered (RFC 3501 section 7.4.1).
bool forbids_expunge(const Command& command) {
  if (const auto* fetch = std::get_if<Fetch>(&command)) return !fetch->by_uid;
  if (const auto* store = std::get_if<Store>(&command)) return !store->by_uid;
  if (const auto* search = std::get_if<Search>(&command)) return !search->by_uid;
  return false;
}

bool is_by_uid(const Command& command) {
  if (const auto* fetch = std::get_if<Fetch>(&command)) return fetch->by_uid;
  if (const auto* store = std::get_if<Store>(&command)) return store->by_uid;
  if (const auto* search = std::get_if<Search>(&command)) return search->by_uid;
  if (const auto* copy = std::get_if<Copy>(&command)) return copy->by_uid;
  if (const auto* expunge = std::get_if<Expunge>(&command)) return expunge->uids.has_value();
  return false;
}

// What is the client's own mistake is told to the client only.
bool concerns_operator(Errc code) {
  switch (code) {
    case Errc::NoSpace:
    case Errc::InUse:
    case Errc::Timeout:
    case Errc::Unavailable:
    case Errc::Corrupt:
    case Errc::Config:
    case Errc::Io:
    case Errc::Internal:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view capabilities_after_login() {
  return "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN "
         "LIST-EXTENDED LIST-STATUS SPECIAL-USE MOVE CONDSTORE ESEARCH WITHIN STATUS=SIZE";
}

Session::Session(store::MailStore& store, const Clock& clock, SessionSettings settings,
                 std::string_view tag, std::string_view unread)
    : store_(store),
      clock_(clock),
      settings_(std::move(settings)),
      framer_({kCommandOctets}),
      last_input_(clock.monotonic()) {
  out_ += std::string(tag) + " OK [CAPABILITY " + std::string(capabilities_after_login()) +
          "] Logged in\r\n";
  framer_.feed(unread);
}

Want Session::want() const {
  if (!out_.empty()) return closing_ ? Want::Close : Want::Input;
  if (closing_) return Want::Close;
  const bool waits = idling_ || (selected_ && selected_->mailbox().is_unsettled());
  return waits && !input_ready_ ? Want::Wait : Want::Input;
}

std::string Session::take_output() {
  while (!closing_ && out_.size() < FetchJob::kEnough) {
    if (!job_) {
      if (!process_input()) break;
      continue;
    }
    auto done = job_->step(out_);
    if (done && !*done) continue;
    const bool broken = job_->is_broken();
    const auto job = std::move(job_);
    if (!done) job->stop();
    if (broken) {
      log::error(done.error().log_text);
      closing_ = true;  // in the middle of a literal nothing can be said
    } else if (!done) {
      end_command(tag_, fail(std::move(done).error()), job_by_uid_);
    } else if (job->missed() && job->missed()->code == Errc::NotFound) {  // RFC 5530
      end_command(tag_, std::string("NO [EXPUNGEISSUED] Some messages are gone"), job_by_uid_);
    } else if (job->missed()) {
      end_command(tag_, fail(*job->missed()), job_by_uid_);
    } else {
      end_command(tag_, std::string("OK Fetch completed"), job_by_uid_);
    }
  }
  if (out_.size() <= kOutputOctets) return std::exchange(out_, {});
  std::string part = out_.substr(0, kOutputOctets);
  out_.erase(0, kOutputOctets);
  return part;
}

MonotonicTime Session::deadline() const { return last_input_ + settings_.autologout; }

void Session::receive(std::string_view octets) {
  input_ready_ = false;
  if (octets.empty()) {
    finish();
    closing_ = true;
    return;
  }
  last_input_ = clock_.monotonic();
  framer_.feed(octets);
}

void Session::timed_out() { say_bye("Disconnected for inactivity"); }
void Session::terminate() { say_bye("[UNAVAILABLE] Server is going down, try again soon"); }

void Session::say_bye(std::string_view text) {
  if (closing_) return;
  out_ += "* BYE " + std::string(text) + "\r\n";
  finish();
  closing_ = true;
}

void Session::finish() {
  if (job_) job_->stop();
  job_.reset();
  leave_mailbox();
}

void Session::leave_mailbox() {
  if (!selected_) return;
  // After EXAMINE too: UIDs that it has told must not be given by another program.
  const auto folded = selected_->mailbox().fold();
  if (!folded && !selected_->is_read_only()) log::warning(folded.error().log_text);
  selected_.reset();
}

// IDLE (RFC 2177): whatever arrives, changes or is due. Or a pause of the client's.
void Session::woken(Woken reason) {
  if (reason == Woken::Input) {
    input_ready_ = true;
    return;
  }
  const auto now = clock_.monotonic();
  if (now >= deadline()) {
    timed_out();
    return;
  }
  if (selected_) selected_->mailbox().settle();
  if (!idling_) return;
  const auto before = out_.size();
  tell_changes(true, false);
  if (out_.size() == before && now >= last_said_ + settings_.idle_notify) {
    out_ += "* OK Still here\r\n";
  }
  if (out_.size() != before) last_said_ = now;
}

int Session::event_fd() const {
  return idling_ && selected_ ? selected_->mailbox().event_fd() : -1;
}

MonotonicTime Session::wait_until() const {
  constexpr std::chrono::milliseconds kPause{100};
  if (selected_ && selected_->mailbox().is_unsettled()) {
    return std::min(deadline(), clock_.monotonic() + kPause);
  }
  const auto keepalive = std::min(last_said_ + settings_.idle_notify, deadline());
  if (!selected_) return keepalive;
  return std::min(keepalive, clock_.monotonic() +
                                 (event_fd() >= 0 ? settings_.idle_look : settings_.idle_poll));
}

bool Session::process_input() {
  switch (framer_.next()) {
    case Framer::Event::NeedInput:
      return false;
    case Framer::Event::TooLong:
      say_bye("[TOOBIG] Command is too long");
      return false;
    case Framer::Event::Announced:
      process_literal();
      return true;
    case Framer::Event::Chunk:
      if (!append_->failure) {
        if (auto written = append_->spool->write(framer_.chunk()); !written) {
          append_->failure = std::move(written).error();
          append_->spool.reset();
        }
      }
      return true;
    case Framer::Event::Streamed:
      return true;
    case Framer::Event::Complete:
      process_command();
      return true;
  }
  return false;
}

void Session::process_literal() {
  const Literal literal = framer_.literal();
  if (append_) {
    refuse_literal(make_error(Errc::Syntax, "One message to an APPEND"));
    return;
  }
  if (!idling_) {
    if (auto request = parse_append_start(framer_.text())) {
      begin_append(*std::move(request));
      return;
    }
  }
  if (!framer_.has_room_for_literal()) {
    refuse_literal(make_error(Errc::TooLarge, "Literal is too large"));
    return;
  }
  if (literal.synchronizing) out_ += "+ OK\r\n";
  framer_.collect();
}

// RFC 7888 section 4: a synchronizing literal is refused by answering instead of "+"; another one
// is on its way already and is read past.
void Session::refuse_literal(const Error& error) {
  if (framer_.literal().synchronizing) {
    const Request request = parse_request(framer_.text());
    const std::string tag = append_ ? append_->tag : request.tag;
    append_.reset();
    framer_.drop_command();
    end_command(tag.empty() ? "*" : tag, fail(error), false);
    return;
  }
  if (!framer_.literal().is_representable || framer_.literal().size > kMaxSkipped) {
    say_bye("[TOOBIG] Literal is too large");
    return;
  }
  if (append_) {
    append_->failure = error;
  } else {
    refused_literal_ = error;
  }
  framer_.skip();
}

void Session::begin_append(Request request) {
  Appending appending;
  appending.tag = request.tag;
  appending.command = std::get<Append>(std::move(*request.command));
  appending.text_before = framer_.text().size();
  append_ = std::move(appending);
  auto& append = *append_;
  if (framer_.literal().size > settings_.max_append_octets) {
    refuse_literal(make_error(Errc::TooLarge, "Message is too large"));
    return;
  }
  if (!selected_ || selected_->name() != append.command.mailbox) {
    auto mailbox = store_.open(append.command.mailbox);
    if (!mailbox) {
      // RFC 3501 section 6.3.11: [TRYCREATE] where CREATE would help.
      auto error = try_create(std::move(mailbox).error());
      append.failure = error;
      if (framer_.literal().synchronizing || framer_.literal().size > kMaxSkipped) {
        refuse_literal(error);
        return;
      }
    } else {
      append.mailbox = std::move(*mailbox);
    }
  }
  append.spool = std::make_unique<Spool>(settings_.spool_directory);
  if (framer_.literal().synchronizing) out_ += "+ OK\r\n";
  framer_.stream();
}

void Session::finish_append() {
  Appending append = *std::exchange(append_, std::nullopt);
  if (!append.failure && framer_.text().size() > append.text_before) {
    append.failure = make_error(Errc::Syntax, "Unexpected arguments");
  }
  if (append.failure) {
    end_command(append.tag, fail(*append.failure), true);
    return;
  }
  const bool is_selected = !append.mailbox;
  if (append.mailbox) append_target_ = std::move(append.mailbox);
  store::Mailbox& mailbox = is_selected ? selected_->mailbox() : *append_target_;
  store::AppendOptions options;
  options.flags = append.command.flags;
  options.internal_date = append.command.internal_date;
  const auto appended = mailbox.append(*append.spool, options);
  if (!appended) {
    end_command(append.tag, fail(appended.error()), true);
    return;
  }
  std::string text = "OK ";
  if (appended->uid.value != 0 && appended->uid_validity.value != 0) {  // RFC 4315 section 3
    text += "[APPENDUID " + std::to_string(appended->uid_validity.value) + ' ' +
            std::to_string(appended->uid.value) + "] ";
  }
  end_command(append.tag, text + "Append completed", true);
}

void Session::process_command() {
  if (append_) {
    finish_append();
    return;
  }
  append_target_.reset();
  if (idling_) {
    process_idle_line(framer_.text());
    return;
  }
  Request request = parse_request(framer_.text());
  tag_ = request.tag.empty() ? "*" : request.tag;
  if (const auto refused = std::exchange(refused_literal_, std::nullopt)) {
    end_command(tag_, fail(*refused), false);
    return;
  }
  if (framer_.is_faulty()) {
    end_command(tag_, fail(Errc::Syntax, "Lines end in CRLF; bare CR, bare LF and NUL are refused"),
                false);
    return;
  }
  if (!request.command) {
    end_command(tag_, fail(request.command.error()), false);
    return;
  }
  if (const auto allowed = check_allowed(request); !allowed) {
    end_command(tag_, fail(allowed.error()), false);
    return;
  }
  const Command& command = *request.command;
  const auto reply = std::visit([this](const auto& c) { return on(c); }, command);
  if (job_ || idling_) return;  // answered later
  if (selected_ && is_by_uid(command)) tell_changes(true, true);
  end_command(tag_, reply, !forbids_expunge(command));
}

Result<void> Session::check_allowed(const Request& request) const {
  const auto here = selected_ ? In::Selected : In::Authenticated;
  if ((static_cast<std::uint8_t>(request.allowed) & static_cast<std::uint8_t>(here)) != 0)
    return {};
  if (request.allowed == In::NotAuthenticated) return fail(Errc::BadSequence, "Already logged in");
  return fail(Errc::BadSequence, "No mailbox selected");
}

void Session::tell_changes(bool may_expunge, bool with_uid) {
  if (!selected_) return;
  if (const auto refreshed = selected_->refresh(); !refreshed) {
    log::warning(refreshed.error().log_text);
    say_bye("[UNAVAILABLE] Mailbox was replaced, select it anew");
    return;
  }
  selected_->tell(out_, {may_expunge, with_uid, condstore_});
}

void Session::end_command(std::string_view tag, const Reply& reply, bool may_expunge) {
  if (closing_ && tag == "*") return;
  tell_changes(may_expunge, false);
  if (!reply && concerns_operator(reply.error().code)) log::warning(reply.error().log_text);
  out_ += std::string(tag) + ' ' + (reply ? *reply : to_response(reply.error())) + "\r\n";
}

void Session::process_idle_line(std::string_view line) {
  const bool is_done = ascii::iequals(line, "DONE") && !framer_.is_faulty();
  idling_ = false;
  refused_literal_.reset();
  if (is_done) {
    end_command(tag_, std::string("OK Idle completed"), true);
  } else {
    end_command(tag_, fail(Errc::Syntax, "Expected DONE"), true);
  }
}

Session::Reply Session::on(const Capability&) {
  out_ += "* CAPABILITY " + std::string(capabilities_after_login()) + "\r\n";
  return std::string("OK Capability completed");
}

Session::Reply Session::on(const Noop&) { return std::string("OK Noop completed"); }

Session::Reply Session::on(const Logout&) {
  say_bye("Logging out");
  return std::string("OK Logout completed");
}

Session::Reply Session::on(const Id&) {
  out_ += "* ID (\"name\" \"Tubepost\")\r\n";
  return std::string("OK ID completed");
}

void Session::enable_condstore() { condstore_ = true; }

Session::Reply Session::on(const Enable& enable) {
  std::string enabled;
  for (const auto& capability : enable.capabilities) {
    if (capability != "CONDSTORE") continue;
    enable_condstore();
    enabled = " CONDSTORE";
  }
  out_ += "* ENABLED" + enabled + "\r\n";
  return std::string("OK Enabled");
}

Session::Reply Session::on(const Idle&) {
  idling_ = true;
  last_said_ = clock_.monotonic();
  out_ += "+ idling\r\n";
  tell_changes(true, false);
  return std::string();
}

}  // namespace mail::imap
