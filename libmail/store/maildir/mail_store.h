// A Maildir++ tree: INBOX is the root, folder A/B is the directory .A.B in it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "libmail/store/location.h"
#include "libmail/store/mail_store.h"
#include "libmail/store/maildir/mailbox.h"
#include "libmail/store/settings.h"

namespace mail::store::maildir {

class MaildirMailStore final : public MailStore {
 public:
  MaildirMailStore(Location location, const Settings& settings)
      : location_(std::move(location)), settings_(settings) {}

  Result<std::vector<MailboxName>> list() override;
  Result<std::unique_ptr<Mailbox>> open(std::string_view name) override;
  Result<void> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> subscribe(std::string_view name, bool on) override;

 private:
  // Directory below the root: "" for INBOX, ".A.B". Denied: a '.' in a level.
  static Result<std::string> directory_of(std::string_view checked_name);
  Result<std::vector<std::string>> directories() const;
  [[nodiscard]] std::string log_path_of(const std::string& directory) const;
  [[nodiscard]] std::string index_path_of(const std::string& directory) const;

  Location location_;
  Settings settings_;
  std::map<std::string, std::weak_ptr<MaildirMailbox>> open_;
};

}  // namespace mail::store::maildir
