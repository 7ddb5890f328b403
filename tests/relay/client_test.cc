// What a script cannot show of the client: writes that fail, replies before their time, deadlines.
#include "libmail/relay/client.h"

#include <gtest/gtest.h>

#include "libmail/net/memory_transport.h"

namespace mail::relay {
namespace {

// Replies are given one per read; writes fail from the one that holds `breaks_at` on.
class Server final : public net::Transport {
 public:
  std::deque<std::string> replies;
  std::string breaks_at;
  std::string received;
  std::vector<MonotonicTime> deadlines;

  Result<std::string_view> read_some(MonotonicTime deadline) override {
    deadlines.push_back(deadline);
    if (replies.empty()) return std::string_view();
    current_ = std::move(replies.front());
    replies.pop_front();
    return std::string_view(current_);
  }
  Result<void> write_all(std::string_view octets) override {
    broken_ = broken_ || (!breaks_at.empty() && octets.find(breaks_at) != std::string::npos);
    if (broken_) return fail(Errc::Io, "EPIPE");
    received += octets;
    return {};
  }
  Result<net::Woken> wait(int /*event_fd*/, MonotonicTime /*until*/) override {
    return net::Woken::Input;
  }
  Result<void> start_tls() override { return fail(Errc::Unsupported, "no TLS"); }
  [[nodiscard]] bool is_tls() const override { return false; }

 private:
  std::string current_;
  bool broken_ = false;
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    settings.myhostname = "mail.linuxprobe.com";
    message.reverse_path = "ann@linuxprobe.com";
    message.recipients = {"bob@peer.example"};
    message.read = [](std::uint64_t offset) -> Result<std::string> {
      return offset == 0 ? "Hello\n" : "";
    };
    server.replies = {"220 x\r\n",  "250 x\r\n",  "250 ok\r\n",
                      "250 ok\r\n", "354 go\r\n", "250 2.0.0 taken\r\n"};
  }
  RecipientResult send() {
    EXPECT_TRUE(client.greet());
    return client.send(message).at(0);
  }
  Server server;
  Settings settings;
  ManualClock clock;
  Message message;
  Client client{server, settings, clock};
};

TEST_F(ClientTest, AWriteThatFailsDefers) {
  for (const char* at : {"MAIL", "RCPT", "DATA", "Hello"}) {
    Server one;
    one.replies = server.replies;
    one.breaks_at = at;
    Client broken{one, settings, clock};
    ASSERT_TRUE(broken.greet());
    const auto result = broken.send(message).at(0);
    EXPECT_EQ(result.outcome, Outcome::Deferred) << at;
    EXPECT_EQ(to_string(result.status), "4.4.2") << at;
    EXPECT_FALSE(broken.is_open()) << at;
    // Nothing is said on a broken connection, and no QUIT.
    const std::string said = one.received;
    EXPECT_EQ(broken.send(message).at(0).outcome, Outcome::Deferred);
    broken.quit();
    EXPECT_EQ(one.received, said) << at;
  }
}

TEST_F(ClientTest, ALastDotThatWasNotWrittenIsNoUnknownOutcome) {
  server.breaks_at = "\r\n.\r\n";
  message.read = [](std::uint64_t offset) -> Result<std::string> {
    return offset == 0 ? "Hello" : "";
  };
  EXPECT_EQ(send().outcome, Outcome::Deferred);
}

// "250" before the message was sent would count for it: lost mail.
TEST_F(ClientTest, RepliesOutOfStepEndTheConnection) {
  server.replies = {"220 x\r\n", "250 x\r\n", "250 ok\r\n", "250 ok\r\n",
                    "354 go\r\n250 taken\r\n"};
  const auto result = send();
  EXPECT_EQ(result.outcome, Outcome::Deferred);
  EXPECT_EQ(result.text, "replies out of step while sending DATA");
  EXPECT_FALSE(client.is_open());
  EXPECT_EQ(server.received.find("Hello"), std::string::npos);
}

// RFC 5321 section 4.5.3.2: each stage has its own time.
TEST_F(ClientTest, Deadlines) {
  using std::chrono::seconds;
  settings.helo_timeout = seconds(1);
  settings.command_timeout = seconds(2);
  settings.final_timeout = seconds(3);
  EXPECT_EQ(send().outcome, Outcome::Sent);
  client.quit();
  const auto start = clock.monotonic();
  EXPECT_EQ(server.deadlines,
            (std::vector<MonotonicTime>{start + seconds(1), start + seconds(1), start + seconds(2),
                                        start + seconds(2), start + seconds(2), start + seconds(3),
                                        start + seconds(10)}));
}

TEST_F(ClientTest, WithoutRecipientsNothingIsSaid) {
  message.recipients.clear();
  EXPECT_TRUE(client.greet());
  const std::string said = server.received;
  EXPECT_TRUE(client.send(message).empty());
  EXPECT_EQ(server.received, said);
}

}  // namespace
}  // namespace mail::relay
