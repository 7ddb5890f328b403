// What local delivery is told by the configuration (main.cf(5)); filled by libmail/config.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "libmail/store/settings.h"

namespace mail::local {

struct Settings {
  store::Settings mail;  // where a user's mail goes: as its readers have it (store::locate_mail())
  std::uint64_t mailbox_size_limit = 51'200'000;  // octets of one mbox file; 0: none
  std::uint64_t queue_minfree = 0;                // octets to leave free where mailboxes lie
  std::string state_directory = "/var/lib/tubepost/state";

  // What is started for users.
  std::string recipient_delimiter;
  std::vector<std::string> forward_path = {"$home/.forward${recipient_delimiter}${extension}",
                                           "$home/.forward"};
  std::string default_privs = "nobody";
  std::string local_command_shell;  // empty: /bin/sh, and only where it is needed
  std::vector<std::string> allow_mail_to_commands = {"alias", "forward"};
  std::vector<std::string> allow_mail_to_files = {"alias", "forward"};
  std::chrono::milliseconds command_time_limit = std::chrono::seconds{1000};
  std::size_t hopcount_limit = 50;  // Received fields, RFC 5321 section 6.3

  // Locks. Inside a transaction the child must have spoken within 10 s (DESIGN.md section 4.3).
  bool use_dotlock = true;
  std::chrono::milliseconds lock_timeout_in_transaction = std::chrono::seconds{8};
  std::chrono::milliseconds lock_timeout = std::chrono::seconds{20};
  std::chrono::seconds stale_lock_time{500};

  std::string socket = "/run/tubepost/deliver.sock";

  // Addresses.
  std::string myhostname;
  std::string myorigin;
  std::vector<std::string> mydestination;
  std::vector<std::string> alias_maps;
  bool expand_owner_alias = false;

  std::uint64_t message_size_limit = 10'240'000;
  std::string queue_directory = "/var/spool/tubepost/queue";
  std::string drop_directory = "/var/spool/tubepost/drop";
};

}  // namespace mail::local
