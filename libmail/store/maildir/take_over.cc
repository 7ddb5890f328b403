// Acknowledged changes into the names of files (docs/maildir.md): at once, or where there are many
// of them in a pause.
#include <set>
#include <utility>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/maildir/mailbox.h"

namespace mail::store::maildir {
namespace {

constexpr std::size_t kMany = 100;  // changes

}  // namespace

bool MaildirMailbox::has_pending() const {
  return !state().doomed.empty() || state().messages.pending() > 0;
}

// The flags that their names have now are not known any more when the log has others.
void MaildirMailbox::before_change(const std::vector<Change>& wishes) {
  if (wishes.size() > kMany && !log_.load_names()) return;  // each by itself costs a page
  for (const Change& wish : wishes) {
    const Entry* const entry = state().messages.find(wish.uid);
    if (entry == nullptr || wish.expunge || other_places_.contains(wish.uid)) continue;
    if (const auto base = log_.word_of(wish.uid)) {
      other_places_[wish.uid] = usual_place(*state().messages.find(wish.uid), *base);
    }
  }
}

// Acknowledged changes into names and directories; under the log's lock. The log says when it is
// done, so a crash on the way is taken up again by the next look. So is what another process has
// left: only a listing tells what its files are called.
Result<void> MaildirMailbox::apply_pending() {
  std::set<std::string> words;
  for (const auto& [uid, place] : other_places_) {
    const Entry* const entry = state().messages.find(uid);
    if (entry == nullptr || entry->pending == 0) continue;
    words.insert(entry->flags.keywords.begin(), entry->flags.keywords.end());
  }
  TRY(learn_keywords(words));
  Ops ops;
  std::set<std::string> changed;  // directories
  const auto places = other_places_;
  for (const auto& [uid, from] : places) {
    const Entry* const entry = state().messages.find(uid);
    if (entry == nullptr || entry->pending == 0) continue;
    const std::string base(parse_file_name(std::string_view{from}.substr(from.find('/') + 1)).base);
    const bool was_new = from.starts_with("new/");
    const std::string letters = to_letters(entry->flags, keywords_, parse_file_name(from).letters);
    const bool stays_new = entry->old == 0 && letters.empty() && was_new;
    std::string to = (stays_new ? "new/" : "cur/") + base;
    if (!stays_new) to.append(":2,").append(letters);
    if (from == to && !sys::exists(path_ + '/' + to)) {  // named by flags of another process
      has_looked_ = false;
      continue;
    }
    if (from != to) {
      auto renamed = sys::rename(path_ + '/' + from, path_ + '/' + to);
      if (!renamed && renamed.error().code == Errc::NotFound) {
        has_looked_ = false;
        continue;  // another program has moved it: at the next look
      }
      if (!renamed) return renamed;
      if (settings_.sync_changes) changed.insert(from.substr(0, from.find('/')));
    }
    // Renamed by a process that was killed, perhaps.
    if (settings_.sync_changes) changed.insert(to.substr(0, to.find('/')));
    ops.stored(uid, entry->modseq, entry->flags, !stays_new);
    Entry stored = *entry;
    stored.old = stays_new ? 0 : 1;
    if (to == usual_place(stored, base)) {
      other_places_.erase(uid);
    } else {
      other_places_[uid] = to;
    }
  }
  for (const Entry& entry : state().doomed) {
    const std::string base = TRY(state().word_of(entry.key()));
    const std::string place = place_of(entry, base);
    auto gone = sys::unlink(path_ + '/' + place);
    if (!gone && gone.error().code == Errc::NotFound) {
      has_looked_ = false;
      continue;
    }
    if (!gone) return gone;
    changed.insert(place.substr(0, place.find('/')));
    other_places_.erase(entry.uid);
    ops.gone(entry.uid, entry.modseq);
  }
  // Before the log forgets what was to be done: after a power failure the old names may be back.
  for (const auto& directory : changed) TRY(sys::fsync_directory(path_ + '/' + directory));
  return ops.empty() ? Result<void>{} : log_.write(ops, false);
}

Result<void> MaildirMailbox::fold() {
  take_over_pending(true);
  TRY(refresh());
  tell_measures(1);
  save_index();
  return {};
}

// Renames of many files keep nobody waiting who has been told that his flags are durable.
void MaildirMailbox::take_over(bool /*flags*/, bool expunged) {
  if (!std::exchange(is_unsettled_, true)) unsettled_since_ = clock_.monotonic();
  if (expunged || state().messages.pending() <= kMany) take_over_pending(true);
}

void MaildirMailbox::settle() { take_over_pending(false); }

void MaildirMailbox::take_over_pending(bool may_wait) {
  if (!is_unsettled_) return;
  const auto done = [&]() -> Result<void> {
    const auto guard = TRY(may_wait ? log_.lock() : log_.try_lock());
    TRY(load());
    const auto before = TRY(compare_directories());
    TRY(apply_pending());
    remember_own_changes({before.first, before.second && has_looked_});
    return {};
  }();
  if (!done && done.error().code == Errc::InUse && !may_wait) return;
  is_unsettled_ = false;
  if (done) return;
  log::info("maildir " + log::escape(path_) + ": " + done.error().log_text);
  has_looked_ = false;
}

}  // namespace mail::store::maildir
