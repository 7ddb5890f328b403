#include "libmail/login/pump.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

namespace mail::login {
namespace {

constexpr std::size_t kPiece = 16U << 10U;  // octets; one TLS record

class Pump {
 public:
  Pump(net::Transport& client, int session) : client_(client), session_(session) {}

  void run() {
    while (is_open_) {
      if (to_session_.empty() && !client_closed_) {
        wait_for_either();
      } else {
        wait_for_session();
      }
    }
  }

 private:
  void wait_for_either() {
    const auto far = std::chrono::steady_clock::now() + std::chrono::hours{24};
    const auto woken = client_.wait(session_, far);
    if (!woken) {
      is_open_ = false;
    } else if (*woken == net::Woken::Input) {
      read_client();
    } else if (*woken == net::Woken::Event) {
      read_session();
    }
  }

  // Octets wait for the session, which may itself be waiting for us to take its output: whichever
  // goes, goes.
  void wait_for_session() {
    ::pollfd one{session_, POLLIN, 0};
    if (!to_session_.empty()) one.events |= POLLOUT;
    if (::poll(&one, 1, -1) < 0) {
      is_open_ = errno == EINTR;
      return;
    }
    if ((one.revents & POLLOUT) != 0) write_session();
    if ((one.revents & (POLLIN | POLLHUP | POLLERR)) != 0) read_session();
  }

  void read_client() {
    // Readable may mean half a TLS record: then there is nothing yet.
    const auto octets = client_.read_some(std::chrono::steady_clock::now());
    if (octets && !octets->empty()) {
      to_session_ = *octets;
      return;
    }
    if (!octets && (octets.error().code == Errc::Timeout || octets.error().code == Errc::InUse)) {
      return;
    }
    client_closed_ = true;
    ::shutdown(session_, SHUT_WR);  // the session reads the end and ends
  }

  void write_session() {
    const ssize_t put =
        ::send(session_, to_session_.data(), to_session_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put >= 0) {
      to_session_.erase(0, static_cast<std::size_t>(put));
    } else if (errno != EAGAIN && errno != EINTR) {
      to_session_.clear();  // it listens no more, but its last words may still be in the pair
      client_closed_ = true;
    }
  }

  void read_session() {
    const ssize_t got = ::recv(session_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got > 0) {
      const auto sent = client_.write_all({buffer_.data(), static_cast<std::size_t>(got)});
      if (!sent) is_open_ = false;
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      is_open_ = false;
    }
  }

  net::Transport& client_;
  int session_;
  bool is_open_ = true;
  bool client_closed_ = false;
  std::string to_session_;
  std::array<char, kPiece> buffer_{};
};

}  // namespace

void pump(net::Transport& client, const FileDescriptor& session) {
  Pump(client, session.get()).run();
}

}  // namespace mail::login
