// MessageTable: what is known of each message of a mailbox, 40 octets apiece, by ascending UID.
//
// One that comes from an index stays there until all of it is asked for (load()). Meanwhile single
// messages may be changed that were fetched before, and it knows how many are what.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/index.h"
#include "libmail/store/types.h"

namespace mail::store {

// By which the format finds a message again: a fingerprint (mbox), or where the name of its file
// stands among the names of the State (Maildir). The numbers of both say nothing of each other.
struct Key {
  std::uint64_t value = 0;
  bool is_name = false;
  bool operator==(const Key&) const = default;
};

// A message known under its UID. Lies in the index file as it is in memory.
struct Entry {
  Uid uid;
  Flags flags;
  ModSeq modseq;
  WallTime date{};                    // Measure::internal_date
  std::uint64_t size : 56 = 0;        // Measure::size
  std::uint64_t old : 1 = 0;          // MessageInfo::old
  std::uint64_t pending : 1 = 0;      // flags and old are acknowledged, but not yet in the format's
                                      // own place
  std::uint64_t key_is_name : 1 = 0;  // Key
  std::uint64_t removed : 1 = 0;      // MessageTable's own
  std::uint64_t unmeasured : 1 = 0;   // date and size are not known yet
  std::uint64_t key_value = 0;

  static constexpr std::uint64_t kMaxSize = (1ULL << 56U) - 1;

  void set_measure(const Measure& measure) {
    date = measure.internal_date;
    size = measure.size & kMaxSize;
    unmeasured = 0;
  }
  [[nodiscard]] Key key() const { return {key_value, key_is_name != 0}; }
  void set_key(const Key& key) {
    key_value = key.value;
    key_is_name = key.is_name ? 1 : 0;
  }
};
static_assert(sizeof(Entry) == 40);

class MessageTable {
 public:
  MessageTable() = default;
  // Those of `section`, whose numbers of keyword sets mean these; Corrupt: they cannot be.
  static Result<MessageTable> in(std::shared_ptr<const Index> index, const Section& section,
                                 std::shared_ptr<const std::vector<KeywordSet>> sets);
  // The same, left where it is: the table of which the index's header has the counts.
  static MessageTable left_in(std::shared_ptr<const Index> index, const Section& section,
                              std::shared_ptr<const std::vector<KeywordSet>> sets);

  // All of it is in memory. Otherwise only these may be asked for: load(), fetch(), counts(),
  // size(), empty(), pending(), keywords(), first_unseen(), and put() and take() of what was
  // fetched; anything else ends the process.
  [[nodiscard]] bool is_whole() const { return base_ == nullptr; }
  [[nodiscard]] Result<void> load();          // Corrupt: the index is damaged
  [[nodiscard]] Result<void> fetch(Uid uid);  // likewise; no error if it is not there
  [[nodiscard]] std::size_t count_fetched() const { return is_whole() ? 0 : entries_.size(); }

  // Over what is there, ascending.
  class Iterator {
   public:
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const Entry* at, const Entry* end) : at_(at), end_(end) { pass(); }
    const Entry& operator*() const { return *at_; }
    const Entry* operator->() const { return at_; }
    Iterator& operator++() {
      ++at_;
      pass();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    void pass() {
      while (at_ != end_ && at_->removed != 0) ++at_;
    }
    const Entry* at_ = nullptr;
    const Entry* end_ = nullptr;
  };

  [[nodiscard]] Iterator begin() const {
    require_whole();
    return {entries_.data(), past_end()};
  }
  [[nodiscard]] Iterator end() const { return {past_end(), past_end()}; }
  // Those with a higher UID.
  struct Rest {
    Iterator first, last;
    [[nodiscard]] Iterator begin() const { return first; }
    [[nodiscard]] Iterator end() const { return last; }
  };
  [[nodiscard]] Rest after(Uid uid) const;
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(counts_.messages); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::uint64_t pending() const { return counts_.pending; }
  // Of the first message without Seen, how many come before it; Corrupt.
  [[nodiscard]] Result<std::optional<std::size_t>> first_unseen() const;
  // Those that some message has, or has had since the table was read.
  [[nodiscard]] KeywordSet keywords() const;

  // Null: not there. Valid until the next put() or take().
  [[nodiscard]] const Entry* find(Uid uid) const;
  [[nodiscard]] bool contains(Uid uid) const { return find(uid) != nullptr; }
  // How many come before it.
  [[nodiscard]] std::size_t rank(Uid uid) const;

  void put(const Entry& entry);  // adds, or takes the place of the one with its UID
  std::optional<Entry> take(Uid uid);
  void clear() { *this = {}; }

 private:
  // Where the rest of it lies.
  struct Base {
    std::shared_ptr<const Index> index;
    Section section;
    std::shared_ptr<const std::vector<KeywordSet>> sets;
    std::vector<Uid> fetched;  // of the entries in memory, those that lie there too, ascending

    [[nodiscard]] std::uint64_t count() const { return section.octets / sizeof(Entry); }
    [[nodiscard]] Result<void> read(std::uint64_t position, std::span<Entry> into) const;
    [[nodiscard]] Result<std::uint64_t> position_of(Uid uid) const;  // at or after it
  };

  [[nodiscard]] const Entry* past_end() const { return entries_.data() + entries_.size(); }
  [[nodiscard]] std::vector<Entry>::const_iterator at_or_after(Uid uid) const;
  void require_whole() const;
  void sweep();
  void count(const Entry& entry);
  void discount(const Entry& entry);
  bool add(std::span<const Entry> entries);

  std::vector<Entry> entries_;
  std::size_t removed_ = 0;  // entries left in their places, so that taking many is not quadratic
  Counts counts_;
  std::vector<bool> sets_;      // by number, those that entries have or had
  std::shared_ptr<Base> base_;  // null: all of it is in memory
};

}  // namespace mail::store
