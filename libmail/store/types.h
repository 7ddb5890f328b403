// Identifiers and values of a Mailbox (RFC 9051 section 2.3, RFC 7162).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/clock.h"
#include "libmail/store/keyword_set.h"

namespace mail::store {

// Distinct types, so that one is never taken for another.
template <class Tag, class Value>
struct Number {
  Value value = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
  auto operator<=>(const Number&) const = default;
};
using Uid = Number<struct UidTag, std::uint32_t>;  // RFC 9051 section 2.3.1.1
using UidValidity = Number<struct UidValidityTag, std::uint32_t>;
using SeqNum = Number<struct SeqNumTag, std::uint32_t>;  // 1.. in the session's view
using ModSeq = Number<struct ModSeqTag, std::uint64_t>;  // RFC 7162 section 3.1

// System flags (RFC 9051 section 2.3.2). \Recent is apart: nobody sets it.
enum class Flag : std::uint8_t { Seen = 1, Answered = 2, Flagged = 4, Deleted = 8, Draft = 16 };

struct Flags {
  std::uint8_t system = 0;  // bits of Flag
  KeywordSet keywords;

  [[nodiscard]] bool has(Flag flag) const {
    return (system & static_cast<std::uint8_t>(flag)) != 0;
  }
  void set(Flag flag, bool on = true);
  [[nodiscard]] bool has_keyword(std::string_view keyword) const {
    return keywords.contains(keyword);
  }
  void set_keyword(std::string_view keyword, bool on = true);
  bool operator==(const Flags&) const = default;
};

// What of a message may change.
struct MessageInfo {
  Uid uid;
  Flags flags;
  bool old = false;  // some session has shown it: not \Recent any more (mbox "O")
  ModSeq modseq;
  bool operator==(const MessageInfo&) const = default;
};
static_assert(sizeof(MessageInfo) == 24);

// What of a message never changes.
struct Measure {
  std::uint64_t size = 0;    // RFC822.SIZE: octets with CRLF line ends, bookkeeping fields left out
  WallTime internal_date{};  // INTERNALDATE; the From_ line's time in an mbox
  bool is_readable = true;   // false: `size` is near the truth, and nobody can see how near
  bool operator==(const Measure&) const = default;
};

struct MailboxStatus {
  UidValidity uid_validity;
  Uid uid_next;
  ModSeq highest_modseq;
  std::string mailbox_id;  // RFC 8474
  std::size_t messages = 0;
  std::size_t recent = 0;  // not old
  std::size_t unseen = 0;
  std::optional<std::size_t> first_unseen;  // how many messages come before it
  std::optional<std::uint64_t> octets;      // sum of Measure::size, where all are known
  KeywordSet keywords;                      // those that messages have; perhaps some that none has
};

}  // namespace mail::store
