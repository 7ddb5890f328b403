#include "libmail/smtp/session.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"

namespace mail::smtp {
namespace {

constexpr std::size_t kMaxOutput = 64U << 10U;  // octets given at once (net/serve.h)

constexpr EnhancedStatus kOk{2, 0, 0};

}  // namespace

Session::Session(const Settings& settings, ClientInfo client, Services services)
    : settings_(settings), client_(std::move(client)), services_(std::move(services)) {
  refresh_deadline();
  log::info("connect from " + client_text());
  say({220, {settings_.banner}});
}

// "ehlo=1 mail=1 rcpt=1/2 quit=1 commands=4/5": taken, of how many; as Postfix counts.
Session::~Session() {
  std::string line = "disconnect from " + client_text();
  CommandCount all;
  const auto add = [&line](std::string_view name, const CommandCount& count) {
    line += ' ' + ascii::to_lower(name) + '=' + std::to_string(count.taken);
    if (count.taken != count.seen) line += '/' + std::to_string(count.seen);
  };
  for (const auto& [name, count] : commands_) {
    add(name, count);
    all.taken += count.taken;
    all.seen += count.seen;
  }
  add("commands", all);
  log::info(line);
}

void Session::count_command(std::string_view name, bool is_taken) {
  last_command_ = name;
  const auto known = std::find_if(commands_.begin(), commands_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  auto& count = known != commands_.end()
                    ? known->second
                    : commands_.emplace_back(std::string(name), CommandCount{}).second;
  ++count.seen;
  if (is_taken) ++count.taken;
}

std::string Session::last_command() const {
  if (last_command_.empty()) return "CONNECT";
  return last_command_ == "unknown" ? "UNKNOWN" : last_command_;
}

std::string Session::take_output() {
  if (output_.size() <= kMaxOutput) return std::exchange(output_, {});
  std::string part = output_.substr(0, kMaxOutput);
  output_.erase(0, kMaxOutput);
  return part;
}

Session::Want Session::want() const {
  if (!to_attempt_.empty()) return Want::Work;
  if (closing_) return Want::Close;
  if (starting_tls_) return Want::Tls;
  return Want::Input;
}

void Session::refresh_deadline() { deadline_ = services_.clock.monotonic() + settings_.timeout; }

void Session::say(const Reply& reply) { output_ += to_wire(reply, transaction_.mail.smtputf8); }

void Session::close_with(const Reply& reply) {
  say(reply);
  closing_ = true;
}

void Session::timed_out() {
  log::info("timeout after " + last_command() + " from " + client_text());
  close_with({421, {4, 4, 2}, settings_.myhostname + " Error: timeout exceeded"});
}

void Session::terminate() {
  close_with({421, {4, 3, 2}, settings_.myhostname + " Service not available, closing"});
}

void Session::tls_started(std::string description) {
  // Everything learned before is forgotten (RFC 3207 section 4.2), unread input included.
  starting_tls_ = false;
  client_.tls = true;
  client_.tls_description = std::move(description);
  framer_.clear();
  state_ = Connected;
  helo_.clear();
  sasl_user_.clear();
  sasl_.reset();
  reset_transaction();
  refresh_deadline();
}

void Session::receive(std::string_view octets) {
  if (octets.empty()) {
    log::info("lost connection after " + last_command() + " from " + client_text());
    closing_ = true;
    return;
  }
  refresh_deadline();
  if (in_data_) {
    receive_data(octets);
  } else {
    framer_.feed(octets);
  }
  process();
}

void Session::process() {
  while (!in_data_ && !closing_ && !starting_tls_ && to_attempt_.empty()) {
    auto line = framer_.next();
    if (!line) return;
    if (*line) {
      process_line(**line);
    } else if (line->error().code == Errc::Syntax) {
      // A client that ends lines otherwise may be two minds about where commands begin.
      const Reply reply{
          521, {5, 5, 2}, settings_.myhostname + " Error: " + line->error().public_text};
      log_reject("COMMAND", reply, "");
      close_with(reply);
    } else {
      fail_command(to_reply(line->error()));
    }
    if (in_data_) {
      const std::string rest = framer_.take_rest();
      if (!rest.empty()) receive_data(rest);
    }
  }
}

void Session::fail_command(const Reply& reply) {
  if (++errors_ < settings_.hard_error_limit) {
    say(reply);
    return;
  }
  say(reply);
  log::info("too many errors from " + client_text());
  close_with({421, {4, 7, 0}, settings_.myhostname + " Error: too many errors"});
}

void Session::process_line(std::string_view line) {
  Reply reply;
  std::string_view name = "AUTH";
  if (sasl_) {
    reply = answer_sasl(sasl_->respond(line));
  } else {
    const auto [verb, arguments] = split_command(line, smtp_verbs());
    name = verb == nullptr ? "unknown" : verb->name;
    if (verb == nullptr) {
      reply = {502, {5, 5, 2}, "Error: command not recognized"};
    } else if (settings_.require_tls && !client_.tls && !verb->before_tls) {
      reply = {530, {5, 7, 0}, "Must issue a STARTTLS command first"};
    } else if ((verb->allowed_in & state_) == 0) {
      // Before a greeting it is that what is missing (section 4.1.4).
      reply = {
          503,
          {5, 5, 1},
          "Error: " + std::string(state_ == Connected ? "send HELO/EHLO first" : verb->otherwise)};
    } else if (auto command = verb->parse(arguments); !command) {
      reply = to_reply(command.error());
      if (command.error().code == Errc::Unsupported) reply.code = 555;  // RFC 5321 section 4.1.1.11
      if (reply.status == EnhancedStatus{5, 6, 7}) reply.code = 553;    // RFC 6531 section 3.5
    } else {
      reply = execute(*command);
    }
  }
  // A SASL exchange is one command, counted at its end.
  if (!sasl_) count_command(name, reply.code < 400);
  if (reply.lines.empty()) return;  // said already
  if (reply.code >= 400) {
    fail_command(reply);
  } else {
    say(reply);
  }
}

Reply Session::execute(const Command& command) {
  return std::visit([this](const auto& typed) { return on(typed); }, command);
}

Reply Session::on(const Helo& command) {
  reset_transaction();
  helo_ = command.domain;
  extended_ = command.extended;
  state_ = Greeted;
  if (!command.extended) return {250, {settings_.myhostname}};
  Reply reply{250, {settings_.myhostname, "PIPELINING"}};
  reply.lines.push_back("SIZE " + std::to_string(settings_.message_size_limit));
  if (client_.tls_offered && !client_.tls) reply.lines.emplace_back("STARTTLS");
  std::string mechanisms;
  if (services_.authenticator != nullptr && sasl_user_.empty() &&
      (client_.tls || !settings_.require_tls)) {
    for (const auto mechanism : settings_.sasl.offered(client_.tls))
      mechanisms += ' ' + std::string(mechanism);
  }
  if (!mechanisms.empty()) {
    reply.lines.push_back("AUTH" + mechanisms);
    reply.lines.push_back("AUTH=" + mechanisms.substr(1));  // Outlook Express and its generation
  }
  for (const char* keyword : {"ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"}) {
    reply.lines.emplace_back(keyword);
  }
  return reply;
}

Reply Session::on(const Rset& /*command*/) {
  reset_transaction();
  if (state_ != Connected) state_ = Greeted;
  return {250, kOk, "Ok"};
}

Reply Session::on(const Noop& /*command*/) { return {250, kOk, "Ok"}; }

Reply Session::on(const Quit& /*command*/) {
  closing_ = true;
  return {221, kOk, "Bye"};
}

Reply Session::on(const Help& /*command*/) {
  return {214, {2, 0, 0}, "Tubepost; RFC 5321 tells the commands"};
}

// An address is neither confirmed nor its expansion told (S88, RFC 5321 section 7.3).
Reply Session::on(const Vrfy& /*command*/) {
  return {252, {2, 5, 2}, "Send some mail, I'll try my best"};
}
Reply Session::on(const Expn& /*command*/) { return {502, {5, 5, 1}, "EXPN is not offered"}; }

Reply Session::on(const StartTls& /*command*/) {
  if (!client_.tls_offered) return {502, {5, 5, 1}, "Error: command not implemented"};
  if (client_.tls) return {503, {5, 5, 1}, "Error: TLS already active"};
  starting_tls_ = true;
  framer_.clear();
  return {220, {2, 0, 0}, "Ready to start TLS"};
}

Reply Session::on(const Auth& command) {
  if (services_.authenticator == nullptr)
    return {503, {5, 5, 1}, "Error: authentication not enabled"};
  if (!sasl_user_.empty()) return {503, {5, 5, 1}, "Error: already authenticated"};
  if (const auto objection = settings_.sasl.objection_to(command.mechanism, client_.tls)) {
    if (objection->code == Errc::PrivacyRequired) {
      return {538, {5, 7, 11}, "Encryption required for requested authentication mechanism"};
    }
    return {504, {5, 5, 4}, "Error: authentication mechanism not available"};
  }
  auto exchange = auth::SaslExchange::begin(
      command.mechanism, {services_.authenticator, "smtp", client_.address, client_.tls});
  if (!exchange) return {504, {5, 5, 4}, "Error: authentication mechanism not available"};
  sasl_ = *std::move(exchange);
  return answer_sasl(sasl_->start(command.initial_response));
}

Reply Session::answer_sasl(auth::SaslStep step) {
  if (const auto* challenge = std::get_if<auth::Challenge>(&step)) {
    return {334, {challenge->base64}};
  }
  const std::string user = sasl_->user();
  const std::string mechanism(sasl_->mechanism());
  sasl_.reset();
  if (const auto* identity = std::get_if<auth::Identity>(&step)) {
    sasl_user_ = identity->user;
    return {235, {2, 7, 0}, "Authentication successful"};
  }
  const auto& error = std::get<Error>(step);
  if (error.code == Errc::Closed) return {501, {5, 7, 0}, "Authentication aborted"};
  if (error.code == Errc::Syntax) {
    return {501, {5, 5, 2}, "Error: malformed authentication response"};
  }
  log::warning("warning: " + client_text() + ": SASL " + mechanism + " authentication failed: " +
               log::escape(error.log_text) + ", sasl_username=" + log::escape(user));
  if (error.code == Errc::TooMany) {
    // The monitor answers no more on this connection.
    close_with({421, {4, 7, 0}, settings_.myhostname + " Error: too many authentication attempts"});
    return {};
  }
  if (error.is_permanent()) return {535, {5, 7, 8}, "Error: authentication failed"};
  return {454, {4, 7, 0}, "Temporary authentication failure"};
}

Reply Session::on(const Mail& command) {
  if (settings_.require_auth && sasl_user_.empty()) {
    return {530, {5, 7, 0}, "Authentication required"};
  }
  const auto limit = settings_.message_size_limit;
  if (limit != 0 && command.size.value_or(0) > limit) {
    return {552, {5, 3, 4}, "Message size exceeds fixed limit"};
  }
  address::ReversePath sender = command.reverse_path;
  if (sender.addr_spec && sender.addr_spec->domain.empty()) {
    // Our own clients may leave the domain away (S39); nobody else's root is ours.
    if (!services_.policy.is_trusted({client_.address, sasl_user_}) && sasl_user_.empty()) {
      return {504,
              {5, 5, 2},
              '<' + address::to_plain_string(sender) +
                  ">: Sender address rejected: need fully-qualified address"};
    }
    sender.addr_spec->domain = services_.policy.origin();
  }
  reset_transaction();
  transaction_.mail = command;
  transaction_.reverse_path = address::to_plain_string(sender);
  state_ = HasSender;
  return {250, {2, 1, 0}, "Ok"};
}

Reply Session::on(const Rcpt& command) {
  if (transaction_.accepted.size() >= settings_.recipient_limit) {
    return {452, {4, 5, 3}, "Error: too many recipients"};  // RFC 5321 section 4.5.3.1.10
  }
  if (address::needs_smtputf8(command.forward_path.addr_spec) && !transaction_.mail.smtputf8) {
    return {553, {5, 6, 7}, "Address needs SMTPUTF8"};
  }
  Trace trace;
  auto decision =
      services_.policy.decide({client_.address, sasl_user_}, command.forward_path, trace);
  if (!decision) {
    Reply reply = to_reply(decision.error());
    if (decision.error().code == Errc::NotFound) reply.code = reply.status.cls == 4 ? 450 : 550;
    if (decision.error().code == Errc::Unsupported && reply.status.subject == 5) reply.code = 504;
    if (decision.error().code == Errc::Denied && reply.status == EnhancedStatus{5, 7, 0})
      reply.code = 530;
    log_reject("RCPT", reply, command.original);
    return reply;
  }
  std::vector<Recipient> recipients;
  for (auto& end_point : decision->end_points) {
    Recipient recipient{decision->address, std::move(end_point)};
    if (auto refusal = check_local(recipient, transaction_.mail.size.value_or(0))) {
      refusal->lines.front() = '<' + decision->address + ">: " + refusal->lines.front();
      log_reject("RCPT", *refusal, command.original);
      return *refusal;
    }
    recipients.push_back(std::move(recipient));
  }
  for (auto& recipient : recipients) {
    // The same end point by two addresses gets one copy (as Postfix has it).
    const bool known = std::any_of(transaction_.recipients.begin(), transaction_.recipients.end(),
                                   [&](const Recipient& other) {
                                     return other.end_point.kind == recipient.end_point.kind &&
                                            other.end_point.target == recipient.end_point.target;
                                   });
    if (!known) transaction_.recipients.push_back(std::move(recipient));
  }
  transaction_.accepted.push_back(decision->address);
  state_ = HasRecipient;
  return {250, {2, 1, 5}, "Ok"};
}

// Whether the mailbox takes mail is asked before it is accepted (D17); answers hold for the
// session.
std::optional<Reply> Session::check_local(const Recipient& recipient, std::uint64_t size) {
  using alias::Kind;
  if (recipient.end_point.kind == Kind::Remote) return std::nullopt;
  const auto known = std::find_if(checked_.begin(), checked_.end(), [&](const auto& entry) {
    return entry.first.kind == recipient.end_point.kind &&
           entry.first.target == recipient.end_point.target;
  });
  const local::Verdict verdict =
      known != checked_.end() ? known->second : services_.local.check(recipient.end_point, size);
  if (known == checked_.end() && checked_.size() < settings_.recipient_limit) {
    checked_.emplace_back(recipient.end_point, verdict);
  }
  switch (verdict.answer) {
    case local::Answer::Ok:
      return std::nullopt;
    case local::Answer::Unknown:
      return Reply{
          550, {5, 1, 1}, "Recipient address rejected: User unknown in local recipient table"};
    case local::Answer::Full:
      return Reply{verdict.status.cls == 5 ? 552 : 452,
                   verdict.status.cls == 0 ? EnhancedStatus{4, 2, 2} : verdict.status,
                   "Mailbox full"};
    case local::Answer::Failed:
      return Reply{550, {5, 2, 0}, "Mailbox cannot take mail"};
    default:
      if (verdict.status == EnhancedStatus{4, 3, 1})
        return Reply{452, {4, 3, 1}, "Insufficient system storage"};
      return Reply{451, {4, 3, 0}, "Mailbox unavailable, try again later"};
  }
}

Reply Session::on(const Data& /*command*/) {
  if (transaction_.recipients.empty()) return {554, {5, 5, 1}, "Error: no valid recipients"};
  auto draft = services_.queue.create();
  if (!draft) {
    log::error(draft.error().log_text);
    const bool full = draft.error().code == Errc::NoSpace || draft.error().code == Errc::OverQuota;
    return full ? Reply{452, {4, 3, 1}, "Insufficient system storage"}
                : Reply{451, {4, 3, 0}, "Error: queue file write error"};
  }
  transaction_.draft = *std::move(draft);
  const std::string received = received_field(transaction_.draft->id());
  if (const auto written = transaction_.draft->write(received); !written) {
    log::error(written.error().log_text);
    return {451, {4, 3, 0}, "Error: queue file write error"};
  }
  transaction_.header_octets = received.size();
  log::info(transaction_.draft->id().value + ": client=" + client_text() +
            (sasl_user_.empty() ? "" : ", sasl_username=" + log::escape(sasl_user_)));
  in_data_ = true;
  return {354, {"End data with <CR><LF>.<CR><LF>"}};
}

}  // namespace mail::smtp
