// State: what a mailbox's format has no place for, and what is true before it is written there. It
// is what replaying a state log gives (docs/state-log.md has the grammar). Ops builds one line of
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/index.h"
#include "libmail/store/message_table.h"
#include "libmail/store/types.h"

namespace mail::store {

// Names by which a format knows its messages (Maildir's files), one behind the other. Those that an
// index has stay there until they are asked for.
class Names {
 public:
  Names() = default;
  explicit Names(std::shared_ptr<const Index> index);

  // Returns where it stands. No longer than kMaxName.
  std::uint64_t add(std::string_view name);
  [[nodiscard]] Result<std::string> get(std::uint64_t at) const;  // Corrupt: the index is damaged
  Result<void> load();  // all into memory; Corrupt. Costs nothing a second time.
  // After load(); valid until the next add().
  [[nodiscard]] std::string_view view(std::uint64_t at) const;

  static constexpr std::size_t kMaxName = 4096;

 private:
  std::shared_ptr<const Index> index_;  // holds the first `base_` octets, unless null
  std::uint64_t base_ = 0;
  std::string own_;
};

// An append that began (DESIGN.md section 4.5).
struct Intent {
  std::string id;
  bool may_be_retried = false;
  std::string file;          // Maildir: the prepared file
  std::uint64_t inode = 0;   // mbox: from here on
  std::uint64_t at = 0;      // old length of the file
  std::uint64_t heal = 0;    // octets that end the file in an empty line, before the From_ line
  std::uint64_t length = 0;  // with heal and the empty line at the end
  std::uint64_t hash = 0;    // of the record without heal
  std::uint64_t body_hash = 0;
};

// A rewrite of an mbox that has begun: its windows are recorded in the side files (docs/mbox.md).
struct Rewrite {
  std::uint64_t id = 0;  // 0: one of before 2026-11-28, nothing is known of it any more
  std::uint64_t inode = 0;
  std::uint64_t old_end = 0;
  std::uint64_t new_end = 0;
  std::uint64_t windows = 0;
};

// What an index says is as it was, but for how the format's files look from outside (their times
// after a change in place). Saves writing the index anew.
struct Looked {
  std::uint64_t index = 0;             // IndexHeader::nonce
  std::vector<std::uint64_t> numbers;  // the format's own
  bool operator==(const Looked&) const = default;
};

struct Done {
  std::uint64_t seconds = 0;  // since 1970
  bool may_be_retried = false;
};

struct Vanished {
  ModSeq modseq;
  Uid uid;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
  auto operator<=>(const Vanished&) const = default;
};

struct State {
  UidValidity uid_validity;  // 0: not chosen yet
  Uid uid_next{1};
  ModSeq last;       // highest ever issued
  ModSeq floor;      // nothing above it was issued (an hour ahead of `last`)
  ModSeq forgotten;  // vanished messages up to here are not remembered
  std::string mailbox_id;
  std::string boot;  // boot id in which the last lines were written
  MessageTable messages;
  MessageTable doomed;  // expunged, still lying in the mailbox
  Names names;          // of both
  std::vector<Vanished> vanished;
  std::map<std::string, Intent> intents;
  std::map<std::string, Done> done;
  std::optional<Rewrite> rewrite;
  std::optional<Looked> looked;  // the last one since the index

  // One line's operations. Unknown ones are passed over (written by a later version); false if a
  // known one cannot be read. Of messages that an index has fetch() first.
  bool apply(std::string_view line);
  // Corrupt: the index is damaged.
  Result<void> fetch(std::string_view line);

  // The word for a key in the log; Corrupt as Names::get().
  [[nodiscard]] Result<std::string> word_of(const Key& key) const;
  // What of it does not lie in tables, as one line of operations a piece.
  [[nodiscard]] std::vector<std::string> other_lines() const;
};

// Operations of one line: they hold together or not at all.
class Ops {
 public:
  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] const std::string& line() const { return line_; }
  void reserve(std::size_t octets) { line_.reserve(octets); }
  void clear() {
    line_.clear();
    last_ = {};
  }

  void header();
  void uid_validity(UidValidity value);
  void uid_next(Uid value);
  void mailbox_id(std::string_view id);
  void boot(std::string_view id);
  void floor(ModSeq value);
  void last(ModSeq value);
  void forgotten(ModSeq value);
  void message(const Entry& entry, std::string_view key_word);        // uid, uids
  void flags(Uid uid, ModSeq modseq, const Flags& flags, bool old);   // acknowledged
  void stored(Uid uid, ModSeq modseq, const Flags& flags, bool old);  // as the format has it
  void expunge(Uid uid, ModSeq modseq);                               // acknowledged
  void gone(Uid uid, ModSeq modseq);                                  // really
  void intent(const Intent& intent);
  void done(std::string_view id, const Done& done);
  void abandon(std::string_view id);  // void
  void window(const Rewrite& rewrite);
  void rewritten();
  void looked(const Looked& looked);
  void measure(Uid uid, const Measure& measure);  // of a message told without

 private:
  void begin(std::string_view verb);
  void word(std::string_view text);
  void number(std::uint64_t value);
  void flag_words(const Flags& flags, bool old);
  std::string line_;
  Entry last_{};  // of the `uids` at the end of the line; its UID is 0 where there is none
};

// All of `state`, whose messages and names are loaded, as lines; what is too old to be asked for is
// left out.
void put_lines(const State& state, std::uint64_t now_seconds, std::uint64_t keep_ids_seconds,
               const std::function<void(const std::string& line)>& put);

// From an index: everything, but `messages` and `names` are left there; Corrupt. Into one: the
// sections of it, in `header`; both must be loaded.
Result<State> read_state(const std::shared_ptr<const Index>& index);
void write_state(const State& state, IndexWriter& writer, IndexHeader& header);

}  // namespace mail::store
