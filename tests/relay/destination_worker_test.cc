// A worker's job against servers on loopback, with the queue in memory.
#include "libmail/relay/destination_worker.h"

#include <gmock/gmock.h>

#include <optional>

#include "libmail/dns/memory_resolver.h"
#include "libmail/relay/connect.h"
#include "tests/relay/loopback_server.h"
#include "tests/relay/world.h"

namespace mail::relay {
namespace {

using std::chrono::seconds;
using test::LoopbackServer;
using testing::ElementsAre;
using testing::HasSubstr;

// Wall time stands still; deadlines of real sockets need real time.
class SocketClock final : public Clock {
 public:
  explicit SocketClock(const Clock& wall) : wall_(wall) {}
  [[nodiscard]] WallTime now() const override { return wall_.now(); }
  [[nodiscard]] MonotonicTime monotonic() const override {
    return std::chrono::steady_clock::now();
  }

 private:
  const Clock& wall_;
};

class WorkerTest : public testing::Test, public test::Memory {
 protected:
  queue::Recipient at(const std::string& name, const std::string& destination) {
    settings.relayhost = destination;
    return remote(name + "@peer.example");
  }
  // Result lines of a job, without the times.
  std::vector<std::string> run(const std::string& destination,
                               const std::vector<queue::QueueId>& ids) {
    std::vector<std::string> said;
    const SocketClock socket_clock(clock);
    World with_sockets{queue, local, socket_clock, queue_settings, settings, world.expand};
    do_job(with_sockets, resolver, {destination, ids}, [&](const ResultLine& line) {
      results.push_back(line);
      const std::string text = format_result(line);
      said.push_back(line.kind == ResultLine::Kind::Pending
                         ? text.substr(0, text.find(' ', 8)) + (line.is_unknown ? " unknown" : "")
                         : text.substr(0, text.size() - 1));
    });
    return said;
  }
  WorkerTest() {  // a fault must not hold the tests up
    settings.helo_timeout = settings.command_timeout = settings.final_timeout = seconds(5);
  }
  dns::MemoryResolver resolver;
  std::vector<ResultLine> results;
};

TEST_F(WorkerTest, AllMessagesOverOneConnection) {
  LoopbackServer peer(LoopbackServer::take);
  const auto to = peer.destination();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  const auto b = add("ann@linuxprobe.com", {at("eve", to), local_user("boss")});
  EXPECT_THAT(run(to, {a, b, {"GONE"}}),
              ElementsAre("removed " + a.value, "done " + b.value, "gone GONE", "up " + to));
  EXPECT_EQ(peer.count("EHLO"), 1U);
  EXPECT_EQ(peer.count("MAIL"), 2U);
  EXPECT_EQ(peer.count("QUIT"), 1U);
}

TEST_F(WorkerTest, WhatAnotherHasInHandWaitsASecond) {
  LoopbackServer peer(LoopbackServer::take);
  const auto to = peer.destination();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  const auto held = lock(a);
  // Nothing was tried, so nothing is known of the destination.
  EXPECT_THAT(run(to, {a}), ElementsAre("pending " + a.value));
  EXPECT_EQ(results.front().next_try, clock.now() + seconds(1));
  EXPECT_EQ(peer.count("EHLO"), 0U);
  EXPECT_EQ(stored(a.value).attempts, 0U);
}

TEST_F(WorkerTest, UnreachableIsTriedOnce) {
  std::optional<LoopbackServer> peer(LoopbackServer::take);
  const auto to = peer->destination();
  peer.reset();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  const auto b = add("ann@linuxprobe.com", {at("eve", to)});
  const auto said = run(to, {a, b});
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(said[0], "pending " + a.value);
  EXPECT_EQ(said[1], "pending " + b.value);
  EXPECT_THAT(said[2], HasSubstr("down " + to + " connect to 127.0.0.1[127.0.0.1]:"));
  EXPECT_THAT(said[2], HasSubstr("Connection refused"));
  EXPECT_EQ(results[0].next_try, clock.now() + seconds(300));
  EXPECT_THAT(stored(b.value).envelope.recipients[0].reason, HasSubstr("Connection refused"));
}

TEST_F(WorkerTest, NoSuchDomain) {
  settings.relayhost.clear();
  const auto a = add("ann@linuxprobe.com", {remote("bob@missing.example")});
  EXPECT_THAT(run("missing.example", {a}), ElementsAre("removed " + a.value, "up missing.example"));
  EXPECT_THAT(stored(a.value + "-B0").message, HasSubstr("Status: 5.1.2\n"));
}

TEST_F(WorkerTest, DnsThatDoesNotAnswer) {
  settings.relayhost.clear();
  resolver.is_down = true;
  const auto a = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  EXPECT_THAT(run("peer.example", {a}),
              ElementsAre("pending " + a.value, HasSubstr("down peer.example ")));
}

TEST_F(WorkerTest, AServerThatIsBusy) {
  LoopbackServer busy([](const std::string&) { return "421 4.3.2 busy"; });
  const auto to = busy.destination();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  EXPECT_THAT(run(to, {a}),
              ElementsAre("pending " + a.value, HasSubstr("host said: 421 4.3.2 busy")));
}

// RFC 5321 section 5.1: the hosts are tried in turn, until one greets.
TEST_F(WorkerTest, SeveralAddressesInTurn) {
  // 127.0.0.2 has no server; the second address has.
  LoopbackServer peer(LoopbackServer::take);
  settings.port = peer.port();
  settings.relayhost.clear();
  resolver.mx["peer.example"] = {{10, "a.peer.example"}, {20, "b.peer.example"}};
  resolver.addresses["a.peer.example"] = {"127.0.0.2"};
  resolver.addresses["b.peer.example"] = {"127.0.0.3", "127.0.0.1"};
  const auto a = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  EXPECT_THAT(run("peer.example", {a}), ElementsAre("removed " + a.value, "up peer.example"));
  EXPECT_EQ(peer.count("MAIL"), 1U);
}

// RFC 7504: final where it is the only host; another host may be of another mind.
TEST_F(WorkerTest, AHostThatTakesNoMail) {
  LoopbackServer peer(
      [](const std::string& command) { return command.empty() ? "521 no mail here" : "221 bye"; });
  settings.port = peer.port();
  settings.relayhost.clear();
  resolver.addresses["only.example"] = {"127.0.0.1"};
  const auto a = add("ann@linuxprobe.com", {remote("bob@only.example")});
  EXPECT_THAT(run("only.example", {a}), ElementsAre("removed " + a.value, "up only.example"));
  EXPECT_TRUE(holds(a.value + "-B0"));
  resolver.addresses["two.example"] = {"127.0.0.1", "127.0.0.2"};
  const auto b = add("ann@linuxprobe.com", {remote("bob@two.example")});
  EXPECT_THAT(run("two.example", {b}),
              ElementsAre("pending " + b.value, HasSubstr("down two.example ")));
}

// A server that hangs up after each message is connected to anew.
TEST_F(WorkerTest, AnotherConnectionWhereOneBroke) {
  LoopbackServer peer([](const std::string& command) {
    return command == "." ? "421 4.3.2 enough" : LoopbackServer::take(command);
  });
  const auto to = peer.destination();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  const auto b = add("ann@linuxprobe.com", {at("eve", to)});
  EXPECT_THAT(run(to, {a, b}), ElementsAre("pending " + a.value, "pending " + b.value, "up " + to));
  EXPECT_EQ(peer.count("EHLO"), 2U);
}

// RFC 1047.
TEST_F(WorkerTest, AnUnknownOutcomeIsSaid) {
  LoopbackServer peer([](const std::string& command) {
    return command == "." ? "" : LoopbackServer::take(command);
  });
  const auto to = peer.destination();
  const auto a = add("ann@linuxprobe.com", {at("bob", to)});
  EXPECT_THAT(run(to, {a}), ElementsAre("pending " + a.value + " unknown", "up " + to));
  EXPECT_EQ(results[0].next_try, clock.now() + seconds(600));
  EXPECT_EQ(states(a), ".");
}

TEST_F(WorkerTest, LocalNeedsNoConnection) {
  const auto a = add("ann@linuxprobe.com", {local_user("boss")});
  const auto b = add("ann@linuxprobe.com", {local_user("boss")});
  local.on_deliver("boss", {local::Answer::Later, {4, 2, 1}, "Locked", {}, false});
  EXPECT_THAT(run("local", {a, b}),
              ElementsAre("pending " + a.value, "removed " + b.value, "up local"));
}

TEST(Connect, TimesOutAndSaysWhere) {
  // A listener whose backlog is full answers no further SYN.
  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::socklen_t size = sizeof here;
  auto* address = reinterpret_cast<::sockaddr*>(&here);
  ASSERT_EQ(::bind(listener.get(), address, size), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  ASSERT_EQ(::getsockname(listener.get(), address, &size), 0);
  const Host host{"mx.example", "127.0.0.1", ntohs(here.sin_port)};
  std::vector<FileDescriptor> open;
  for (int i = 0; i < 10; ++i) {
    auto socket = connect_to(host, std::chrono::milliseconds(50));
    if (!socket) {
      EXPECT_EQ(socket.error().code, Errc::Timeout);
      EXPECT_EQ(to_string(socket.error().status), "4.4.1");
      EXPECT_THAT(socket.error().log_text, HasSubstr("connect to mx.example[127.0.0.1]:"));
      EXPECT_THAT(socket.error().log_text, HasSubstr("timed out"));
      return;
    }
    open.push_back(*std::move(socket));
  }
  FAIL() << "the backlog never filled";
}

TEST(Connect, WhatIsNoAddress) {
  const auto socket = connect_to({"mx.example", "mx.example", 25}, std::chrono::milliseconds(50));
  ASSERT_FALSE(socket);
  EXPECT_EQ(to_string(socket.error().status), "4.4.1");
}

}  // namespace
}  // namespace mail::relay
