// Replies of an SMTP server: the parser alone, whole and cut; then a client that a server answers
// so, for which nothing may be lost.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/net/memory_transport.h"
#include "libmail/relay/client.h"

namespace {

using namespace mail;  // NOLINT(google-build-using-namespace)

std::vector<std::string> parse(std::string_view octets, std::size_t piece) {
  relay::ReplyParser parser;
  std::vector<std::string> all;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    parser.feed(octets.substr(at, piece));
    for (;;) {
      const auto reply = parser.next();
      if (!reply) {
        all.push_back(reply.error().public_text);
        return all;
      }
      if (!*reply) break;
      const auto& one = **reply;
      if (one.code < 200 || one.code > 599 || one.text.size() > relay::kMaxReplyText ||
          one.lines.empty() || one.lines.size() > relay::kMaxReplyLines ||
          (one.is_permanent() != (one.status.cls == 5))) {
        std::abort();
      }
      all.push_back(one.to_string() + ' ' + to_string(one.status));
    }
  }
  return all;
}

void talk(std::string_view octets) {
  net::MemoryTransport server;
  while (!octets.empty()) {
    const std::size_t line = std::min(octets.size(), octets.find('\n') + 1);
    server.send(std::string(octets.substr(0, line == 0 ? octets.size() : line)));
    octets.remove_prefix(line == 0 ? octets.size() : line);
  }
  const relay::Settings settings;
  const ManualClock clock;
  relay::Client client(server, settings, clock);
  if (const auto greeted = client.greet(); !greeted) {
    if (client.is_open()) std::abort();
    return;
  }
  relay::Message message;
  message.reverse_path = "ann@example.org";
  message.recipients = {"bob@example.net", "eve@example.net"};
  message.size = 6;
  message.read = [](std::uint64_t offset) -> Result<std::string> {
    return offset == 0 ? "Hello\n" : "";
  };
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(server.take_received());
    const auto results = client.send(message);
    const bool was_sent = server.received().find("Hello\r\n.\r\n") != std::string::npos;
    if (results.size() != 2) std::abort();
    for (const auto& one : results) {
      // Delivered, or not known, only when the message went out; final only by class 5.
      const bool after_dot =
          one.outcome == relay::Outcome::Sent || one.outcome == relay::Outcome::Unknown;
      if (after_dot && !was_sent) std::abort();
      if ((one.outcome == relay::Outcome::Failed) != (one.status.cls == 5)) std::abort();
      if ((one.outcome == relay::Outcome::Sent) != (one.status.cls == 2)) std::abort();
    }
  }
  client.quit();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets{reinterpret_cast<const char*>(data), size};
  const auto whole = parse(octets, size + 1);
  if (parse(octets, 1) != whole || parse(octets, 7) != whole) std::abort();
  talk(octets);
  return 0;
}
