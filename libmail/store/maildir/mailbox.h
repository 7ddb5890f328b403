// One Maildir as a Mailbox (docs/maildir.md), in company with Dovecot, procmail, mutt and rsync.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "libmail/store/logged_mailbox.h"
#include "libmail/store/maildir/file_name.h"
#include "libmail/store/watch.h"

namespace mail::store::maildir {

class MaildirMailbox final : public LoggedMailbox {
 public:
  // `control`: directory of the state log and dovecot-uidlist; the Maildir itself by default.
  // `may_create`: an INBOX or a delivery's, which comes into being by being used; a folder that is
  // gone stays so.
  MaildirMailbox(std::string path, const std::string& control, const Settings& settings,
                 bool may_create);

  Result<Appended> append(MessageSource& message, const AppendOptions& options) override;
  Result<std::vector<Uid>> append_all(std::span<const NewMessage> messages) override;
  Result<std::unique_ptr<MessageReader>> open(Uid uid, View view) override;
  Result<std::string> from_line(Uid uid) override;
  Result<std::map<Uid, FormerIds>> former_ids() override;
  [[nodiscard]] int event_fd() override;
  Result<void> fold() override;
  Result<void> lock_exclusively() override;

  static Result<void> make(const std::string& path);

 protected:
  Result<void> refresh() override;
  void take_over(bool flags, bool expunged) override;
  Flags flags_of(const Entry& entry, const Item& item) const override;

 private:
  struct File : Item {
    std::string name;
    bool is_new = false;
  };
  struct Prepared {
    std::string stem;
    std::string name;   // with sizes, and with flags if it is to be in cur/
    FileDescriptor fd;  // until it is durable; closed where it is so already
    WallTime date{};    // INTERNALDATE: the file's own time
    bool is_link = false;
  };
  Result<std::vector<File>> list();
  Result<void> look();  // under the log's lock
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
  Result<Uid> uid_of_file(const std::string& name, const AppendOptions& options);
  Result<void> read_keywords();
  Result<void> learn_keywords();
  Result<FileDescriptor> open_file(const std::string& key);
  Result<void> measure(File& file);
  [[nodiscard]] bool has_pending() const;
  [[nodiscard]] std::string path_of(const File& file) const;
  [[nodiscard]] std::string prepared_path(const std::string& name) const;
  [[nodiscard]] std::string stored_path(const std::string& name) const;

  Result<void> be_there();
  std::string path_;
  bool may_create_;
  std::string uid_list_path_;
  bool has_looked_ = false;
  struct ::stat new_ {};
  struct ::stat cur_ {};
  std::vector<File> files_;
  std::unordered_map<std::string, std::size_t> by_key_;
  Keywords keywords_;
  std::unordered_map<std::string, Flags> wished_;  // by key, for the next look
  Watch watch_;
  std::optional<StateLog::Guard> session_hold_;  // lock_exclusively()
};

}  // namespace mail::store::maildir
