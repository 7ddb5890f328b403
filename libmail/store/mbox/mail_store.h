// A tree of mbox files below a mail root, INBOX somewhere else (`mbox:~/mail:INBOX=/var/mail/%u`).
// State lies in ROOT/.imap/.tubepost, which Dovecot does not take for folders (docs/mbox.md).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "libmail/store/layout.h"
#include "libmail/store/location.h"
#include "libmail/store/mail_store.h"
#include "libmail/store/mbox/mailbox.h"
#include "libmail/store/settings.h"

namespace mail::store::mbox {

class MboxMailStore final : public MailStore {
 public:
  // `spool_state`: directory for the state of an INBOX outside the root; empty: with the others.
  MboxMailStore(Location location, const std::string& spool_state, const Settings& settings);

  Result<std::vector<MailboxName>> list() override;
  Result<std::unique_ptr<Mailbox>> open(std::string_view name) override;
  Result<void> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> subscribe(std::string_view name, bool on) override;

  // A file by its path; NotFound. One of ours is the same as by its name.
  Result<std::unique_ptr<Mailbox>> open_file(const std::string& path);

 private:
  struct Place {
    std::string name;    // the one its state is kept under, whatever links led to it
    std::string folder;  // the name in the tree
    std::string path;    // the mbox; `folder`, or in it (DIRNAME=)
  };
  Result<Place> place_of(std::string_view checked_name) const;
  [[nodiscard]] Place place_at(const std::string& name, const std::string& folder) const;
  [[nodiscard]] std::string log_path_of(std::string_view checked_name) const;
  [[nodiscard]] std::string index_path_of(const std::string& log_path) const;
  [[nodiscard]] DovecotIndex dovecot_index_of(const std::string& path) const;
  std::unique_ptr<Mailbox> open_at(const std::string& path, const std::string& log_path);
  Result<void> remove_folder(const std::string& folder);
  void remove_state(const std::string& name) const;
  void tidy_parents(const std::string& folder) const;
  Result<void> rename_files(const Place& from, const Place& to);
  Result<void> rename_state(const std::string& from, const std::string& to) const;
  using Found = std::map<std::string, MailboxName>;
  Result<Found> find_all() const;
  Result<void> find(const std::string& below, Found& found) const;
  void find_file(const std::string& below, const std::string& file, Found& found) const;

  Location location_;
  Layout layout_;
  std::string control_;
  std::string spool_log_path_;  // of such an INBOX
  Settings settings_;
  std::map<std::string, std::weak_ptr<MboxMailbox>> open_;             // by path
  std::shared_ptr<bool> met_dovecot_ = std::make_shared<bool>(false);  // DovecotIndex::is_met
};

}  // namespace mail::store::mbox
