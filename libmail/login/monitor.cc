#include "libmail/login/monitor.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "libmail/auth/account_list.h"
#include "libmail/auth/pam/pam_authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/base/variables.h"
#include "libmail/counters/live_count.h"
#include "libmail/login/certificates.h"
#include "libmail/login/standing.h"
#include "libmail/net/network.h"

namespace mail::login {
namespace {

std::string addresses(const net::Peer& peer) {
  return "rip=" + peer.address + ", lip=" + peer.local_address;
}

// Dovecot: "TLS" for encrypted, "secured" for what counts as such without (this machine itself).
std::string protection(bool tls, const net::Peer& peer) {
  if (tls) return ", TLS";
  return is_local(peer) ? ", secured" : "";
}

// A name between < and >: none of its own, or it would hide the line from fail2ban.
std::string quote_name(std::string_view name) {
  std::string text;
  for (const char c : log::escape(name)) {
    if (c == '<' || c == '>') {
      text += c == '<' ? "\\x3c" : "\\x3e";
    } else {
      text += c;
    }
  }
  return "user=<" + text + ">";
}

tl::unexpected<Error> refuse(std::string_view why) {
  return fail(Errc::Denied, "not allowed", "monitor: " + std::string(why));
}

// Not for what stands for many: this machine (a webmail) and networks said to be trusted.
bool counts_by_address(const Settings& settings, const net::Peer& peer) {
  const auto standing = stand(settings, peer);
  return standing && !standing->is_local && !standing->is_trusted;
}

std::chrono::milliseconds since(MonotonicTime begin, MonotonicTime now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - begin);
}

}  // namespace

std::unique_ptr<auth::AccountList> make_accounts(const Settings& settings) {
  auth::AccountSettings accounts = settings.accounts;
  accounts.is_in_networks = [](std::string_view networks, std::string_view address) {
    const auto parsed = net::parse_networks(networks);
    return parsed && net::contains(*parsed, address);
  };
  const bool by_system = std::ranges::all_of(accounts.userdbs, [](const auth::Userdb& userdb) {
    return userdb.driver == auth::Userdb::Driver::System;
  });
  const auto names = accounts.names;
  return std::make_unique<auth::AccountList>(std::move(accounts), [&](const auth::Passdb& passdb) {
    return std::make_unique<auth::pam::PamAuthenticator>(names, passdb.service, by_system);
  });
}

std::unique_ptr<auth::Authenticator> make_authenticator(const Settings& settings) {
  return make_accounts(settings);
}

std::string account_of(const Settings& settings, std::string_view login_name) {
  const auto candidates = settings.accounts.names.candidates(login_name);
  if (candidates.empty()) return {};
  const std::string& name = candidates.back();
  // A file that is asked for %n alone knows ann@x, ann@y and so on as one.
  for (const auto& passdb : settings.accounts.passdbs) {
    if (passdb.deny || passdb.username_format.empty() || passdb.path.find('%') != std::string::npos)
      continue;
    const auto key = variables::expand(passdb.username_format, [&](std::string_view variable) {
      return variables::part_of_name(name, variable);
    });
    if (key && !key->empty()) return *key;
  }
  return name;
}

bool wait_or_hang_up(const FileDescriptor& channel, std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = since(std::chrono::steady_clock::now(), deadline);
    if (left.count() <= 0) return true;
    ::pollfd one{channel.get(), 0, 0};
    if (::poll(&one, 1, static_cast<int>(left.count())) > 0) return false;
  }
}

// The table. What is not here is not done; what is asked in another state is not done either.
struct Monitor::Row {
  RequestKind kind;
  unsigned allowed_in;
  bool makes_session;  // not for smtp, whose mail-in stays who it is
  Result<Outcome> (Monitor::*handle)(const FileDescriptor& channel, Request& request);
};

