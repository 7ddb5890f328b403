#include "libmail/login/monitor_messages.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>

#include "libmail/auth/sasl.h"
#include "libmail/base/sys.h"
#include "libmail/login/fields.h"

namespace mail::login {
namespace {

template <class... Handlers>
struct Visitor : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Visitor(Handlers...) -> Visitor<Handlers...>;

FieldWriter begin(RequestKind kind, bool tls) {
  FieldWriter out;
  out.number(static_cast<std::uint32_t>(kind));
  out.number(tls ? 1 : 0);
  return out;
}

// A text and its field.
struct Field {
  std::string_view text;
  std::size_t capacity;
};
Result<void> put(FieldWriter& out, std::initializer_list<Field> fields) {
  for (const auto& field : fields) {
    if (field.text.size() > field.capacity) return fail(Errc::TooLarge, "Too long");
    out.fixed(field.text, field.capacity);
  }
  return {};
}

Result<std::string> write(const VerifyRequest& request) {
  FieldWriter out = begin(RequestKind::Verify, request.tls);
  TRY(put(out, {{request.user, kMaxName},
                {request.password, auth::kMaxPasswordOctets},
                {request.method, kMaxMethod}}));
  return std::move(out.octets());
}

Result<std::string> write(const BecomeRequest& request) {
  if (request.unread.size() > kMaxUnread) return fail(Errc::TooLarge, "Too much pipelined");
  FieldWriter out = begin(RequestKind::BecomeSession, request.tls);
  TRY(put(out, {{request.login_name, kMaxName},
                {request.tag, kMaxTag},
                {request.tls_description, kMaxTlsDescription}}));
  out.text(request.unread);
  return std::move(out.octets());
}

Result<std::string> write(const BeginScramRequest& request) {
  FieldWriter out = begin(RequestKind::BeginScram, request.tls);
  TRY(put(out, {{request.user, kMaxName},
                {request.gs2_header, auth::kMaxScramPart},
                {request.nonce, auth::kMaxScramNonce},
                {request.bare, auth::kMaxScramPart}}));
  return std::move(out.octets());
}

Result<std::string> write(const FinishScramRequest& request) {
  FieldWriter out = begin(RequestKind::FinishScram, false);
  TRY(put(out,
          {{request.proof, auth::kScramProof}, {request.extensions, auth::kMaxScramExtensions}}));
  return std::move(out.octets());
}

Result<std::string> write(const CertificateRequest& request) {
  FieldWriter out = begin(RequestKind::Certificate, false);
  out.number(request.number);
  return std::move(out.octets());
}

Result<Request> read_verify(FieldReader& in, bool tls) {
  VerifyRequest request;
  request.tls = tls;
  request.user = TRY(in.fixed(kMaxName));
  request.password = TRY(in.fixed(auth::kMaxPasswordOctets));
  request.method = TRY(in.fixed(kMaxMethod));
  return Request(std::move(request));
}

Result<Request> read_become(FieldReader& in, bool tls) {
  BecomeRequest request;
  request.tls = tls;
  request.login_name = TRY(in.fixed(kMaxName));
  request.tag = TRY(in.fixed(kMaxTag));
  request.tls_description = TRY(in.fixed(kMaxTlsDescription));
  request.unread = TRY(in.text(kMaxUnread));
  return Request(std::move(request));
}

Result<Request> read_begin_scram(FieldReader& in, bool tls) {
  BeginScramRequest request;
  request.tls = tls;
  request.user = TRY(in.fixed(kMaxName));
  request.gs2_header = TRY(in.fixed(auth::kMaxScramPart));
  request.nonce = TRY(in.fixed(auth::kMaxScramNonce));
  request.bare = TRY(in.fixed(auth::kMaxScramPart));
  return Request(std::move(request));
}

Result<Request> read_finish_scram(FieldReader& in, bool /*tls*/) {
  FinishScramRequest request;
  request.proof = TRY(in.fixed(auth::kScramProof));
  request.extensions = TRY(in.fixed(auth::kMaxScramExtensions));
  return Request(std::move(request));
}

Result<Request> read_certificate(FieldReader& in, bool /*tls*/) {
  return Request(CertificateRequest { TRY(in.number()) });
}

struct Reader {
  RequestKind kind;
  Result<Request> (*read)(FieldReader&, bool tls);
};
constexpr auto kReaders = std::to_array<Reader>({
    {RequestKind::Verify, read_verify},
    {RequestKind::BecomeSession, read_become},
    {RequestKind::Certificate, read_certificate},
    {RequestKind::BeginScram, read_begin_scram},
    {RequestKind::FinishScram, read_finish_scram},
});
static_assert(kReaders.size() == kRequests.size());

}  // namespace

Result<std::string> serialize(const Request& request) {
  return std::visit([](const auto& typed) { return write(typed); }, request);
}

std::string serialize(const Answer& answer) {
  FieldWriter out;
  out.number(answer.ok ? 1 : 0);
  out.number(static_cast<std::uint32_t>(answer.code));
  out.fixed(answer.text, kMaxAnswerText);
  out.fixed(answer.scram, kMaxAnswerText);
  return std::move(out.octets());
}

Result<Request> parse_request(std::string_view octets) {
  const auto refuse = [] {
    return fail(Errc::Corrupt, "no such request", "monitor: a request that is not in the table");
  };
  FieldReader in(octets);
  const auto kind = in.number();
  const auto tls = in.flag();
  if (!kind || !tls) return refuse();
  for (const auto& form : kRequests) {
    if (static_cast<std::uint32_t>(form.kind) != *kind) continue;
    const bool fits = form.has_tail ? octets.size() >= form.octets : octets.size() == form.octets;
    if (!fits) return refuse();
    for (const auto& reader : kReaders) {
      if (reader.kind != form.kind) continue;
      auto request = reader.read(in, *tls);
      if (!request || !in.end()) return refuse();
      return request;
    }
  }
  return refuse();
}

Result<Answer> parse_answer(std::string_view octets) {
  FieldReader in(octets);
  Answer answer;
  answer.ok = TRY(in.flag());
  const auto code = TRY(in.number());
  if (code > static_cast<std::uint32_t>(Errc::Internal)) return fail(Errc::Corrupt, "bad answer");
  answer.code = static_cast<Errc>(code);
  answer.text = TRY(in.fixed(kMaxAnswerText));
  answer.scram = TRY(in.fixed(kMaxAnswerText));
  TRY(in.end());
  return answer;
}

RequestKind kind_of(const Request& request) {
  return std::visit(Visitor{
                        [](const VerifyRequest&) { return RequestKind::Verify; },
                        [](const BecomeRequest&) { return RequestKind::BecomeSession; },
                        [](const CertificateRequest&) { return RequestKind::Certificate; },
                        [](const BeginScramRequest&) { return RequestKind::BeginScram; },
                        [](const FinishScramRequest&) { return RequestKind::FinishScram; },
                    },
                    request);
}

void wipe_secrets(Request& request) {
  if (auto* verify = std::get_if<VerifyRequest>(&request)) auth::wipe(verify->password);
}

Result<void> send_packet(const FileDescriptor& channel, std::string_view octets,
                         const FileDescriptor& attached) {
  if (octets.size() > kMaxMessage) return fail(Errc::TooLarge, "too much pipelined");
  ::iovec part{const_cast<char*>(octets.data()), octets.size()};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (attached.is_open()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = attached.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(channel.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail(sys::error_from_errno(errno, "sendmsg", "monitor's channel"));
  return {};
}

Result<std::string> receive_packet(const FileDescriptor& channel, FileDescriptor* attached) {
  // Not zeroed first: most packets are small, and each page touched costs a fault.
  const auto room = std::make_unique_for_overwrite<char[]>(kMaxMessage);
  ::iovec part{room.get(), kMaxMessage};
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (attached != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_LEN(sizeof(int));  // the array's alignment has room for two
  }
  ssize_t got = 0;
  do {
    got = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(sys::error_from_errno(errno, "recvmsg", "monitor's channel"));
  if (got == 0) return fail(Errc::Closed, "closed");
  if (const auto* header = attached != nullptr ? CMSG_FIRSTHDR(&message) : nullptr;
      header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    *attached = FileDescriptor(fd);
  }
  if ((message.msg_flags & (MSG_TRUNC | (attached != nullptr ? MSG_CTRUNC : 0))) != 0)
    return fail(Errc::TooLarge, "packet too long");
  const std::span<char> packet(room.get(), static_cast<std::size_t>(got));
  std::string octets(packet.begin(), packet.end());
  ::explicit_bzero(packet.data(), packet.size());  // perhaps a password
  return octets;
}

}  // namespace mail::login
