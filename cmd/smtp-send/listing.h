// mailq: the queue as a person reads it (Postfix's look, and when it is tried next), or as JSON
// lines.
#pragma once

#include <string>
#include <vector>

#include "libmail/queue/queue.h"
#include "libmail/relay/settings.h"

namespace mail::cmd {

std::string format_listing(const std::vector<queue::Listing>& all, const relay::Settings& settings);
std::string format_listing_json(const std::vector<queue::Listing>& all,
                                const relay::Settings& settings);

}  // namespace mail::cmd
