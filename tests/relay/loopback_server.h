// A small SMTP server on loopback, one connection after the other.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/file_descriptor.h"

namespace mail::relay::test {

class LoopbackServer {
 public:
  // The reply to a command (without CRLF), "" to close without one. "" as command is the greeting,
  // "." the end of a message.
  using Answer = std::function<std::string(const std::string& command)>;
  explicit LoopbackServer(Answer answer) : answer_(std::move(answer)) {
    ::sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof here;
    auto* address = reinterpret_cast<::sockaddr*>(&here);
    listener_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listener_.get(), address, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 5), 0);
    EXPECT_EQ(::getsockname(listener_.get(), address, &size), 0);
    port_ = ntohs(here.sin_port);
    EXPECT_EQ(::pipe(stop_), 0);
    thread_ = std::thread([this] { run(); });
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
  }

  // What a server that takes everything says.
  static std::string take(const std::string& command) {
    if (command.empty()) return "220 x ESMTP";
    if (ascii::istarts_with(command, "DATA")) return "354 go";
    if (ascii::istarts_with(command, "QUIT")) return "221 bye";
    return command == "." ? "250 2.0.0 taken" : "250 ok";
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string destination() const { return "[127.0.0.1]:" + std::to_string(port_); }
  [[nodiscard]] std::vector<std::string> commands() const {
    const std::lock_guard guard(mutex_);
    return commands_;
  }
  [[nodiscard]] std::size_t count(const std::string& prefix) const {
    std::size_t found = 0;
    for (const auto& one : commands()) found += one.starts_with(prefix) ? 1 : 0;
    return found;
  }

 private:
  void run() {
    for (;;) {
      ::pollfd waits[] = {{stop_[0], POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      if (::poll(waits, 2, -1) < 0 || waits[0].revents != 0) return;
      serve(FileDescriptor(::accept(listener_.get(), nullptr, nullptr)));
    }
  }
  bool say(const FileDescriptor& peer, const std::string& command) {
    {
      const std::lock_guard guard(mutex_);
      if (!command.empty()) commands_.push_back(command);
    }
    const std::string reply = answer_(command);
    if (reply.empty()) return false;
    in_data_ = reply.starts_with("354");
    const std::string line = reply + "\r\n";
    return ::send(peer.get(), line.data(), line.size(), MSG_NOSIGNAL) > 0 &&
           !reply.starts_with("221");
  }
  void serve(const FileDescriptor& peer) {
    in_data_ = false;
    std::string unread;
    if (!say(peer, "")) return;
    for (;;) {
      ::pollfd waits[] = {{stop_[0], POLLIN, 0}, {peer.get(), POLLIN, 0}};
      if (::poll(waits, 2, -1) < 0 || waits[0].revents != 0) return;
      char buffer[4096];
      const auto got = ::recv(peer.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return;
      unread.append(buffer, static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = unread.find("\r\n")) != std::string::npos;) {
        const std::string line = unread.substr(0, end);
        unread.erase(0, end + 2);
        if (in_data_ && line != ".") continue;
        if (!say(peer, line)) return;
      }
    }
  }

  Answer answer_;
  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  int stop_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<std::string> commands_;
  bool in_data_ = false;
  std::thread thread_;
};

}  // namespace mail::relay::test