const Monitor::Row* Monitor::find_row(RequestKind kind) {
  constexpr unsigned kAny = Asking | Proving | Verified;
  static constexpr auto kRows = std::to_array<Row>({
      {RequestKind::Verify, kAny, false, &Monitor::handle_verify},
      {RequestKind::BeginScram, kAny, false, &Monitor::handle_begin_scram},
      {RequestKind::FinishScram, Proving, false, &Monitor::handle_finish_scram},
      {RequestKind::BecomeSession, Verified, true, &Monitor::handle_become},
      {RequestKind::Certificate, kAny, false, &Monitor::handle_certificate},
  });
  const auto* row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) { return one.kind == kind; });
  return row == kRows.end() ? nullptr : row;
}

Monitor::Monitor(const Settings& settings, std::string service, net::Peer peer,
                 auth::Authenticator& authenticator, const Clock& clock, Waiter waiter)
    : settings_(settings),
      service_(std::move(service)),
      peer_(std::move(peer)),
      authenticator_(authenticator),
      clock_(clock),
      waiter_(std::move(waiter)),
      delay_(settings.counters_file,
             counts_by_address(settings, peer_) ? peer_.address : std::string()),
      begin_(clock.monotonic()) {}

Result<std::optional<HandOver>> Monitor::serve(const FileDescriptor& channel,
                                               FileDescriptor& pipe) {
  auto served = [&]() -> Result<std::optional<HandOver>> {
    for (;;) {
      std::string packet = TRY(receive_packet(channel));
      auto request = parse_request(packet);
      auth::wipe(packet);
      if (!request) return fail(request.error());
      const Row* row = find_row(kind_of(*request));
      if (row == nullptr || (row->allowed_in & state_) == 0 ||
          (row->makes_session && service_ == "smtp")) {
        wipe_secrets(*request);
        return refuse("asked for what is not allowed now");
      }
      auto outcome = (this->*row->handle)(channel, *request);
      wipe_secrets(*request);
      if (!outcome) return fail(outcome.error());
      TRY(send_packet(channel, serialize(outcome->answer), outcome->attached));
      if (outcome->session) return std::move(outcome->session);
    }
  }();
  pipe = std::move(pipe_);
  if (served) return served;
  log_end();
  if (served.error().code == Errc::Closed) return std::optional<HandOver>();
  return served;
}

std::optional<Error> Monitor::objection_to(const auth::Identity& identity) const {
  // SMTP's AUTH makes nobody's process, so every account may use it but root.
  const unsigned first = service_ == "smtp" ? 1 : std::max(settings_.first_valid_uid, 1U);
  const auto objection = [&](std::string why) {
    return make_error(Errc::Denied, EnhancedStatus{5, 7, 0}, "Login is not allowed",
                      "user " + log::escape(identity.user) + ": " + std::move(why));
  };
  const auto number = [](unsigned value) { return std::to_string(value); };
  if (identity.uid < first) {
    return objection("uid " + number(identity.uid) + " is below first_valid_uid (" + number(first) +
                     ")");
  }
  if (service_ == "smtp") return std::nullopt;
  const auto& limits = settings_;
  if (limits.last_valid_uid != 0 && identity.uid > limits.last_valid_uid) {
    return objection("uid " + number(identity.uid) + " is above last_valid_uid");
  }
  if (identity.gid < limits.first_valid_gid ||
      (limits.last_valid_gid != 0 && identity.gid > limits.last_valid_gid)) {
    return objection("gid " + number(identity.gid) +
                     " is outside first_valid_gid to last_valid_gid");
  }
  return std::nullopt;
}

// Dovecot's limit, and its words.
std::optional<Error> Monitor::take_place(const auth::Identity& identity) {
  const unsigned most = settings_.max_userip_connections;
  if (most == 0 || service_ == "smtp") return std::nullopt;
  const std::string key = service_ + '\0' + identity.user + '\0' + peer_.address;
  // A file for each uid: a user can take hold of the session's descriptor (ptrace(2)), and lock
  // what it likes in there.
  const std::string path = settings_.live_file + "-" + std::to_string(identity.uid);
  auto place = counters::take_place(path, key, most);
  if (place) {
    place_ = *std::move(place);
  } else if (place.error().code == Errc::TooMany) {
    return make_error(Errc::Unavailable, EnhancedStatus{4, 7, 0},
                      "Maximum number of connections from user+IP exceeded "
                      "(mail_max_userip_connections=" +
                          std::to_string(most) + ")");
  } else {
    log::warning(place.error().log_text);
  }
  return std::nullopt;
}

