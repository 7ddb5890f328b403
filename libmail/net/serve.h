// serve(): the only loop that touches descriptors. A Session is any class with
//
//   enum of wants:            net::Want want() const;
//   std::string take_output();            bounded, at most 64 KiB; empty: nothing more for now
//   MonotonicTime deadline() const;       of the next input; a missed one goes to timed_out()
//   void receive(std::string_view);       what arrived; empty: the peer has closed
//   void timed_out();                     answers with its farewell and wants Close
//   void woken(Woken);  int event_fd() const;  MonotonicTime wait_until() const;   for Want::Wait
//   void tls_started(const Transport&);   forgets everything learned before (RFC 3207 section 4.2)
//   void terminate();                     SIGTERM: farewell (421, * BYE, -ERR [SYS/TEMP]), Close
//
// Output is flushed only before blocking on input, so a pipelined group costs one write.
#pragma once

#include <csignal>

#include "libmail/net/signals.h"
#include "libmail/net/transport.h"

namespace mail::net {

enum class Want : std::uint8_t {
  Input,     // octets from the peer
  Wait,      // peer, event or time: IDLE, or work for a pause
  Tls,       // start TLS now
  Work,      // something to do once the output is written; session.work()
  HandOver,  // logged in: serve() returns, the role hands the connection over (libmail/login)
  Close,     // done; serve() returns
};

template <class Session>
Result<void> serve(Transport& io, Session& session) {
  for (;;) {
    for (std::string out; !(out = session.take_output()).empty();) {
      if (auto written = io.write_all(out); !written) {
        // What was promised is done, heard or not.
        if constexpr (requires { session.work(); }) {
          if (session.want() == Want::Work) session.work();
        }
        return written;
      }
    }
    if (termination_requested() && session.want() != Want::Close && session.want() != Want::Work) {
      session.terminate();
      continue;
    }
    switch (session.want()) {
      case Want::Input: {
        auto input = io.read_some(session.deadline());
        if (input) {
          session.receive(*input);
        } else if (input.error().code == Errc::Timeout) {
          session.timed_out();
        } else if (input.error().code != Errc::InUse) {  // InUse: interrupted by a signal
          return fail(std::move(input).error());
        }
        break;
      }
      case Want::Wait:
        session.woken(TRY(io.wait(session.event_fd(), session.wait_until())));
        break;
      case Want::Tls:
        TRY(io.start_tls());
        session.tls_started(io);
        break;
      case Want::Work:
        if constexpr (requires { session.work(); }) session.work();
        break;
      case Want::HandOver:
      case Want::Close:
        return {};
    }
  }
}

}  // namespace mail::net
