#include "libmail/login/monitor_client.h"

#include "libmail/auth/sasl.h"
#include "libmail/login/certificates.h"

namespace mail::login {
namespace {
Error unavailable(const Error& cause) {
  return make_error(Errc::Unavailable, EnhancedStatus{4, 3, 0},
                    "Authentication is not available now", cause.log_text);
}
}  // namespace

Result<auth::Identity> MonitorClient::verify(const auth::Attempt& attempt) {
  VerifyRequest request{std::string(attempt.user), std::string(attempt.password),
                        std::string(attempt.method), attempt.tls};
  std::string octets = serialize(request);
  auth::wipe(request.password);
  const auto sent = send_packet(channel_, octets);
  auth::wipe(octets);
  if (!sent) return fail(unavailable(sent.error()));
  const auto packet = receive_packet(channel_);
  if (!packet) return fail(unavailable(packet.error()));
  const auto answer = TRY(parse_answer(*packet));
  if (!answer.ok) return fail(answer.code, answer.text);
  auth::Identity identity;
  identity.user = answer.text;
  return identity;
}

Result<FileDescriptor> MonitorClient::become_session(const BecomeRequest& request) {
  TRY(send_packet(channel_, serialize(request)));
  FileDescriptor pipe;
  const auto packet = TRY(receive_packet(channel_, &pipe));
  const auto answer = TRY(parse_answer(packet));
  if (!answer.ok) return fail(answer.code, answer.text);
  if (request.tls && !pipe.is_open()) return fail(Errc::Internal, "monitor sent no descriptor");
  return pipe;
}

Result<std::vector<tls::Pem>> MonitorClient::certificate(std::size_t number) {
  TRY(send_packet(channel_, serialize(CertificateRequest{static_cast<std::uint32_t>(number)})));
  FileDescriptor record;
  const auto packet = TRY(receive_packet(channel_, &record));
  const auto answer = TRY(parse_answer(packet));
  if (!answer.ok) return fail(answer.code, answer.text);
  if (!record.is_open()) return fail(Errc::Internal, "monitor sent no descriptor");
  return unpack_certificates(record);
}

}  // namespace mail::login
