// What a session asks of the loop that drives it (libmail/net/serve.h), in words of our own: a
// protocol library does not know net.
#pragma once

#include <cstdint>

namespace mail::imap {

enum class Want : std::uint8_t {
  Input,     // octets from the client
  Wait,      // the client, the mailbox or time: IDLE, or work for a pause
  Tls,       // STARTTLS was answered
  LoggedIn,  // the connection goes to Session
  Close,
};

enum class Woken : std::uint8_t { Input, Event, Time };

}  // namespace mail::imap
