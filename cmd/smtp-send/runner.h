// The queue runner (`smtp-send --queue`): notices what is queued, starts workers for what is due,
// and leaves when the queue is empty (DESIGN.md section 4.7). One runs at a time, by a lock.
#pragma once

#include <string>
#include <vector>

#include "cmd/smtp-send/setup.h"
#include "libmail/base/result.h"

namespace mail::cmd {

struct RunnerOptions {
  bool stay = false;                        // go on with an empty queue
  std::vector<std::string> worker_command;  // this program with --worker
};
Result<int> run_queue(Sending& sending, const RunnerOptions& options);

// Tells a runner that all deferred mail is due now; true if one heard it.
bool request_flush(const std::string& notify_socket);

}  // namespace mail::cmd
