// Settings of the queue and its runner. Names in main.cf stand beside each; config/bindings.h fills
// them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mail::queue {

struct Settings {
  std::string directory = "/var/spool/tubepost";  // tubepost_spool_directory: queue/, drop/, ...
  std::string notify_socket = "/run/tubepost/queue.sock";  // datagrams wake the runner
  std::uint64_t minfree = 0;                               // queue_minfree, octets

  std::chrono::seconds minimal_backoff_time{300};
  std::chrono::seconds maximal_backoff_time{4000};
  std::chrono::seconds maximal_queue_lifetime{std::chrono::hours{120}};
  std::chrono::seconds bounce_queue_lifetime{std::chrono::hours{120}};
  std::chrono::seconds delay_warning_time{std::chrono::hours{4}};  // 0: no warnings
  // How soon and how rarely a destination that is down is probed (S10): doubles from first to last.
  std::chrono::seconds probe_first{2};
  std::chrono::seconds probe_last{60};
  std::uint64_t bounce_size_limit = 50000;  // octets of the original that a report carries
};

}  // namespace mail::queue
