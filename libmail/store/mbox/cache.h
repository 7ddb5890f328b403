// The disposable message list of an mbox: what the last scan found, and the state of the file then.
// Checksummed; on any doubt there is none and the mbox is read anew.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "libmail/store/mbox/scanner.h"

namespace mail::store::mbox {

struct Cache {
  std::vector<Found> messages;
  struct ::stat status {};
  bool is_settled = false;
};

std::optional<Cache> load_cache(const std::string& path);
// Not durable, and failures are of no consequence.
void save_cache(const std::string& path, const Cache& cache);

// Whether a change after the look at `looked` is sure to show in the file's times.
bool is_settled(const struct ::stat& status, std::chrono::system_clock::time_point looked);

}  // namespace mail::store::mbox
