// serve_connection(): deliver's monitor on one connection (docs/delivery-records.md).
//
// Runs with deliver's own rights (root, or the one user of a system that runs without root). It
// reads one record, decides by the tables below whose rights it needs, forks the child that becomes
// that account, and then answers the child's three requests, whose objects it chose itself. It
// never reads a message.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libmail/auth/authenticator.h"
#include "libmail/local/recipient.h"

namespace mail::local {

struct MonitorWorld {
  World recipient;
  // Accounts of this system; called in the monitor.
  std::function<Result<auth::Identity>(std::string_view name)> find_account;
  // Whether our alias files lead from end_point.original_to to this file, command or list, and as
  // whom: the asker's word is not enough to run something as somebody. Returns the account it runs
  // as (empty: default_privs).
  std::function<Result<std::string>(const alias::EndPoint& end_point)> permit;
  // Where an account's mailbox and its state lie: the one thing a recipient with uid 0 may write.
  std::function<Result<std::vector<std::string>>(const auth::Identity& identity)> mail_directories;
  // Who may ask beside root and our own uid: smtp-recv and smtp-send.
  std::optional<uid_t> mail_owner;
};

// The peer may talk to us: root, our own uid, mail_owner.
Result<void> check_peer(const MonitorWorld& world, const FileDescriptor& socket);

// Serves one connection to its end. Returns when the child is gone.
void serve_connection(const MonitorWorld& world, FileDescriptor socket);

}  // namespace mail::local
