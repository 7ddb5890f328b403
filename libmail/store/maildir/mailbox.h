// One Maildir as a Mailbox (docs/maildir.md), in company with Dovecot, procmail, mutt and rsync.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "libmail/store/logged_mailbox.h"
#include "libmail/store/maildir/file_name.h"
#include "libmail/store/maildir/uid_list.h"
#include "libmail/store/watch.h"

namespace mail::store::maildir {

// The files and directories of one Maildir.
struct MaildirPlaces {
  std::string path;          // has cur, new, tmp
  std::string control{};     // directory of the state log and dovecot-uidlist; empty: `path`
  std::string index{};       // the file; empty: none
  std::string prepared{};    // directory of messages to be
  bool may_be_made = false;  // an INBOX or a delivery's, which comes into being by being used; a
                             // folder that is gone stays so

  [[nodiscard]] std::string log_path() const {
    return (control.empty() ? path : control) + "/tubepost.state";
  }
};

// Neither follows a link nor waits for a FIFO's writer.
inline constexpr int kOpenMessage = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

class MaildirMailbox final : public LoggedMailbox {
 public:
  MaildirMailbox(const MaildirPlaces& places, const Settings& settings);

  Result<Appended> append(MessageSource& message, const AppendOptions& options) override;
  Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) override;
  Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) override;
  Result<std::string> from_line(Uid uid) override;
  Result<std::map<Uid, FormerIds>> former_ids() override;
  [[nodiscard]] int event_fd() override;
  [[nodiscard]] bool is_unsettled() const override { return is_unsettled_; }
  void settle() override;
  Result<void> fold() override;
  Result<void> lock_exclusively() override;

  static Result<void> make(const MaildirPlaces& places);

 protected:
  Result<void> refresh() override;
  Result<Measure> measure_now(Uid uid) override;
  void take_over(bool flags, bool expunged) override;
  void before_change(const std::vector<Change>& wishes) override;
  void put_format(IndexWriter& writer) override;
  void restore() override;
  Flags flags_of(const Entry& entry, const Item& item) const override;

 private:
  struct File : Item {           // its name without flags
    std::string_view file_name;  // with flags
    bool is_new = false;
    bool may_be_none = false;  // of no known type
  };
  // When a file was changed last, as far as its times tell.
  struct Stamp {
    std::uint64_t inode = 0;
    std::uint64_t octets = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  // What the last look found. Lies in the index like this.
  struct Look {
    Stamp new_directory, cur_directory;
    Stamp uid_list;                // holds what state() holds
    std::uint64_t is_settled = 0;  // a later change is sure to show in the directories' times
    std::uint64_t uid_validity = 0;
  };
  struct Prepared {
    std::string stem;
    std::string name;   // with sizes, and with flags if it is to be in cur/
    FileDescriptor fd;  // until it is durable; closed where it is so already
    WallTime date{};    // INTERNALDATE: the file's own time
    bool is_link = false;
  };
  static Stamp stamp_of(const struct ::stat& status);
  struct Listing {
    std::vector<File> files;                     // by arrival
    std::vector<std::unique_ptr<char[]>> names;  // of the files
  };
  struct Found {
    std::string_view name;  // with flags
    bool is_new = false;
    bool may_be_none = false;
  };
  Result<Listing> list();
  Listing in_order(const std::vector<Found>& found);
  Result<void> look();  // under the log's lock
  // Names by their hashes.
  struct Difference {
    std::unordered_set<std::uint64_t> there, known;
    bool is_missed = false;    // a known one is not there
    bool any_unknown = false;  // one that is there is not known
  };
  [[nodiscard]] Difference compare_names(const std::vector<File>& files) const;
  Result<void> give_uids(std::vector<File>& files, const std::unordered_set<std::uint64_t>& known,
                         Look& now);
  static bool forget_equal_hints(std::vector<File>& files);
  void note_places(const std::vector<File>& files);
  // Both directories now, and whether they are as at the last look.
  Result<std::pair<Look, bool>> compare_directories() const;
  // What has changed in them since compare_directories() was our own doing.
  void remember_own_changes(const std::pair<Look, bool>& before);
  Result<UidList> read_uid_list_if_changed(bool& is_changed) const;
  Result<void> add_to_uid_list(std::span<const Given> added, UidList& before, Look& now);
  Result<void> write_uid_list(UidList& before, Look& now);  // all
  Result<void> apply_pending();
  Result<void> resolve_all();
  // append.cc
  static std::string new_stem();
  Result<Prepared> write_prepared(MessageSource& message, const std::optional<WallTime>& date);
  Result<Prepared> prepare(MessageSource& message, const AppendOptions& options);
  Result<void> put(const Prepared& prepared, const Intent& intent);
  // append_all.cc
  using Batch = std::vector<Prepared>;
  std::optional<Prepared> link_prepared(const MessageFile* file,
                                        const std::optional<WallTime>& date);
  Result<void> prepare_all(std::span<const NewMessage> messages, Batch& batch);
  Result<void> put_all(const Batch& batch);
  Result<void> sync_stored(const Batch& batch);
  Result<void> finish_batches();
  void forget_prepared(const Batch& batch) const;
  Result<bool> add_own(const Batch& batch, std::span<const NewMessage> messages,
                       std::vector<Uid>& uids);
  Result<std::vector<Uid>> uids_of(const Batch& batch, std::span<const NewMessage> messages);
  [[nodiscard]] Result<std::vector<Uid>> uids_of_bases(const std::vector<std::string>& bases) const;
  Result<Uid> uid_of_file(const std::string& name, const AppendOptions& options);
  Result<void> read_keywords();
  Result<void> learn_keywords(const std::set<std::string>& words);
  struct Opened {
    std::string base;
    FileDescriptor fd;
    struct ::stat status {};
    Measure measure;
  };
  Result<Opened> open_file(Uid uid);
  Result<FileDescriptor> find_file(Uid uid, std::string& base);
  Result<bool> part_namesakes();
  void tell_left_out(std::string_view name, std::string_view why);
  [[nodiscard]] bool has_pending() const;
  // Below the Maildir: "cur/..." or "new/...".
  [[nodiscard]] static std::string place_of(const File& file);
  [[nodiscard]] std::string usual_place(const Entry& entry, const std::string& base) const;
  [[nodiscard]] bool is_at_usual_place(const Entry& entry, const File& file) const;
  [[nodiscard]] std::string place_of(const Entry& entry, const std::string& base) const;
  [[nodiscard]] std::string prepared_path(const std::string& name) const;
  [[nodiscard]] std::string stored_path(const std::string& name) const;

  void take_over_pending(bool may_wait);
  Result<void> be_there();
  MaildirPlaces places_;
  std::string path_;  // places_.path
  std::string uid_list_path_;
  bool has_looked_ = false;
  bool is_unsettled_ = false;  // changes of ours are pending; where their files lie is known
  MonotonicTime unsettled_since_{};
  std::uint64_t lines_seen_ = 0;  // StateLog::lines_read() when the mailbox was as the log says
  bool is_own_change_ = false;    // what has changed since the listing was our doing
  Look look_;
  std::map<Uid, std::string> other_places_;  // of files that do not have the name they should
  std::vector<std::pair<std::string, std::string>> namesakes_;  // of the last list(): kept, other
  std::set<std::string> told_;                                  // what was left out
  Keywords keywords_;
  std::map<std::string, Flags, std::less<>> wished_;  // by name, for the next look
  Watch watch_;
  std::optional<StateLog::Guard> session_hold_;  // lock_exclusively()
};

}  // namespace mail::store::maildir
