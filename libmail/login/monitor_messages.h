// What may be asked of a monitor: the whole table. One packet each way over a SOCK_SEQPACKET pair,
// at most kMaxMessage octets. The monitor knows peer and service itself and takes neither from the
// one who asks; name, password, tag and unread octets are opaque to it (DESIGN.md section 3).
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::login {

inline constexpr std::size_t kMaxMessage = 160U << 10U;
inline constexpr std::size_t kMaxUnread = 128U << 10U;  // pipelined behind a login

enum class RequestKind : std::uint32_t { Verify = 1, BecomeSession = 2, Certificate = 3 };

struct VerifyRequest {
  std::string user, password, method;
  bool tls = false;
};
struct BecomeRequest {
  std::string login_name, tag, unread, tls_description;
  bool tls = false;
};
// The certificate that a client asks for by name (SNI): a number in the list of names that both
// sides have had from the start. The answer brings a descriptor with it (certificates.h).
struct CertificateRequest {
  std::uint32_t number = 0;
};
struct Request {
  RequestKind kind = RequestKind::Verify;
  VerifyRequest verify;
  BecomeRequest become;
  CertificateRequest certificate;
};

// The answer to each: an Error's code and public text, or the account's name.
struct Answer {
  bool ok = false;
  Errc code = Errc::Internal;
  std::string text;  // public text, or the account's name
};

std::string serialize(const VerifyRequest& request);
std::string serialize(const BecomeRequest& request);
std::string serialize(const CertificateRequest& request);
std::string serialize(const Answer& answer);
Result<Request> parse_request(std::string_view octets);  // Corrupt: not in the table
Result<Answer> parse_answer(std::string_view octets);

// One packet, with a descriptor when `attached` is open. Closed: the other side has gone.
Result<void> send_packet(const FileDescriptor& channel, std::string_view octets,
                         const FileDescriptor& attached = FileDescriptor());
Result<std::string> receive_packet(const FileDescriptor& channel,
                                   FileDescriptor* attached = nullptr);

}  // namespace mail::login
