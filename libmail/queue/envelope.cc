#include "libmail/queue/envelope.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "libmail/base/ascii.h"

namespace mail::queue {
namespace {

constexpr std::size_t kMaxIdOctets = 100;

}  // namespace

std::string delivery_id(const QueueId& id, std::size_t recipient_index) {
  return id.value + "." + std::to_string(recipient_index);
}

QueueId make_queue_id(WallTime now, std::uint64_t distinction) {
  char text[48];
  const int length = std::snprintf(  // NOLINT(cppcoreguidelines-pro-type-vararg)
      text, sizeof text, "%013llX%06llX",
      static_cast<unsigned long long>(now.time_since_epoch().count()),
      static_cast<unsigned long long>(distinction));
  return QueueId{std::string(text, static_cast<std::size_t>(length))};
}

QueueId IdSource::next(WallTime now) {
  // Never the same microsecond twice in one process, though the clock may stand or step back.
  last_ = std::max(last_ + std::chrono::microseconds(1), now);
  return make_queue_id(last_, static_cast<std::uint64_t>(::getpid()));
}

bool is_queue_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdOctets && ascii::is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return ascii::is_alnum(c) || c == '-'; });
}

QueueId forward_id(const QueueId& parent, std::size_t recipient_index) {
  return {parent.value + "-F" + std::to_string(recipient_index)};
}
QueueId bounce_id(const QueueId& parent, std::size_t first_recipient_index) {
  return {parent.value + "-B" + std::to_string(first_recipient_index)};
}
QueueId warning_id(const QueueId& parent) { return {parent.value + "-W"}; }

std::optional<QueueId> parent_of(const QueueId& id) {
  const auto dash = id.value.rfind('-');
  if (dash == std::string::npos) return std::nullopt;
  return QueueId{id.value.substr(0, dash)};
}

bool Envelope::has_pending() const {
  return std::any_of(recipients.begin(), recipients.end(), [](const Recipient& recipient) {
    return recipient.state == RecipientState::Pending;
  });
}

}  // namespace mail::queue
