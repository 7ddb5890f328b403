// Settings of sending, with their names in main.cf.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mail::relay {

struct Settings {
  std::string myhostname = "localhost";  // EHLO name, reports
  std::string relayhost;                 // "[host]:port", "domain", empty: by the recipient's MX
  std::uint16_t port = 25;
  // default_destination_recipient_limit: of one transaction. Servers need not take more than 100
  // (RFC 5321 section 4.5.3.1.8), and a pipelined group must fit into what the network buffers.
  std::size_t recipient_limit = 50;
  std::chrono::milliseconds connect_timeout{30'000};  // smtp_connect_timeout
  std::chrono::milliseconds helo_timeout{300'000};    // RFC 5321 section 4.5.3.2
  std::chrono::milliseconds command_timeout{300'000};
  std::chrono::milliseconds data_timeout{180'000};   // each block
  std::chrono::milliseconds final_timeout{600'000};  // after the last dot
};

}  // namespace mail::relay
