#include "libmail/store/subscriptions.h"

#include <algorithm>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/base/utf8.h"
#include "libmail/store/layout.h"
#include "libmail/store/location.h"
#include "libmail/store/mailbox.h"
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

SubscriptionsFile subscriptions_of(const Location& location) {
  const bool is_mbox = location.format == Format::Mbox;
  const std::string& name = location.subscriptions;
  return {(location.control.empty() ? location.root : location.control) + "/" +
              (!name.empty() ? name
               : is_mbox     ? ".subscriptions"
                             : "subscriptions"),
          separator_of(location), location.is_utf8};
}

Result<std::set<std::string>> read_subscriptions(const SubscriptionsFile& file) {
  const std::string text = TRY(read_if_there(file.path));
  std::string_view rest{text};
  char separator = file.separator;
  if (rest.starts_with(kVersion2)) {
    rest.remove_prefix(kVersion2.size());
    separator = '\t';
  }
  std::set<std::string> names;
  for (const auto line : ascii::split(rest, '\n')) {
    if (line.empty()) continue;
    std::string name = replaced(std::string(line), separator, '/');
    names.insert(file.is_utf8 && utf8::is_valid(name) ? name : from_modified_utf7(name));
  }
  return names;
}

Result<void> change_subscription(const SubscriptionsFile& file, const std::string& name, bool on) {
  const std::string text = TRY(read_if_there(file.path));
  std::set<std::string> names = TRY(read_subscriptions(file));
  const bool changed = on ? names.insert(name).second : names.erase(name) != 0;
  if (!changed) return {};
  std::string fresh;
  char separator = file.separator;
  if (text.starts_with(kVersion2)) {
    fresh = kVersion2;
    separator = '\t';
  }
  for (const auto& one : names) {
    fresh += replaced(file.is_utf8 ? one : to_modified_utf7(one), '/', separator) + "\n";
  }
  TRY(make_private_directories(parent_directory(file.path)));
  return sys::replace_file(file.path, fresh, 0600);
}

std::vector<MailboxName> listing(std::map<std::string, MailboxName> found,
                                 const std::set<std::string>& subscribed) {
  for (const auto& name : subscribed) {
    found.try_emplace(name, MailboxName{name, false, false, true, false}).first->second.subscribed =
        true;
  }
  MailboxName& inbox = found["INBOX"];
  inbox.name = "INBOX";
  inbox.selectable = inbox.exists = true;
  std::vector<MailboxName> names{std::move(inbox)};
  found.erase("INBOX");
  for (auto& [name, entry] : found) names.push_back(std::move(entry));
  return names;
}

Result<void> move_messages(Mailbox& from, Mailbox& to) {
  const Changes all = TRY(from.since(ModSeq{0}));
  std::vector<Uid> moved;
  moved.reserve(all.messages.size());
  std::vector<MessageInfo> readable;  // the others stay
  for (const MessageInfo& info : all.messages) {
    if (const auto measure = from.measure(info.uid); measure && measure->is_readable) {
      readable.push_back(info);
      moved.push_back(info.uid);
    }
  }
  TRY(append_copies(from, readable, to));
  TRY(from.change([&](const Snapshot&) {
    std::vector<Change> changes;
    changes.reserve(moved.size());
    for (const Uid uid : moved) changes.push_back({uid, std::nullopt, false, true});
    return changes;
  }));
  return {};
}

Result<void> move_inbox(MailStore& store, const std::string& to) {
  TRY(store.create(to));
  const auto inbox = store.open("INBOX");
  if (!inbox) return fail(inbox.error());
  const auto target = store.open(to);
  if (!target) return fail(target.error());
  return move_messages(**inbox, **target);
}

}  // namespace mail::store
