// The end of a session: RFC 1939's UPDATE state.
#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/pop3/response.h"
#include "libmail/pop3/session.h"

namespace mail::pop3 {

// \Seen on what was retrieved, and with QUIT the deletions, all in one step.
Result<void> Session::update(bool delete_too) {
  enum class Fate : std::uint8_t { Stays, Seen, Gone };
  const auto fate_of = [&](const Message& message) {
    if (delete_too && message.deleted) return Fate::Gone;
    const bool is_read = message.retrieved && !message.seen && !settings_.no_flag_updates;
    return is_read ? Fate::Seen : Fate::Stays;
  };
  const bool any = std::any_of(messages_.begin(), messages_.end(), [&](const Message& message) {
    return fate_of(message) != Fate::Stays;
  });
  if (!any) return {};
  const auto changed = mailbox_->change([&](const store::Snapshot& snapshot) {
    std::vector<store::Change> changes;
    for (const Message& message : messages_) {
      const Fate fate = fate_of(message);
      if (fate == Fate::Stays) continue;
      const auto info = snapshot.find(message.uid);
      if (!info) continue;
      store::Change change;
      change.uid = message.uid;
      change.expunge = fate == Fate::Gone && settings_.expunges;
      if (!change.expunge) {
        change.flags = info->flags;
        if (fate == Fate::Gone) change.flags->set_keyword(settings_.deleted_flag);
        if (message.retrieved && !settings_.no_flag_updates) change.flags->set(store::Flag::Seen);
        change.mark_old = true;
      }
      changes.push_back(change);
    }
    return changes;
  });
  if (!changed) return fail(changed.error());
  return {};
}

void Session::finish(bool delete_too) {
  hold_.reset();
  note_uidl_change();
  const auto updated = update(delete_too);
  if (const auto folded = mailbox_->fold(); !folded) log::warning(folded.error().log_text);
  if (!updated) {
    log::error(updated.error().log_text);
    // RFC 1939 section 6: messages that could not be removed are told.
    if (delete_too) output_ += error("[SYS/TEMP] Some deleted messages not removed.");
    return;
  }
  if (!delete_too) return;
  statistics_.deleted = statistics_.messages - left_;
  statistics_.deleted_octets = statistics_.octets - left_octets_;
  output_ += ok(statistics_.deleted == 0 ? "Logging out." : "Logging out, messages deleted.");
}

}  // namespace mail::pop3
