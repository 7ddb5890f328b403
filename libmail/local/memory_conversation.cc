#include "libmail/local/memory_conversation.h"

#include <algorithm>

#include "libmail/base/sys.h"

namespace mail::local {
namespace {

const Verdict kOk{Answer::Ok, {2, 1, 5}, "Ok", {}, false};

Verdict next(std::map<std::string, std::deque<Verdict>>& told, const std::string& target) {
  auto& list = told[target];
  if (list.empty()) return kOk;
  Verdict verdict = std::move(list.front());
  list.pop_front();
  return verdict;
}

}  // namespace

std::vector<MemoryConversation::Stored> MemoryConversation::stored_for(
    const std::string& target) const {
  std::vector<Stored> out;
  std::copy_if(stored_.begin(), stored_.end(), std::back_inserter(out),
               [&](const Stored& stored) { return stored.delivery.end_point.target == target; });
  return out;
}

Verdict MemoryConversation::check(const alias::EndPoint& end_point, std::uint64_t /*size_octets*/) {
  ++checks_seen_;
  if (has_accounts_ && end_point.kind == alias::Kind::User && checks_[end_point.target].empty() &&
      std::find(accounts_.begin(), accounts_.end(), end_point.target) == accounts_.end()) {
    return {Answer::Unknown, {5, 1, 1}, "User unknown in local recipient table", {}, false};
  }
  return next(checks_, end_point.target);
}

void MemoryConversation::store(const Delivery& delivery, const FileDescriptor& message) {
  const bool there = std::any_of(stored_.begin(), stored_.end(), [&](const Stored& stored) {
    return !delivery.delivery_id.empty() && stored.delivery.delivery_id == delivery.delivery_id &&
           stored.delivery.end_point == delivery.end_point;
  });
  if (there) return;  // as store::append(delivery_id)
  Stored stored{delivery, {}};
  for (;;) {
    constexpr std::size_t kChunk = 64U << 10U;
    const auto part = sys::pread_all(message, stored.message.size(), kChunk);
    if (!part || part->empty()) break;
    stored.message += *part;
  }
  stored_.push_back(std::move(stored));
}

Verdict MemoryConversation::deliver(const Delivery& delivery, const FileDescriptor& message,
                                    const std::function<bool()>& still_wanted) {
  ++deliveries_seen_;
  if (during_delivery) during_delivery(delivery);
  Verdict verdict = next(deliveries_, delivery.end_point.target);
  if (verdict.answer == Answer::Ok || verdict.kept_copy || verdict.answer == Answer::Unresolved) {
    store(delivery, message);
  }
  if (verdict.answer == Answer::Unresolved) static_cast<void>(still_wanted());
  return verdict;
}

}  // namespace mail::local
