// NamespacedStore: a user's mailboxes under the names that Dovecot's `namespace { prefix, separator
// }` gives them: "Sent/2026" is INBOX.Sent.2026 with prefix "INBOX." and separator '.'. INBOX
// itself is INBOX. A name without the prefix is no mailbox; one that could not be told from another
// (a separator within a level) is not listed.
#pragma once

#include <memory>

#include "libmail/store/mail_store.h"

namespace mail::store {

struct Namespace {
  std::string prefix;
  char separator = '/';
  bool operator==(const Namespace&) const = default;
};

class NamespacedStore final : public MailStore {
 public:
  NamespacedStore(std::unique_ptr<MailStore> inner, Namespace names)
      : inner_(std::move(inner)), names_(std::move(names)) {}

  Result<std::vector<MailboxName>> list() override;
  Result<std::unique_ptr<Mailbox>> open(std::string_view name) override;
  Result<void> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<void> subscribe(std::string_view name, bool on) override;

 private:
  // NotFound for what is outside the namespace, Denied for a '/' that is no separator here.
  [[nodiscard]] Result<std::string> inner_name(std::string_view name) const;
  // Empty where it has no name here.
  [[nodiscard]] std::string outer_name(std::string_view name) const;

  std::unique_ptr<MailStore> inner_;
  Namespace names_;
};

}  // namespace mail::store