Result<bool> Monitor::begin_attempt(const std::string& user, const std::string& method, bool tls) {
  identity_.reset();
  place_.reset();
  state_ = Asking;
  last_user_ = user;
  last_method_ = method;
  last_tls_ = tls;
  if (attempts_ > kMaxAttempts) return refuse("asked again after too many attempts");
  ++attempts_;
  return attempts_ <= kMaxAttempts;
}

Result<void> Monitor::wait(const FileDescriptor& channel, std::chrono::milliseconds time) {
  if (time.count() <= 0 || waiter_(channel, time)) return {};
  return fail(Errc::Closed, "closed");
}

Result<Answer> Monitor::conclude(const FileDescriptor& channel, Result<auth::Identity> identity) {
  if (identity) {
    if (auto objection = objection_to(*identity)) identity = fail(std::move(*objection));
  }
  const auto now = counters::boot_time();
  if (identity) {
    delay_.succeeded(now);
    if (const auto full = take_place(*identity)) {
      last_reason_ = full->public_text;
      return Answer{false, full->code, full->public_text, ""};
    }
    identity_ = std::move(*identity);
    state_ = Verified;
    return Answer{true, Errc::Internal, identity_->user, ""};
  }
  const Error& error = identity.error();
  if (error.code == Errc::BadCredentials) {
    last_reason_ = "auth failed";
    delay_.failed(now);
    // Answered at a fixed time after the check began, however long it took (auth_failure_delay): a
    // name that does not exist, one with a dear hash and one with a cheap one look alike.
    const auto spent = since(checked_since_, clock_.monotonic());
    TRY(wait(channel, settings_.auth_failure_delay - spent));
  } else {
    delay_.abandoned(now);
    last_reason_ = error.code == Errc::Denied ? "user not allowed" : "internal failure";
    log::warning(service_ + "-login: " + error.log_text);
  }
  return Answer{false, error.code, error.public_text, ""};
}

Result<Monitor::Outcome> Monitor::handle_verify(const FileDescriptor& channel, Request& request) {
  const auto& asked = std::get<VerifyRequest>(request);
  if (!TRY(begin_attempt(asked.user, asked.method, asked.tls))) {
    return Outcome{{false, Errc::TooMany, "Too many attempts", ""}, {}, {}};
  }
  TRY(wait(channel, delay_.begin(account_of(settings_, asked.user), counters::boot_time())));
  checked_since_ = clock_.monotonic();
  auto identity = authenticator_.verify(
      {asked.user, asked.password, service_, peer_.address, asked.method, asked.tls});
  return Outcome {
    TRY(conclude(channel, std::move(identity)))
    , {}, {}
  };
}

// The salt is told to anybody, in no time; the proof is the guess, and it waits.
Result<Monitor::Outcome> Monitor::handle_begin_scram(const FileDescriptor& /*channel*/,
                                                     Request& request) {
  const auto& asked = std::get<BeginScramRequest>(request);
  if (!TRY(begin_attempt(asked.user, "SCRAM-SHA-256", asked.tls))) {
    return Outcome{{false, Errc::TooMany, "Too many attempts", ""}, {}, {}};
  }
  const auto first = authenticator_.begin_scram(
      {asked.user, asked.gs2_header, asked.nonce, asked.bare, service_, peer_.address, asked.tls});
  last_reason_ = "auth failed";
  if (!first) {
    if (first.error().code != Errc::Unsupported) {
      log::warning(service_ + "-login: " + first.error().log_text);
    }
    return Outcome{{false, first.error().code, first.error().public_text, ""}, {}, {}};
  }
  state_ = Proving;
  return Outcome{{true, Errc::Internal, "", *first}, {}, {}};
}

