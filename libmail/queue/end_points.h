// Where alias expansion leads, as the queue keeps it, and back.
#pragma once

#include <optional>
#include <string>

#include "libmail/alias/expansion.h"
#include "libmail/queue/envelope.h"

namespace mail::queue {

// `address` as it was given (RCPT, an argument); its mail goes to `end_point`.
Recipient recipient_for(std::string address, const alias::EndPoint& end_point);

// Nothing: a kind that this version does not know.
std::optional<alias::EndPoint> end_point_of(const Recipient& recipient);

}  // namespace mail::queue
