#include "libmail/store/subscriptions.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/store/mail_store.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/message_source.h"
#include "libmail/store/state_log.h"

namespace mail::store {
namespace {

constexpr std::string_view kVersion2 = "V\t2\n\n";

std::string replaced(std::string text, char from, char to) {
  std::replace(text.begin(), text.end(), from, to);
  return text;
}

Result<std::string> read_if_there(const std::string& path) {
  auto text = sys::read_file(path);
  if (!text && text.error().code == Errc::NotFound) return std::string{};
  return text;
}

}  // namespace

Result<std::set<std::string>> read_subscriptions(const std::string& path, char separator) {
  const std::string text = TRY(read_if_there(path));
  std::string_view rest{text};
  if (rest.starts_with(kVersion2)) {
    rest.remove_prefix(kVersion2.size());
    separator = '\t';
  }
  std::set<std::string> names;
  for (const auto line : ascii::split(rest, '\n')) {
    if (!line.empty())
      names.insert(from_modified_utf7(replaced(std::string(line), separator, '/')));
  }
  return names;
}

Result<void> change_subscription(const std::string& path, char separator, const std::string& name,
                                 bool on) {
  const std::string text = TRY(read_if_there(path));
  std::set<std::string> names = TRY(read_subscriptions(path, separator));
  const bool changed = on ? names.insert(name).second : names.erase(name) != 0;
  if (!changed) return {};
  std::string fresh;
  if (text.starts_with(kVersion2)) {
    fresh = kVersion2;
    separator = '\t';
  }
  for (const auto& one : names) fresh += replaced(to_modified_utf7(one), '/', separator) + "\n";
  TRY(make_private_directories(parent_directory(path)));
  return sys::replace_file(path, fresh, 0600);
}

void mark_subscribed(std::vector<MailboxName>& names, std::set<std::string> subscribed) {
  for (MailboxName& name : names) name.subscribed = subscribed.erase(name.name) != 0;
  for (const auto& name : subscribed) names.push_back({name, false, false, true, false});
  std::sort(names.begin(), names.end(), [](const MailboxName& a, const MailboxName& b) {
    if ((a.name == "INBOX") != (b.name == "INBOX")) return a.name == "INBOX";
    return a.name < b.name;
  });
}

Result<void> move_messages(Mailbox& from, Mailbox& to) {
  const Changes all = TRY(from.since(ModSeq{0}));
  std::vector<Uid> moved;
  moved.reserve(all.messages.size());
  for (const MessageInfo& info : all.messages) moved.push_back(info.uid);
  TRY(append_copies(from, all.messages, to));
  TRY(from.change([&](const Snapshot&) {
    std::vector<Change> changes;
    changes.reserve(moved.size());
    for (const Uid uid : moved) changes.push_back({uid, std::nullopt, false, true});
    return changes;
  }));
  return {};
}

}  // namespace mail::store