Result<Monitor::Outcome> Monitor::handle_finish_scram(const FileDescriptor& channel,
                                                      Request& request) {
  const auto& asked = std::get<FinishScramRequest>(request);
  state_ = Asking;  // one proof for one challenge
  TRY(wait(channel, delay_.begin(account_of(settings_, last_user_), counters::boot_time())));
  checked_since_ = clock_.monotonic();
  auto outcome = authenticator_.finish_scram({asked.proof, asked.extensions});
  Result<auth::Identity> identity = fail(Errc::Internal, "");
  std::string signature;
  if (outcome) {
    identity = std::move(outcome->identity);
    signature = std::move(outcome->server_signature);
  } else {
    identity = fail(std::move(outcome.error()));
  }
  Answer answer = TRY(conclude(channel, std::move(identity)));
  if (answer.ok) answer.scram = std::move(signature);
  return Outcome{std::move(answer), {}, {}};
}

// One handshake, one certificate, and only one of the names that were there from the start.
Result<Monitor::Outcome> Monitor::handle_certificate(const FileDescriptor& /*channel*/,
                                                     Request& request) {
  const auto number = std::get<CertificateRequest>(request).number;
  Outcome outcome;
  if (certificate_given_ || number >= settings_.tls_settings.named.size()) {
    outcome.answer = {false, Errc::Denied, "No such certificate", ""};
    return outcome;
  }
  certificate_given_ = true;
  const auto& named = settings_.tls_settings.named.at(number);
  auto packed = [&]() -> Result<FileDescriptor> {
    return pack_certificates(TRY(tls::read_certificates(named.certificates)));
  }();
  if (!packed) {
    log::error(service_ + "-login: certificate of " + named.name + ": " + packed.error().log_text);
    outcome.answer = {false, packed.error().code, "see the monitor's log line", ""};
    return outcome;
  }
  outcome.attached = std::move(*packed);
  outcome.answer.ok = true;
  return outcome;
}

// A session is made for the one whose password was right, and for nobody else.
Result<Monitor::Outcome> Monitor::handle_become(const FileDescriptor& /*channel*/,
                                                Request& request) {
  auto& become = std::get<BecomeRequest>(request);
  Outcome outcome;
  if (become.tls) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, static_cast<int*>(ends)) != 0) {
      return fail(sys::error_from_errno(errno, "socketpair", "session"));
    }
    pipe_ = FileDescriptor(ends[0]);
    outcome.attached = FileDescriptor(ends[1]);
  }
  outcome.answer = {true, Errc::Internal, identity_->user, ""};
  log_login(become);
  HandOver record;
  record.identity = *identity_;
  record.login_name = std::move(become.login_name);
  record.unread = std::move(become.unread);
  record.tag = std::move(become.tag);
  record.peer = peer_;
  record.tls = become.tls;
  record.tls_description = std::move(become.tls_description);
  record.configuration = settings_.configuration;
  outcome.session = std::move(record);
  return outcome;
}

void Monitor::log_login(const BecomeRequest& request) const {
  log::info(service_ + "-login: Login: " + quote_name(identity_->user) +
            ", method=" + log::escape(last_method_) + ", " + addresses(peer_) +
            ", mpid=" + std::to_string(::getpid()) + protection(request.tls, peer_));
}

void Monitor::log_end() const {
  if (service_ == "smtp") return;  // its session writes its own lines
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.monotonic() - begin_).count();
  const std::string in = " in " + std::to_string(seconds) + " secs)";
  if (attempts_ == 0) {
    log::info(service_ + "-login: Disconnected (no auth attempts" + in + ": user=<>, " +
              addresses(peer_) + protection(last_tls_, peer_));
    return;
  }
  const std::string why = identity_ ? std::string("session not started") : last_reason_;
  log::info(service_ + "-login: Disconnected (" + why + ", " + std::to_string(attempts_) +
            " attempts" + in + ": " + quote_name(last_user_) + ", method=" +
            log::escape(last_method_) + ", " + addresses(peer_) + protection(last_tls_, peer_));
}

}  // namespace mail::login
