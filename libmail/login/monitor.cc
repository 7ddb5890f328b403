#include "libmail/login/monitor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "libmail/auth/pam/pam_authenticator.h"
#include "libmail/auth/password_file.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/login/certificates.h"

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

}  // namespace

bool is_local(const net::Peer& peer) {
  return peer.address.empty() || peer.is_loopback() || peer.address == peer.local_address;
}

std::unique_ptr<auth::Authenticator> make_authenticator(const Settings& settings) {
  auth::LoginNames names{settings.domains};
  if (settings.passwd_file.empty()) {
    return std::make_unique<auth::pam::PamAuthenticator>(std::move(names));
  }
  return std::make_unique<auth::PasswordFile>(settings.passwd_file, std::move(names));
}

Monitor::Monitor(const Settings& settings, std::string service, net::Peer peer,
                 auth::Authenticator& authenticator, const Clock& clock)
    : settings_(settings),
      service_(std::move(service)),
      peer_(std::move(peer)),
      authenticator_(authenticator),
      clock_(clock),
      begin_(clock.monotonic()) {}

Result<std::optional<HandOver>> Monitor::serve(const FileDescriptor& channel,
                                               FileDescriptor& pipe) {
  for (;;) {
    auto packet = receive_packet(channel);
    if (!packet) {
      log_end();
      if (packet.error().code == Errc::Closed) return std::optional<HandOver>();
      return fail(packet.error());
    }
    auto request = parse_request(*packet);
    auth::wipe(*packet);
    if (!request) return fail(request.error());
    if (request->kind == RequestKind::Verify) {
      const Answer verdict = answer(request->verify);
      auth::wipe(request->verify.password);
      TRY(send_packet(channel, serialize(verdict)));
      continue;
    }
    if (request->kind == RequestKind::Certificate) {
      FileDescriptor record;
      const Answer verdict = answer(request->certificate, record);
      TRY(send_packet(channel, serialize(verdict), record));
      continue;
    }
    // A session is made for the one whose password was right, and for nobody else.
    if (!identity_) return fail(Errc::Denied, "no login", "monitor: asked for a session too early");
    auto& become = request->become;
    FileDescriptor theirs;
    if (become.tls) {
      int ends[2] = {-1, -1};
      if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, static_cast<int*>(ends)) != 0) {
        return fail(sys::error_from_errno(errno, "socketpair", "session"));
      }
      pipe = FileDescriptor(ends[0]);
      theirs = FileDescriptor(ends[1]);
    }
    TRY(send_packet(channel, serialize(Answer{true, Errc::Internal, identity_->user}), theirs));
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
    return std::optional<HandOver>(std::move(record));
  }
}

// One handshake, one certificate, and only one of the names that were there from the start.
Answer Monitor::answer(const CertificateRequest& request, FileDescriptor& record) {
  if (certificate_given_ || request.number >= settings_.tls_settings.named.size()) {
    return {false, Errc::Denied, "No such certificate"};
  }
  certificate_given_ = true;
  const auto& named = settings_.tls_settings.named[request.number];
  auto packed = [&]() -> Result<FileDescriptor> {
    return pack_certificates(TRY(tls::read_certificates(named.certificates)));
  }();
  if (!packed) {
    log::error(service_ + "-login: certificate of " + named.name + ": " + packed.error().log_text);
    return {false, packed.error().code, "see the monitor's log line"};
  }
  record = std::move(*packed);
  return {true, Errc::Internal, ""};
}

std::optional<Error> Monitor::objection_to(const auth::Identity& identity) const {
  // SMTP's AUTH makes nobody's process, so every account may use it but root.
  const unsigned first = service_ == "smtp" ? 1 : std::max(settings_.first_valid_uid, 1U);
  if (identity.uid >= first) return std::nullopt;
  return make_error(Errc::Denied, EnhancedStatus{5, 7, 0}, "Login is not allowed",
                    "user " + log::escape(identity.user) + ": uid " + std::to_string(identity.uid) +
                        " is below first_valid_uid (" + std::to_string(first) + ")");
}

Answer Monitor::answer(const VerifyRequest& request) {
  identity_.reset();
  last_user_ = request.user;
  last_method_ = request.method;
  last_tls_ = request.tls;
  if (attempts_ >= kMaxAttempts) return {false, Errc::Denied, "Too many attempts"};
  ++attempts_;
  auto identity = authenticator_.verify(
      {request.user, request.password, service_, peer_.address, request.method, request.tls});
  if (identity) {
    if (auto objection = objection_to(*identity)) identity = fail(std::move(*objection));
  }
  if (!identity) {
    const Error& error = identity.error();
    last_reason_ = error.code == Errc::BadCredentials ? "auth failed"
                   : error.code == Errc::Denied       ? "user not allowed"
                                                      : "internal failure";
    if (error.code != Errc::BadCredentials) log::warning(service_ + "-login: " + error.log_text);
    return {false, error.code, error.public_text};
  }
  identity_ = std::move(*identity);
  return {true, Errc::Internal, identity_->user};
}

void Monitor::log_login(const BecomeRequest& request) const {
  log::info(service_ + "-login: Login: user=<" + log::escape(identity_->user) +
            ">, method=" + log::escape(last_method_) + ", " + addresses(peer_) +
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
            " attempts" + in + ": user=<" + log::escape(last_user_) + ">, method=" +
            log::escape(last_method_) + ", " + addresses(peer_) + protection(last_tls_, peer_));
}

}  // namespace mail::login
