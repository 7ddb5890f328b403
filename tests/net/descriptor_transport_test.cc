#include "libmail/net/descriptor_transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

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

TEST_F(DescriptorTransportTest, WithoutTlsThereIsNone) {
  DescriptorTransport io(ours_.get(), ours_.get(), {});
  EXPECT_EQ(io.start_tls().error().code, Errc::Unsupported);
  EXPECT_FALSE(io.is_tls());
}

}  // namespace
}  // namespace mail::net
