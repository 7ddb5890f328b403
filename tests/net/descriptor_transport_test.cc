#include "libmail/net/descriptor_transport.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "libmail/base/file_descriptor.h"
#include "libmail/net/signals.h"

namespace mail::net {
namespace {

class DescriptorTransportTest : public ::testing::Test {
 protected:
  DescriptorTransportTest() {
    install_signal_handlers();  // a closed peer is an error, not a signal
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, both), 0);
    ours_ = FileDescriptor(both[0]);
    theirs_ = FileDescriptor(both[1]);
  }
  static MonotonicTime in(std::chrono::milliseconds time) {
    return std::chrono::steady_clock::now() + time;
  }
  void send(std::string_view text) {
    ASSERT_EQ(::write(theirs_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  FileDescriptor ours_, theirs_;
};

TEST_F(DescriptorTransportTest, ReadsWhatIsThereAndTellsTheEnd) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  send("EHLO x\r\n");
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(5))).value(), "EHLO x\r\n");
  theirs_.reset();
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(5))).value(), "");
  const auto written = io.write_all("x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::Closed);
}

TEST_F(DescriptorTransportTest, MissedDeadlineIsATimeout) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  const auto read = io.read_some(in(std::chrono::milliseconds(20)));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::Timeout);
}

TEST_F(DescriptorTransportTest, APeerThatTakesNothingTimesOut) {
  DescriptorTransport::Settings settings;
  settings.write_timeout = std::chrono::milliseconds(30);
  DescriptorTransport io(ours_.get(), ours_.get(), settings);
  const auto written = io.write_all(std::string(8U << 20U, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::Timeout);
}

TEST_F(DescriptorTransportTest, HandedOverOctetsComeFirst) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  io.unread("first");
  send("second");
  EXPECT_EQ(io.wait(-1, in(std::chrono::seconds(5))).value(), Woken::Input);
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(5))).value(), "first");
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(5))).value(), "second");
}

TEST_F(DescriptorTransportTest, WaitsForPeerEventOrTime) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  EXPECT_EQ(io.wait(-1, in(std::chrono::milliseconds(10))).value(), Woken::Time);
  int event[2];
  ASSERT_EQ(::pipe(event), 0);
  const FileDescriptor reading(event[0]), writing(event[1]);
  ASSERT_EQ(::write(writing.get(), "x", 1), 1);
  EXPECT_EQ(io.wait(reading.get(), in(std::chrono::seconds(5))).value(), Woken::Event);
}

// However close to the wait it comes: a signal just before poll() was slept over.
TEST_F(DescriptorTransportTest, SigtermIsNeverMissed) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  const pthread_t us = ::pthread_self();
  for (int i = 0; i < 500; ++i) {
    forget_termination();
    std::atomic<bool> goes{false};
    std::thread killer([&] {
      while (!goes) {
      }
      for (std::atomic<int> spin{0}; spin < i * 7; ++spin) {
      }
      ::pthread_kill(us, SIGTERM);
    });
    goes = true;
    const auto read = io.read_some(in(std::chrono::seconds(3)));
    killer.join();
    ASSERT_FALSE(read);
    ASSERT_EQ(read.error().code, Errc::InUse) << "round " << i;
  }
  forget_termination();
}

// A reply is written to its end; the farewell comes behind it.
TEST_F(DescriptorTransportTest, SigtermDoesNotCutWhatIsWritten) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  const pthread_t us = ::pthread_self();
  constexpr std::size_t kSize = 4U << 20U;
  std::size_t got = 0;
  std::thread peer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));  // it writes, and waits
    ::pthread_kill(us, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    std::string buffer(1U << 16U, '\0');
    while (got < kSize) {
      const auto more = ::read(theirs_.get(), buffer.data(), buffer.size());
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
  });
  const auto written = io.write_all(std::string(kSize, 'x'));
  if (!written) ours_.reset();
  peer.join();
  EXPECT_TRUE(written);
  EXPECT_EQ(got, kSize);
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(3))).error().code, Errc::InUse);
  forget_termination();
}

// A client may have the time to hear what became of its message.
TEST_F(DescriptorTransportTest, SigtermLeavesSomeGrace) {
  DescriptorTransport::Settings settings;
  settings.termination_grace = std::chrono::milliseconds(300);
  DescriptorTransport io(ours_.get(), ours_.get(), settings);
  const pthread_t us = ::pthread_self();
  std::thread peer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ::pthread_kill(us, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ASSERT_EQ(::write(theirs_.get(), "250 taken", 9), 9);
  });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(3))).value(), "250 taken");
  EXPECT_TRUE(termination_requested());
  // It is counted from the signal on, not from each read; a deadline before it still counts.
  EXPECT_EQ(io.read_some(in(std::chrono::milliseconds(20))).error().code, Errc::Timeout);
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(3))).error().code, Errc::InUse);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  EXPECT_EQ(io.read_some(in(std::chrono::seconds(3))).error().code, Errc::InUse);
  peer.join();
  forget_termination();
}

// Reset before anybody looked: neither a pipe of this machine nor who the environment says.
TEST(PeerOf, AResetConnectionIsNotLocal) {
  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM, 0));
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const plain = reinterpret_cast<::sockaddr*>(&address);
  ::socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), plain, size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), plain, &size), 0);
  FileDescriptor client(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::connect(client.get(), plain, size), 0);
  const FileDescriptor server(::accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(peer_of(server.get()).address, "127.0.0.1");
  const ::linger at_once{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.reset();
  ::setenv("TCPREMOTEIP", "192.168.10.30", 1);
  const Peer peer = peer_of(server.get());
  ::unsetenv("TCPREMOTEIP");
  EXPECT_EQ(peer.address, "0.0.0.0");
  EXPECT_FALSE(peer.is_loopback());
}

TEST_F(DescriptorTransportTest, WithoutTlsThereIsNone) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  EXPECT_EQ(io.start_tls().error().code, Errc::Unsupported);
  EXPECT_FALSE(io.is_tls());
}

}  // namespace
}  // namespace mail::net
