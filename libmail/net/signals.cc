#include "libmail/net/signals.h"

#include <csignal>

namespace mail::net {
namespace {

// A signal handler can reach nothing else.
volatile std::sig_atomic_t terminated = 0;  // NOLINT(readability-identifier-naming)

void on_termination(int /*signal*/) { terminated = 1; }

}  // namespace

void install_signal_handlers() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  struct sigaction action {};
  action.sa_handler = on_termination;
  ::sigaction(SIGTERM, &action, nullptr);
}

void ignore_termination() { static_cast<void>(std::signal(SIGTERM, SIG_IGN)); }

void forget_termination() { terminated = 0; }

bool termination_requested() { return terminated != 0; }

}  // namespace mail::net
