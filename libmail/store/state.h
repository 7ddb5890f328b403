// State: what a mailbox's format has no place for, and what is true before it is written there. It
// is what replaying a state log gives (docs/state-log.md has the grammar). Ops builds one line of
// it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/store/types.h"

namespace mail::store {

// A message known under its UID.
struct Entry {
  Uid uid;
  ModSeq modseq;
  std::string key;  // by which the format finds it again: fingerprint (mbox), file name (Maildir)
  WallTime date{};
  std::uint64_t size = 0;  // MessageInfo::size
  Flags flags;
  bool old = false;
  bool pending = false;  // flags and old are acknowledged, but not yet in the format's own place
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

// A rewrite of an mbox from `begin` on, whose new octets stand in the side file.
struct Rewrite {
  std::uint64_t inode = 0;
  std::uint64_t begin = 0;
  std::uint64_t old_end = 0;
  std::uint64_t new_end = 0;
  std::uint64_t hash = 0;  // of the side file
};

struct Done {
  std::uint64_t seconds = 0;  // since 1970
  bool may_be_retried = false;
};

struct State {
  UidValidity uid_validity;  // 0: not chosen yet
  Uid uid_next{1};
  ModSeq last;       // highest ever issued
  ModSeq floor;      // nothing above it was issued (an hour ahead of `last`)
  ModSeq forgotten;  // vanished messages up to here are not remembered
  std::string mailbox_id;
  std::string boot;  // boot id in which the last lines were written
  std::map<Uid, Entry> messages;
  std::map<Uid, Entry> doomed;  // expunged, still lying in the mailbox
  std::vector<std::pair<ModSeq, Uid>> vanished;
  std::map<std::string, Intent> intents;
  std::map<std::string, Done> done;
  std::optional<Rewrite> rewrite;

  // One line's operations. Unknown ones are passed over (written by a later version); false if a
  // known one cannot be read.
  bool apply(std::string_view line);
};

// Operations of one line: they hold together or not at all.
class Ops {
 public:
  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] const std::string& line() const { return line_; }
  void clear() { line_.clear(); }

  void header();
  void uid_validity(UidValidity value);
  void uid_next(Uid value);
  void mailbox_id(std::string_view id);
  void boot(std::string_view id);
  void floor(ModSeq value);
  void last(ModSeq value);
  void forgotten(ModSeq value);
  void message(const Entry& entry);                                   // uid
  void flags(Uid uid, ModSeq modseq, const Flags& flags, bool old);   // acknowledged
  void stored(Uid uid, ModSeq modseq, const Flags& flags, bool old);  // as the format has it
  void expunge(Uid uid, ModSeq modseq);                               // acknowledged
  void gone(Uid uid, ModSeq modseq);                                  // really
  void intent(const Intent& intent);
  void done(std::string_view id, const Done& done);
  void abandon(std::string_view id);  // void
  void rewrite(const Rewrite& rewrite);
  void rewritten();

 private:
  void begin(std::string_view verb);
  void word(std::string_view text);
  void number(std::uint64_t value);
  void flag_words(const Flags& flags, bool old);
  std::string line_;
};

// All of `state` as lines; what is too old to be asked for is left out.
std::vector<std::string> to_lines(const State& state, std::uint64_t now_seconds,
                                  std::uint64_t keep_ids_seconds);

}  // namespace mail::store
