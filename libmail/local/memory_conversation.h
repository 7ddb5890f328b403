// MemoryConversation: Conversation's twin for tests. Records what was asked, keeps what was
// "stored", and answers as told: per end point, a list of verdicts used one after the other, then
// Ok.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "libmail/local/conversation.h"

namespace mail::local {

class MemoryConversation final : public Conversation {
 public:
  struct Stored {
    Delivery delivery;
    std::string message;  // octets as handed over
  };

  // How the next check() or deliver() for `target` (account, path, command) ends. NotCommitted,
  // Later, Full ... store nothing; Ok stores; Unresolved stores (the asker cannot know), so that a
  // test sees a doubled message if the asker queues it all the same.
  void on_check(const std::string& target, Verdict verdict) {
    checks_[target].push_back(std::move(verdict));
  }
  void on_deliver(const std::string& target, Verdict verdict) {
    deliveries_[target].push_back(std::move(verdict));
  }
  // For every check of a target without one of its own: Unknown unless it is listed. Without a
  // call everybody is known.
  void only_accounts(std::vector<std::string> names) {
    accounts_ = std::move(names);
    has_accounts_ = true;
  }
  // Called inside deliver(), before the outcome: a client that leaves, a clock that advances.
  std::function<void(const Delivery&)> during_delivery;

  [[nodiscard]] const std::vector<Stored>& stored() const { return stored_; }
  [[nodiscard]] std::vector<Stored> stored_for(const std::string& target) const;
  [[nodiscard]] std::size_t checks_seen() const { return checks_seen_; }
  [[nodiscard]] std::size_t deliveries_seen() const { return deliveries_seen_; }

  Verdict check(const alias::EndPoint& end_point, std::uint64_t size_octets) override;
  Verdict deliver(const Delivery& delivery, const FileDescriptor& message,
                  const std::function<bool()>& still_wanted) override;

 private:
  void store(const Delivery& delivery, const FileDescriptor& message);

  std::map<std::string, std::deque<Verdict>> checks_;
  std::map<std::string, std::deque<Verdict>> deliveries_;
  std::vector<std::string> accounts_;
  bool has_accounts_ = false;
  std::vector<Stored> stored_;
  std::size_t checks_seen_ = 0;
  std::size_t deliveries_seen_ = 0;
};

}  // namespace mail::local
