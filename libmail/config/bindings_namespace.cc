// Namespaces: the one that holds INBOX is served, others are named.
#include "libmail/base/ascii.h"
#include "libmail/config/bindings.h"

namespace mail::config {
namespace {

void add_mailbox(const Reader& dovecot, const std::string& path, const std::string& section,
                 NamespaceBindings& bound) {
  std::string name = dovecot.get_string(path + "name");
  if (name.empty()) name = section_name(section);
  const auto whole = name == "INBOX" ? name : bound.prefix + name;
  const std::string attributes = dovecot.get_string(path + "special_use");
  for (const auto attribute : ascii::words(attributes)) {
    bound.special_use.emplace_back(whole, attribute);
  }
  const auto made = dovecot.get_string(path + "auto");
  if (made != "no") bound.made.push_back({whole, made == "subscribe"});
}

}  // namespace

NamespaceBindings namespace_bindings(const Configuration& config) {
  NamespaceBindings bound;
  const auto dovecot = config.dovecot();
  for (const auto& section : config.sections("namespace")) {
    const std::string path = "namespace/" + section + "/";
    if (dovecot.get_bool(path + "disabled")) continue;
    if (bound.is_set || !dovecot.get_bool(path + "inbox")) {
      const std::string which =
          section.find_first_not_of("0123456789") == std::string::npos ? "" : " " + section;
      bound.warnings.push_back(
          {dovecot.origin(path + "prefix"), "namespace" + which +
                                                " is not served; only the one with inbox = "
                                                "yes is"});
      continue;
    }
    bound.is_set = true;
    bound.prefix = dovecot.get_string(path + "prefix");
    bound.separator = dovecot.get_string(path + "separator").substr(0, 1);
    bound.location = dovecot.get_string(path + "location");
    const std::string mailboxes = "namespace/" + section + "/mailbox";
    for (const auto& mailbox : config.sections(mailboxes)) {
      std::string mailbox_path = mailboxes;
      mailbox_path.append("/").append(mailbox).append("/");
      add_mailbox(dovecot, mailbox_path, mailbox, bound);
    }
  }
  return bound;
}

}  // namespace mail::config
