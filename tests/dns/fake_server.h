// A name server on loopback that answers as told, by UDP and TCP.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/sys.h"
#include "tests/dns/octets.h"

namespace mail::dns::test {

class FakeServer {
 public:
  // An answer for each "name TYPE"; none: NXDOMAIN. `by_tcp` for those that differ over TCP.
  using Answers = std::map<std::string, Made>;
  explicit FakeServer(Answers by_udp, Answers by_tcp = {})
      : by_udp_(std::move(by_udp)), by_tcp_(std::move(by_tcp)) {
    ::sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<::sockaddr*>(&here);
    // UDP takes any free port; TCP must have the same one, which another may hold: try anew then.
    for (int tries = 0; tries < 20; ++tries) {
      here.sin_port = 0;
      udp_ = FileDescriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      tcp_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ::socklen_t size = sizeof here;
      EXPECT_EQ(::bind(udp_.get(), address, size), 0);
      EXPECT_EQ(::getsockname(udp_.get(), address, &size), 0);
      if (::bind(tcp_.get(), address, size) == 0 && ::listen(tcp_.get(), 5) == 0) break;
    }
    port_ = ntohs(here.sin_port);
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int asked() const { return asked_; }
  [[nodiscard]] int asked_by_tcp() const { return asked_by_tcp_; }

 private:
  std::string answer(std::string_view query, const Answers& answers) {
    ++asked_;
    // Read with the parser under test, as if the query were an answer.
    std::string as_answer(query);
    as_answer.replace(2, 2, u16(0x8000));
    as_answer.replace(6, 6, std::string(6, '\0'));
    const auto parsed = parse_answer(as_answer);
    EXPECT_TRUE(parsed);
    const std::size_t type_at = kQuestionAt + name(parsed->question).size();
    Made made;
    made.type = static_cast<Type>(static_cast<unsigned char>(query[type_at]) << 8U |
                                  static_cast<unsigned char>(query[type_at + 1]));
    made.rcode = 3;
    const auto key = parsed->question + ' ' + std::to_string(static_cast<unsigned>(made.type));
    if (const auto found = answers.find(key); found != answers.end()) {
      const Type asked_type = made.type;
      made = found->second;
      made.type = asked_type;
    }
    made.question = parsed->question;
    made.id = static_cast<unsigned>(static_cast<unsigned char>(query[0]) << 8U |
                                    static_cast<unsigned char>(query[1]));
    return message(made);
  }

  void run() {
    for (;;) {
      ::pollfd waits[] = {{stop_[0], POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
      if (::poll(waits, 3, -1) < 0 || waits[0].revents != 0) return;
      char buffer[4096];
      if (waits[1].revents != 0) {
        ::sockaddr_in from{};
        ::socklen_t size = sizeof from;
        auto* peer = reinterpret_cast<::sockaddr*>(&from);
        const auto got = ::recvfrom(udp_.get(), buffer, sizeof buffer, 0, peer, &size);
        if (got <= 0) continue;
        const auto octets = answer({buffer, static_cast<std::size_t>(got)}, by_udp_);
        ::sendto(udp_.get(), octets.data(), octets.size(), 0, peer, size);
      }
      if (waits[2].revents != 0) {
        const FileDescriptor peer(::accept(tcp_.get(), nullptr, nullptr));
        std::size_t have = 0;
        while (have < 2 || have < 2U + static_cast<unsigned char>(buffer[1])) {
          const auto got = ::recv(peer.get(), buffer + have, sizeof buffer - have, 0);
          if (got <= 0) break;
          have += static_cast<std::size_t>(got);
        }
        if (have <= 2) continue;
        ++asked_by_tcp_;
        const auto octets = answer({buffer + 2, have - 2}, by_tcp_);
        const auto framed = u16(static_cast<unsigned>(octets.size())) + octets;
        ::send(peer.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
  }

  Answers by_udp_, by_tcp_;
  FileDescriptor udp_, tcp_;
  std::uint16_t port_ = 0;
  int stop_[2] = {-1, -1};
  std::atomic<int> asked_{0}, asked_by_tcp_{0};
  std::thread thread_;
};

}  // namespace mail::dns::test
