#include "libmail/login/monitor_messages.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "libmail/auth/sasl.h"
#include "libmail/base/sys.h"
#include "libmail/login/fields.h"

namespace mail::login {
namespace {
constexpr std::size_t kMaxName = 1024;
constexpr std::size_t kMaxText = 4096;
}  // namespace

std::string serialize(const VerifyRequest& request) {
  FieldWriter out;
  out.number(static_cast<std::uint32_t>(RequestKind::Verify));
  out.number(request.tls ? 1 : 0);
  out.text(request.user);
  out.text(request.password);
  out.text(request.method);
  return std::move(out.octets());
}

std::string serialize(const BecomeRequest& request) {
  FieldWriter out;
  out.number(static_cast<std::uint32_t>(RequestKind::BecomeSession));
  out.number(request.tls ? 1 : 0);
  out.text(request.login_name);
  out.text(request.tag);
  out.text(request.tls_description);
  out.text(request.unread);
  return std::move(out.octets());
}

std::string serialize(const CertificateRequest& request) {
  FieldWriter out;
  out.number(static_cast<std::uint32_t>(RequestKind::Certificate));
  out.number(request.number);
  return std::move(out.octets());
}

std::string serialize(const Answer& answer) {
  FieldWriter out;
  out.number(answer.ok ? 1 : 0);
  out.number(static_cast<std::uint32_t>(answer.code));
  out.text(answer.text);
  return std::move(out.octets());
}

Result<Request> parse_request(std::string_view octets) {
  FieldReader in(octets);
  Request request;
  const auto kind = TRY(in.number());
  const auto number = TRY(in.number());
  const bool tls = number != 0;
  if (kind == static_cast<std::uint32_t>(RequestKind::Verify)) {
    request.verify.tls = tls;
    request.verify.user = TRY(in.text(kMaxName));
    request.verify.password = TRY(in.text(auth::kMaxPasswordOctets));
    request.verify.method = TRY(in.text(kMaxName));
  } else if (kind == static_cast<std::uint32_t>(RequestKind::BecomeSession)) {
    request.kind = RequestKind::BecomeSession;
    request.become.tls = tls;
    request.become.login_name = TRY(in.text(kMaxName));
    request.become.tag = TRY(in.text(kMaxText));
    request.become.tls_description = TRY(in.text(kMaxText));
    request.become.unread = TRY(in.text(kMaxUnread));
  } else if (kind == static_cast<std::uint32_t>(RequestKind::Certificate)) {
    request.kind = RequestKind::Certificate;
    request.certificate.number = number;
  } else {
    return fail(Errc::Corrupt, "no such request", "monitor: request not in the table");
  }
  TRY(in.end());
  return request;
}

Result<Answer> parse_answer(std::string_view octets) {
  FieldReader in(octets);
  Answer answer;
  answer.ok = TRY(in.number())
  != 0;
  const auto code = TRY(in.number());
  if (code > static_cast<std::uint32_t>(Errc::Internal)) return fail(Errc::Corrupt, "bad answer");
  answer.code = static_cast<Errc>(code);
  answer.text = TRY(in.text(kMaxText));
  TRY(in.end());
  return answer;
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
  std::string octets(kMaxMessage, '\0');
  ::iovec part{octets.data(), octets.size()};
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (attached != nullptr) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
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
  if ((message.msg_flags & MSG_TRUNC) != 0) return fail(Errc::TooLarge, "packet too long");
  octets.resize(static_cast<std::size_t>(got));
  return octets;
}

}  // namespace mail::login
