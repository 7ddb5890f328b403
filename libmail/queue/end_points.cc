#include "libmail/queue/end_points.h"

#include <utility>

namespace mail::queue {

Recipient recipient_for(std::string address, const alias::EndPoint& end_point) {
  Recipient recipient;
  recipient.address = std::move(address);
  recipient.original_to = end_point.original_to;
  recipient.owner = end_point.owner;
  recipient.kind = alias::to_string(end_point.kind);
  recipient.target = end_point.target;
  recipient.runs_as = end_point.runs_as;
  recipient.no_forward = end_point.no_forward;
  return recipient;
}

std::optional<alias::EndPoint> end_point_of(const Recipient& recipient) {
  const auto kind = alias::kind_from_string(recipient.kind);
  if (!kind) return std::nullopt;
  return alias::EndPoint{*kind,           recipient.target,  recipient.original_to,
                         recipient.owner, recipient.runs_as, recipient.no_forward};
}

}  // namespace mail::queue
