#include "libmail/net/serve.h"

#include <gtest/gtest.h>

#include <csignal>

#include "libmail/net/memory_transport.h"

namespace mail::net {
namespace {

// Has promised something ("yes") that work() does.
struct Promiser {
  int worked = 0, terminated = 0;
  bool owes = false, closing = false;
  std::string output;
  [[nodiscard]] Want want() const {
    return owes ? Want::Work : closing ? Want::Close : Want::Input;
  }
  std::string take_output() { return std::exchange(output, {}); }
  static MonotonicTime deadline() { return {}; }
  static MonotonicTime wait_until() { return {}; }
  static int event_fd() { return -1; }
  void receive(std::string_view octets) {
    closing = octets.empty();
    owes = !octets.empty();
    if (owes) output = "yes\r\n";
    if (octets == "stop") ::raise(SIGTERM);
  }
  void timed_out() { closing = true; }
  void woken(Woken /*why*/) {}
  void tls_started(const Transport& /*io*/) {}
  void terminate() {
    ++terminated;
    closing = true;
    output = "bye\r\n";
  }
  void work() {
    ++worked;
    owes = false;
  }
};

TEST(Serve, KeepsItsPromiseBeforeItSaysGoodBye) {
  install_signal_handlers();
  Promiser session;
  MemoryTransport io;
  io.hangs = true;
  io.send("stop");
  EXPECT_TRUE(serve(io, session));
  forget_termination();
  EXPECT_EQ(session.worked, 1);
  EXPECT_EQ(session.terminated, 1);
  EXPECT_EQ(io.received(), "yes\r\nbye\r\n");
}

// The peer that was promised something may have gone before it heard of it.
TEST(Serve, KeepsItsPromiseToAPeerThatHasGone) {
  class Gone final : public Transport {
   public:
    Result<std::string_view> read_some(MonotonicTime /*deadline*/) override { return "a message"; }
    Result<void> write_all(std::string_view /*octets*/) override {
      return fail(Errc::Closed, "Connection closed");
    }
    Result<Woken> wait(int /*fd*/, MonotonicTime /*until*/) override { return Woken::Input; }
    Result<void> start_tls() override { return fail(Errc::Unsupported, "no"); }
    [[nodiscard]] bool is_tls() const override { return false; }
  } io;
  Promiser session;
  EXPECT_EQ(serve(io, session).error().code, Errc::Closed);
  EXPECT_EQ(session.worked, 1);
}

}  // namespace
}  // namespace mail::net
