// A tree of Maildirs: INBOX is the root, folder A/B is the directory .A.B in it (Maildir++), or A/B
// (LAYOUT=fs).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libmail/store/layout.h"
#include "libmail/store/location.h"
#include "libmail/store/mail_store.h"
#include "libmail/store/maildir/mailbox.h"
#include "libmail/store/settings.h"

namespace mail::store::maildir {

class MaildirMailStore final : public MailStore {
 public:
  MaildirMailStore(Location location, const Settings& settings);

  Result<std::vector<MailboxName>> list() override;
  Result<std::unique_ptr<Mailbox>> open(std::string_view name) override;
  Result<void> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> subscribe(std::string_view name, bool on) override;

 private:
  struct Place {
    std::string key;      // what control and index directories call it
    std::string folder;   // the name in the tree
    MaildirPlaces files;  // of the mailbox
  };
  Result<Place> place_of(std::string_view checked_name) const;
  [[nodiscard]] Place place_at(const std::string& key) const;
  [[nodiscard]] Place place_of_inbox() const;
  void take_over_control(const Place& inbox) const;
  using Found = std::map<std::string, MailboxName>;
  Result<Found> find_all() const;
  void find(const std::string& below, Found& found) const;
  // Where else than in the folder something of it lies.
  [[nodiscard]] std::vector<std::string> other_roots() const;
  [[nodiscard]] bool is_mailbox(const Place& place) const;
  Result<void> remove_mailbox(const Place& place);
  void remove_elsewhere(const Place& place) const;
  Result<void> rename_files(const Place& from, const Place& to, const Found& found);
  void tidy_parents(const std::string& folder) const;

  Location location_;
  Layout layout_;
  Settings settings_;
  std::map<std::string, std::weak_ptr<MaildirMailbox>> open_;  // by path
};

}  // namespace mail::store::maildir
