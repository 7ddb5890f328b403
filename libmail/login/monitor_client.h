// MonitorClient: an Authenticator that asks the monitor at the other end of a channel. The identity
// it gives holds the account's name only: the one who asks has no use for uid and home.
// TooMany: the attempts of this connection are used up; say farewell, the monitor answers no more.
#pragma once

#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/login/monitor_messages.h"
#include "libmail/tls/certificates.h"

namespace mail::login {

class MonitorClient final : public auth::Authenticator {
 public:
  explicit MonitorClient(FileDescriptor channel) : channel_(std::move(channel)) {}
  Result<auth::Identity> verify(const auth::Attempt& attempt) override;
  Result<std::string> begin_scram(const auth::ScramFirst& first) override;
  Result<auth::ScramOutcome> finish_scram(const auth::ScramFinal& final) override;
  // Hands the connection over (fronts only). With TLS the descriptor is the session's other end, to
  // pump; otherwise it is closed.
  Result<FileDescriptor> become_session(const BecomeRequest& request);
  // The certificates and keys of a name (tls::Settings::named); once a connection.
  Result<std::vector<tls::Pem>> certificate(std::size_t number);

 private:
  Result<Answer> ask(Request request, FileDescriptor* attached = nullptr);
  FileDescriptor channel_;
};

}  // namespace mail::login
