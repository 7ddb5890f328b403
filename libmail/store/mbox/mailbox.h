// One mbox file as a Mailbox (docs/mbox.md). Shared with procmail, mutt, Dovecot: an OFD lock on
// every look and change, positions believed only while the file is as it was at the last look.
#pragma once

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/sys.h"
#include "libmail/store/logged_mailbox.h"
#include "libmail/store/mbox/bookkeeping.h"
#include "libmail/store/mbox/file_lock.h"
#include "libmail/store/mbox/places.h"
#include "libmail/store/mbox/record.h"
#include "libmail/store/mbox/rewrite.h"
#include "libmail/store/mbox/scanner.h"
#include "libmail/store/watch.h"

namespace mail::store::mbox {

inline constexpr std::string_view kOwnDirectory = ".tubepost";  // in Dovecot's, of state logs

// Where a Dovecot that uses the same mbox has its indexes.
struct DovecotIndex {
  std::string directory;      // of all mailboxes; empty: none
  std::string log;            // of this one: dovecot.index.log
  bool is_in_memory = false;  // or nowhere
  // It has been met, with this mailbox or another of the MailStore: not looked for again, as that
  // costs what there are mailboxes.
  std::shared_ptr<bool> is_met = std::make_shared<bool>(false);
};

class MboxMailbox final : public LoggedMailbox, public std::enable_shared_from_this<MboxMailbox> {
 public:
  MboxMailbox(std::string path, std::string log_path, const std::string& index_path,
              DovecotIndex dovecot, const Settings& settings);

