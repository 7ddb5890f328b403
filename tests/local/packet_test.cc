#include "libmail/local/packet.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace mail::local {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class Packets : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "tubepost-packet-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ + "/deliver.sock";
    listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
    const auto* const name = reinterpret_cast<const sockaddr*>(&address);
    ASSERT_EQ(::bind(listener_.get(), name, sizeof address), 0);
    ASSERT_EQ(::listen(listener_.get(), 2), 0);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_, path_;
  FileDescriptor listener_;
};

TEST_F(Packets, AFullBacklogIsNotWaitedForWithoutEnd) {
  std::vector<FileDescriptor> waiting;
  const auto begin = steady_clock::now();
  auto connected = connect_packet_socket(path_, seconds(1));
  while (connected && waiting.size() < 10) {
    waiting.push_back(std::move(*connected));
    connected = connect_packet_socket(path_, seconds(1));
  }
  ASSERT_FALSE(connected) << waiting.size() << " were taken";
  EXPECT_EQ(connected.error().code, Errc::Unavailable);
  EXPECT_EQ(connected.error().log_text, "connect " + path_ + ": its backlog is full");
  EXPECT_GE(steady_clock::now() - begin, seconds(1)) << "it may become free";
  EXPECT_GE(waiting.size(), 2U);
  // One is taken.
  const FileDescriptor taken(::accept(listener_.get(), nullptr, nullptr));
  ASSERT_TRUE(taken.is_open());
  EXPECT_TRUE(connect_packet_socket(path_, seconds(1)));
}

TEST_F(Packets, TheLimitIsThatOfConnectingOnly) {
  const auto connected = connect_packet_socket(path_);
  ASSERT_TRUE(connected);
  ::timeval limit{1, 1};
  socklen_t size = sizeof limit;
  ASSERT_EQ(::getsockopt(connected->get(), SOL_SOCKET, SO_SNDTIMEO, &limit, &size), 0);
  EXPECT_EQ(limit.tv_sec, 0);
  EXPECT_EQ(limit.tv_usec, 0);
}

TEST_F(Packets, NobodyListens) {
  listener_.reset();
  const auto connected = connect_packet_socket(path_);
  ASSERT_FALSE(connected);
  EXPECT_EQ(connected.error().code, Errc::Unavailable);
}

}  // namespace
}  // namespace mail::local
