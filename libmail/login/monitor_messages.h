// What may be asked of a monitor, and how it lies on the wire: one packet each way over a
// SOCK_SEQPACKET pair. A packet of each kind has one size (kRequests): numbers of 32 bits and texts
// in fields of fixed capacity, zeros behind them. Only BecomeSession has a tail, the octets that
// the client sent behind its login, whose length its head states and which nobody here looks at.
//
// The monitor knows peer and service itself and takes neither from the one who asks; names,
// passwords, SCRAM's parts and tags are opaque to it (DESIGN.md section 3). monitor.cc says when
// each may be asked and what is done.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::login {

inline constexpr std::size_t kMaxMessage = 160U << 10U;
inline constexpr std::size_t kMaxUnread = 128U << 10U;  // pipelined behind a login
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxMethod = 32;
inline constexpr std::size_t kMaxTag = 1024;
inline constexpr std::size_t kMaxTlsDescription = 255;
inline constexpr std::size_t kMaxAnswerText = 1024;

enum class RequestKind : std::uint32_t {
  Verify = 1,
  BecomeSession = 2,
  Certificate = 3,
  BeginScram = 4,
  FinishScram = 5,
};

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
struct BeginScramRequest {
  std::string user, gs2_header, nonce, bare;
  bool tls = false;
};
struct FinishScramRequest {
  std::string proof, extensions;
};
using Request = std::variant<VerifyRequest, BecomeRequest, CertificateRequest, BeginScramRequest,
                             FinishScramRequest>;

// The answer to each: an Error's code and public text; or the account's name (Verify,
// BecomeSession, FinishScram), and SCRAM's text: the server's first message, or its signature.
struct Answer {
  bool ok = false;
  Errc code = Errc::Internal;
  std::string text;
  std::string scram;
};

// One field of 32 bits each for kind, flag, and a text's length.
inline constexpr std::size_t kNumber = 4;
constexpr std::size_t field_octets(std::size_t capacity) { return kNumber + capacity; }

struct RequestForm {
  RequestKind kind;
  std::size_t octets;  // of the packet; of its head where there is a tail
  bool has_tail;
};
inline constexpr std::size_t kRequestHead = 2 * kNumber;  // kind, TLS or not
inline constexpr auto kRequests = std::to_array<RequestForm>({
    {RequestKind::Verify,
     kRequestHead + field_octets(kMaxName) + field_octets(auth::kMaxPasswordOctets) +
         field_octets(kMaxMethod),
     false},
    {RequestKind::BecomeSession,
     kRequestHead + field_octets(kMaxName) + field_octets(kMaxTag) +
         field_octets(kMaxTlsDescription) + kNumber,
     true},
    {RequestKind::Certificate, kRequestHead + kNumber, false},
    {RequestKind::BeginScram,
     kRequestHead + field_octets(kMaxName) + 2 * field_octets(auth::kMaxScramPart) +
         field_octets(auth::kMaxScramNonce),
     false},
    {RequestKind::FinishScram,
     kRequestHead + field_octets(auth::kScramProof) + field_octets(auth::kMaxScramExtensions),
     false},
});
inline constexpr std::size_t kAnswerOctets = 2 * kNumber + 2 * field_octets(kMaxAnswerText);

// TooLarge when a text does not fit its field; nothing is cut.
Result<std::string> serialize(const Request& request);
std::string serialize(const Answer& answer);             // public texts of ours are cut if need be
Result<Request> parse_request(std::string_view octets);  // Corrupt: not in the table
Result<Answer> parse_answer(std::string_view octets);

RequestKind kind_of(const Request& request);
// Overwrites the secrets in it.
void wipe_secrets(Request& request);

// One packet, with a descriptor when `attached` is open. Closed: the other side has gone.
Result<void> send_packet(const FileDescriptor& channel, std::string_view octets,
                         const FileDescriptor& attached = FileDescriptor());
Result<std::string> receive_packet(const FileDescriptor& channel,
                                   FileDescriptor* attached = nullptr);

}  // namespace mail::login