  Result<Appended> append(MessageSource& message, const AppendOptions& options) override;
  Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) override;
  Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) override;
  Result<std::string> from_line(Uid uid) override;
  [[nodiscard]] std::shared_ptr<void> hold_for_reading() override;
  [[nodiscard]] int event_fd() override;
  Result<void> fold() override;
  Result<void> lock_exclusively() override;

  // For readers: octets of the message's content, wherever it lies now, and Unavailable when they
  // are not those any more that the reader was opened for.
  struct Shape {
    std::uint64_t header = 0, body = 0;  // octets; the header's empty line is the body's first
  };
  Result<std::size_t> read_content(Uid uid, const Shape& shape, std::uint64_t offset,
                                   std::span<char> into);
  Result<std::string_view> peek_content(Uid uid, const Shape& shape, std::uint64_t offset,
                                        std::size_t octets);

 protected:
  Result<void> refresh() override;
  void take_over(bool flags, bool expunged) override;
  void put_format(IndexWriter& writer) override;
  void restore() override;

 private:
  // The file's lock, held until destroyed. They nest, but Shared is never raised to Exclusive.
  struct Hold;
  class Lock {
   public:
    explicit Lock(MboxMailbox& box) : box_(&box) { ++box.depth_; }
    Lock(Lock&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() {
      if (box_ != nullptr) box_->release();
    }

   private:
    MboxMailbox* box_;
  };
  enum class Missing : std::uint8_t { Fail, Create };
  Result<Lock> lock(sys::Lock kind, Missing missing);
  void release();
  Result<void> open_file(sys::Lock kind, Missing missing);
  Result<Place> locate(Uid uid);  // under the file's lock
  // Where octets of a message lie, and whether a line end comes behind them that the file lacks.
  struct Piece {
    Range range;
    bool adds_line_end = false;
  };
  Result<Piece> piece_of(Uid uid, const Shape& shape, std::uint64_t offset, std::size_t octets);
  Result<std::optional<Place>> find_place(Uid uid);
  [[nodiscard]] bool may_read_ahead() const;
  Result<std::string_view> read_ahead(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] bool has_ahead(std::uint64_t begin, std::uint64_t end) const;
  void forget_ahead();
  void doubt_ahead();
  Result<bool> is_unchanged(const Place& place);
  Result<bool> lies_at(const Place& place, std::string_view ahead);
  Result<bool> is_still_there(const Place& place);

  // look.cc
  [[nodiscard]] bool is_as_looked_at(const struct ::stat& status) const;
  [[nodiscard]] bool knows(const struct ::stat& status) const;
  Result<void> look();  // under the file's lock: scan and reconcile
  Result<bool> look_at_tail(const struct ::stat& status);
  Result<void> look_at_all(const struct ::stat& status, const std::vector<Range>& holes);
  void tell_preamble(const Scan& all, std::uint64_t size);
  Result<void> forget_all();  // the file is not there
  void forget_look();
  void tell_look();   // to those who have the same index
  void adopt_look();  // what such a one has told
  void remember(const struct ::stat& status, std::chrono::system_clock::time_point when);
  [[nodiscard]] Result<std::vector<Range>> find_holes(std::uint64_t size);

  // append.cc
  enum class Outcome : std::uint8_t { Stored, Again, Fresh, Left };
  Result<void> resolve_all();  // under Exclusive and the log's lock: rewrite, intents
  Result<Outcome> resolve(const Intent& intent, Record* mine);
  Result<void> cut_back(const Intent& intent);
  Result<bool> is_whole(const Intent& intent, std::uint64_t size);
  Result<bool> has_lost_its_begin(const Intent& intent, std::uint64_t size);
  Result<bool> find_elsewhere(const Intent& intent, std::uint64_t size);
  Result<std::uint64_t> size_now();
  Result<std::string> healing(std::uint64_t size);
  Result<void> put(Record& record, const Intent& intent, bool is_fresh);
  Result<bool> look_at_own(const Record& record, const Intent& intent,
                           std::span<const Flags> flags);
  Result<Intent> begin(const Record& record, std::string id, bool may_be_retried);
  void close_stored(const Intent& intent);
  // `flags`: of each message of the record.
  Result<std::vector<Uid>> uids_of(const Record& record, const Intent& intent,
                                   std::span<const Flags> flags);
  Result<std::vector<Uid>> append_own(std::vector<Record::Part> parts, std::span<const Flags> flags,
                                      const std::function<bool()>& go);
  void set_fields_of(std::vector<Record::Part>& parts, std::span<const Flags> flags);
  [[nodiscard]] bool has_work_left() const;
  void close_intent(Ops& ops, const Intent& intent) const;

  // fold.cc
  [[nodiscard]] bool has_pending() const;
  Result<std::vector<Place>> places_to_fold(bool tells_uids);
  Result<void> look_where_to_fold(bool tells_uids);
  Result<void> write_pending(std::span<const Flags> coming = {});
  Result<std::vector<Splice>> pending_splices(bool tells_uids, std::span<const Flags> coming,
                                              Ops& finished);
  Result<bool> splice_fields(const Place& place, const std::vector<Field>& fields,
                             std::vector<Splice>& splices);
  void follow(const std::vector<Splice>& splices, bool tells_uids);

  // told_uids.cc
  Result<void> adopt_identity(const Scan& all);
  [[nodiscard]] std::uint32_t highest_told(const UidBase& base) const;
  Result<void> skip_told_uids(const UidBase& base);
  void note_base(const UidBase& base);
  Result<UidBase> read_base();
  void show_change(std::time_t before);
  [[nodiscard]] std::uint64_t dovecot_stamp() const;
  [[nodiscard]] bool may_have_changed_within() const;
  [[nodiscard]] bool is_shared_with_dovecot() const;
  [[nodiscard]] bool are_uids_told() const;
  [[nodiscard]] std::vector<std::string> untold_keywords(const UidBase& base,
                                                         std::span<const Flags> coming) const;
  [[nodiscard]] std::optional<std::string> base_to_tell(const UidBase& base, bool holder_stays,
                                                        std::span<const Flags> coming) const;
  Result<void> tell_last_uid(std::size_t coming);
  Result<bool> tell_before_append(std::span<const Flags> coming);

  std::string path_;
  DovecotIndex dovecot_;
  FileDescriptor fd_;
  bool is_writable_ = false;
  int depth_ = 0;
  bool is_exclusive_ = false;
  FileLock file_lock_{settings_};

  // What the last look found. Lies in the index like this, and the places behind it.
  struct Look {
    std::uint64_t device = 0, inode = 0, octets = 0;
    std::int64_t mtime = 0, mtime_nanoseconds = 0, ctime = 0, ctime_nanoseconds = 0;
    std::uint64_t is_settled = 0;  // a later change is sure to show in the file's times
    // Only what stands at its end was read since the file changed; the rest is taken to be as it
    // was, and each message read again before it is shown or altered (is_still_there()).
    std::uint64_t is_tail_only = 0;
    std::uint64_t uid_validity = 0;
    // The message that stands last.
    std::uint64_t last_from = 0, last_fingerprint = 0, last_uid = 0;
    // X-IMAPbase as it stands there (UidBase), and where the header section ends that has it.
    std::uint64_t base_validity = 0, base_last = 0, base_last_at = 0, first_header_end = 0;
    std::uint64_t untold = 0;  // messages whose X-UID is not their UID
    std::uint64_t dovecot_stamp = 0;
  };
  using LookNumbers = std::array<std::uint64_t, sizeof(Look) / sizeof(std::uint64_t)>;
  bool has_looked_ = false;
  bool has_told_preamble_ = false;
  Look look_;
  Places places_;
  std::optional<Looked> adopted_;  // or told ourselves
  std::set<Uid> read_again_;       // since the last look
  int holds_ = 0;                  // hold_for_reading()
  std::optional<Place> located_;   // last, in this hold
  struct Fields {
    Uid uid;
    std::vector<Range> bookkeeping;
  };
  Fields fields_;      // of the message that was read again last, in this hold
  std::string ahead_;  // octets of the file as looked at, from
  std::uint64_t ahead_at_ = 0;
  bool is_ahead_sure_ = false;  // the file was as looked at since they were read, in this hold
  std::unordered_map<std::uint64_t, Flags> wished_;  // for what stands there, at the next look
  std::set<std::string> left_;                       // intents that only their retry can resolve
  Watch watch_;
  std::optional<Lock> session_hold_;  // lock_exclusively(); before what it releases
};

}  // namespace mail::store::mbox
