#include "libmail/login/monitor_client.h"

#include "libmail/auth/sasl.h"
#include "libmail/login/certificates.h"

namespace mail::login {
namespace {

// What a client has sent was too long for any account of ours, or the monitor is not there.
Error to_login_error(const Error& cause) {
  if (cause.code == Errc::TooLarge) {
    return make_error(Errc::BadCredentials, "Authentication failed", cause.log_text);
  }
  return make_error(Errc::Unavailable, EnhancedStatus{4, 3, 0},
                    "Authentication is not available now", cause.log_text);
}

}  // namespace

Result<Answer> MonitorClient::ask(Request request, FileDescriptor* attached) {
  auto octets = serialize(request);
  wipe_secrets(request);
  if (!octets) return fail(octets.error());
  const auto sent = send_packet(channel_, *octets);
  auth::wipe(*octets);
  if (!sent) return fail(sent.error());
  const auto packet = TRY(receive_packet(channel_, attached));
  return parse_answer(packet);
}

Result<auth::Identity> MonitorClient::verify(const auth::Attempt& attempt) {
  const auto answer = ask(VerifyRequest{std::string(attempt.user), std::string(attempt.password),
                                        std::string(attempt.method), attempt.tls});
  if (!answer) return fail(to_login_error(answer.error()));
  if (!answer->ok) return fail(answer->code, answer->text);
  auth::Identity identity;
  identity.user = answer->text;
  return identity;
}

Result<std::string> MonitorClient::begin_scram(const auth::ScramFirst& first) {
  const auto answer =
      ask(BeginScramRequest{std::string(first.user), std::string(first.gs2_header),
                            std::string(first.nonce), std::string(first.bare), first.tls});
  if (!answer) return fail(to_login_error(answer.error()));
  if (!answer->ok) return fail(answer->code, answer->text);
  return answer->scram;
}

Result<auth::ScramOutcome> MonitorClient::finish_scram(const auth::ScramFinal& final) {
  const auto answer =
      ask(FinishScramRequest{std::string(final.proof), std::string(final.extensions)});
  if (!answer) return fail(to_login_error(answer.error()));
  if (!answer->ok) return fail(answer->code, answer->text);
  auth::ScramOutcome outcome;
  outcome.identity.user = answer->text;
  outcome.server_signature = answer->scram;
  return outcome;
}

Result<FileDescriptor> MonitorClient::become_session(const BecomeRequest& request) {
  FileDescriptor pipe;
  const auto answer = TRY(ask(request, &pipe));
  if (!answer.ok) return fail(answer.code, answer.text);
  if (request.tls && !pipe.is_open()) return fail(Errc::Internal, "monitor sent no descriptor");
  return pipe;
}

Result<std::vector<tls::Pem>> MonitorClient::certificate(std::size_t number) {
  FileDescriptor record;
  const auto answer = TRY(ask(CertificateRequest{static_cast<std::uint32_t>(number)}, &record));
  if (!answer.ok) return fail(answer.code, answer.text);
  if (!record.is_open()) return fail(Errc::Internal, "monitor sent no descriptor");
  return unpack_certificates(record);
}

}  // namespace mail::login
