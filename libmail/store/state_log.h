// StateLog: the durable text log beside a mailbox (docs/state-log.md), replayed into a State.
// Several processes share it: writers hold an OFD lock on it, readers need none.
//
// A line is `CHECKSUM SP OPERATIONS LF`; a half-written last line is cut by the next writer, a
// damaged one elsewhere is passed over and told in the log. Compaction writes a new file, makes it
// durable, renames, and makes the directory durable before a line goes into it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "libmail/base/clock.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/store/state.h"

namespace mail::store {

// UIDVALIDITY is a second's number: before a name is free for another mailbox, the second in which
// the one of this log got its own has to be over. Sleeps for less than one.
void let_validity_pass(const std::string& log_path);

struct StateLogOptions {
  std::chrono::milliseconds lock_timeout{10'000};
  // `done` lines of queued deliveries are kept so long: maximal_queue_lifetime and a day.
  std::chrono::hours keep_ids{6 * 24};
  std::uint64_t compact_above = 256UL * 1024;  // octets
  std::string index_path;  // index.h: saves replaying what it covers; empty: there is none
};

class StateLog {
 public:
  StateLog(std::string path, const Clock& clock, StateLogOptions options)
      : path_(std::move(path)), clock_(clock), options_(std::move(options)) {}

  // Held until destroyed. Locks nest.
  class Guard {
   public:
    explicit Guard(StateLog& log) : log_(&log) { ++log.depth_; }
    Guard(Guard&& other) noexcept : log_(std::exchange(other.log_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() {
      if (log_ != nullptr) log_->release();
    }

   private:
    StateLog* log_;
  };

  // Makes the file and its directory if they are missing, locks, and catches up. Corrupt, and
  // so catch_up(), where it is not the log any more that was read at first.
  Result<Guard> lock();
  // InUse, at once, where another has it.
  Result<Guard> try_lock();
  // Reads what others have added. A missing log is an empty State.
  Result<void> catch_up();
  // Under the lock. `durable`: on disk when it returns. Nothing has changed if it fails.
  Result<void> write(const Ops& ops, bool durable);
  // Somebody has been told UIDs: with another UIDVALIDITY it is another log from here on.
  void uids_are_told();
  [[nodiscard]] bool is_as_told() const;
  [[nodiscard]] Error lost() const;
  // What others wrote is visible but perhaps not durable; concluding from it needs this first.
  Result<void> sync();
  // What we wrote ourselves, too.
  Result<void> sync_own();
  // State::messages, or State::names too, in memory, so that none is missing afterwards; from then
  // on the messages always are. An index that turns out damaged is done without from here on, and
  // the log replayed from its beginning: entries found before are others' by then.
  Result<void> load_messages();
  Result<void> load_names();
  // Before load_messages() too.
  Result<const Entry*> fetch(Uid uid);                // null: there is none
  Result<std::optional<std::size_t>> first_unseen();  // MessageTable::first_unseen()
  Result<std::string> word_of(Uid uid);  // State::word_of(); NotFound. After load_messages().

  // The index that state() came from; null: none did, or it has been read anew since.
  [[nodiscard]] const std::shared_ptr<const Index>& index() const { return index_; }
  // Whether replaying what the index does not cover costs more than a small part of reading it.
  [[nodiscard]] bool is_index_behind() const;
  // Writes it anew, and goes on with it as if the log were opened now. `put_format` appends the
  // Section of its own. What is in it is durable in the log. A failure is of no consequence.
  Result<void> save_index(const std::function<void(IndexWriter& writer)>& put_format);
  // Not to be believed any more: state() comes from the log alone.
  Result<void> distrust_index();
  [[nodiscard]] bool is_index_distrusted() const { return is_index_distrusted_; }

  // Of a message whose entry is unmeasured. Whoever wants it in the log writes it.
  void remember(Uid uid, const Measure& measure);

  // Next MODSEQ, for the line that `ops` becomes (RFC 7162); under the lock.
  ModSeq next_modseq(Ops& ops);

  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Some line was passed over: what it said is not known.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  // Grows with each line read: others', or all of them anew.
  [[nodiscard]] std::uint64_t lines_read() const { return lines_read_; }

 private:
  void release();
  Result<Guard> lock_within(std::chrono::milliseconds limit);
  Result<void> open_and_lock(std::chrono::milliseconds limit);
  Result<bool> is_current();  // whether the name still leads to our descriptor
  Result<void> begin_log();   // first lines of a new file
  Result<void> check_identity();
  Result<void> replay();
  void begin_with_index();
  Result<LogPosition> position() const;
  void take_index(std::shared_ptr<const Index> index);
  void skip_lost_uids(std::size_t octets);
  [[nodiscard]] std::uint64_t size_if_compacted() const;
  Result<void> compact();
  void forget();

  std::string path_;
  const Clock& clock_;
  StateLogOptions options_;
  FileDescriptor fd_;
  State state_;
  std::string mailbox_id_;  // of the first state
  UidValidity told_validity_;
  std::uint64_t offset_ = 0;  // replayed so far
  std::uint64_t lines_read_ = 0;
  std::uint64_t size_when_compacted_ = 0;
  std::shared_ptr<const Index> index_;
  bool is_index_distrusted_ = false;
  bool wants_messages_ = false;
  bool is_replayed_ = false;  // offset_ is the end of the lines
  int depth_ = 0;
  bool needs_sync_ = false;
  bool is_damaged_ = false;
};

// Releases an OFD lock without an error to report; no fault point, for destructors.
void release_lock(const FileDescriptor& fd);

// mkdir -p, 0700, each new name durable.
Result<void> make_private_directories(const std::string& path);

std::string parent_directory(const std::string& path);

}  // namespace mail::store
