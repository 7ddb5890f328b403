// Appending several messages to a Maildir as one change. Once the line that prepares them stands in
// the state log, all of them will be there: whoever is killed after it, the next opener goes on.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/maildir/mailbox.h"
#include "libmail/store/maildir/uid_list.h"

namespace mail::store::maildir {
namespace {

constexpr std::string_view kBatchId = "append-all:";  // ids of files that are stored together
constexpr std::size_t kAtOnce = 64;                   // files open while they become durable

constexpr std::size_t kFew = 16;  // of others' files, each made durable by itself

// fsync of a thousand files that are clean already empties the disk's own cache a thousand times.
Result<void> sync_file_system(const std::string& directory) {
  const auto fd = TRY(sys::open(directory, O_RDONLY | O_DIRECTORY));
  if (::syncfs(fd.get()) != 0) return fail(sys::error_from_errno(errno, "syncfs", directory));
  return {};
}

std::string id_of(const std::string& stem) { return std::string(kBatchId) + stem; }

}  // namespace

void MaildirMailbox::forget_prepared(const Batch& batch) const {
  for (const Prepared& prepared : batch) {
    static_cast<void>(sys::unlink(prepared_path(prepared.stem)));
  }
}

// A second name for a file that another Maildir has. INTERNALDATE is the file's time and goes with
// it; a copy that is to have another one is written. Nothing: no link can be made (another file
// system, another owner, too many of them), and it is written too.
std::optional<MaildirMailbox::Prepared> MaildirMailbox::link_prepared(
    const MessageFile* file, const std::optional<WallTime>& date) {
  if (file == nullptr || !settings_.copy_with_hardlinks) return std::nullopt;
  const auto status = sys::fstat(file->fd);
  if (!status) return std::nullopt;
  Prepared prepared;
  prepared.is_link = true;
  prepared.date = WallTime{std::chrono::seconds(status->st_mtim.tv_sec)};
  if (date && *date != prepared.date) return std::nullopt;
  prepared.stem = new_stem();
  prepared.name = prepared.stem + ",S=" + std::to_string(status->st_size) +
                  ",W=" + std::to_string(file->wire_size);
  if (file->may_be_lost) {
    auto same = sys::duplicate(file->fd);
    if (!same) return std::nullopt;
    prepared.fd = std::move(*same);
  }
  if (!sys::link_open_file(file->fd, prepared_path(prepared.stem))) return std::nullopt;
  return prepared;
}

// All are written before the first is made durable: the file system's journal then takes them
// together.
Result<void> MaildirMailbox::prepare_all(std::span<const NewMessage> messages, Batch& batch) {
  TRY(read_keywords());
  std::set<std::string> words;
  for (const NewMessage& message : messages) {
    words.insert(message.flags.keywords.begin(), message.flags.keywords.end());
  }
  TRY(learn_keywords(words));  // so that the names tell all flags at once
  std::size_t durable = 0;
  std::size_t undurable = 0;  // links to files of others
  const auto sync = [&]() -> Result<void> {
    for (; durable < batch.size(); ++durable) {
      Prepared& prepared = batch.at(durable);
      if (!prepared.fd.is_open()) continue;
      TRY(sys::fsync(prepared.fd, prepared_path(prepared.stem)));
      prepared.fd.reset();
    }
    return {};
  };
  for (const NewMessage& message : messages) {
    const auto source = TRY(message.open());
    auto prepared = link_prepared(source->file(), message.internal_date);
    if (!prepared) prepared = TRY(write_prepared(*source, message.internal_date));
    if (prepared->is_link && prepared->fd.is_open() && ++undurable > kFew) prepared->fd.reset();
    batch.push_back(std::move(*prepared));
    const std::string letters = to_letters(message.flags, keywords_, {});
    if (!letters.empty()) batch.back().name += ":2," + letters;
    if (batch.size() - durable >= kAtOnce) TRY(sync());
  }
  TRY(sync());
  const std::string directory = places_.prepared;
  if (undurable > kFew) TRY(sync_file_system(directory));
  if (messages.size() == 1) return {};  // a rename is all or nothing by itself
  return sys::fsync_directory(directory);
}

// The directories that the files went to.
Result<void> MaildirMailbox::sync_stored(const Batch& batch) {
  for (const char* name : {"/new", "/cur"}) {
    const std::string directory = path_ + name;
    const bool is_used = std::any_of(batch.begin(), batch.end(), [&](const Prepared& prepared) {
      return parent_directory(stored_path(prepared.name)) == directory;
    });
    if (is_used) TRY(sys::fsync_directory(directory));
  }
  return {};
}

// On an error each file goes back, so that a kill meanwhile still leaves all or none of them; what
// cannot go back stays in the log, and all of them will be stored.
Result<void> MaildirMailbox::put_all(const Batch& batch) {
  std::size_t stored = 0;
  auto done = [&]() -> Result<void> {
    for (; stored < batch.size(); ++stored) {
      const std::string& name = batch.at(stored).name;
      TRY(sys::rename(prepared_path(name), stored_path(name)));
    }
    return sync_stored(batch);
  }();
  Ops ops;
  for (const Prepared& prepared : batch) ops.abandon(id_of(prepared.stem));
  if (done) {
    if (auto closed = log_.write(ops, false); !closed) {
      log::warning("maildir " + log::escape(path_) + ": " + closed.error().log_text);
    }
    return {};
  }
  const auto undone = [&]() -> Result<void> {
    while (stored > 0) {
      const std::string& name = batch.at(stored - 1).name;
      auto back = sys::rename(stored_path(name), prepared_path(name));
      if (!back && back.error().code != Errc::NotFound) return back;
      --stored;
    }
    return log_.write(ops, true);
  }();
  if (undone) {
    forget_prepared(batch);
  } else {
    log::warning("maildir " + log::escape(path_) + ": " + undone.error().log_text);
  }
  return done;
}

// Under the log's lock: what a killed process has left of an append_all().
Result<void> MaildirMailbox::finish_batches() {
  Ops ops;
  for (const auto& [id, intent] : state().intents) {
    if (!id.starts_with(kBatchId)) continue;
    auto renamed = sys::rename(prepared_path(intent.file), stored_path(intent.file));
    if (!renamed && renamed.error().code != Errc::NotFound) return renamed;
    ops.abandon(id);
  }
  if (ops.empty()) return {};
  TRY(sys::fsync_directory(path_ + "/new"));
  TRY(sys::fsync_directory(path_ + "/cur"));
  return log_.write(ops, false);
}

// Under the log's lock: they are new, so their UIDs are known without a look at all that lies
// there, unless Dovecot has given some that we have not seen. False: a look it is.
Result<bool> MaildirMailbox::add_own(const Batch& batch, std::span<const NewMessage> messages,
                                     std::vector<Uid>& uids) {
  if (state().uid_validity.value == 0) return false;
  const auto lock = TRY(UidListLock::take(uid_list_path_, settings_.lock_timeout));
  bool is_read = false;
  UidList list = TRY(read_uid_list_if_changed(is_read));
  const bool is_ours = list.uid_validity == state().uid_validity.value;
  if (!is_ours || list.uid_next > state().uid_next.value) return false;
  std::vector<Item> own(batch.size());
  std::vector<Item*> items;
  items.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const FileName parsed = parse_file_name(batch.at(i).name);
    Item& item = own.at(i);
    item.name = parsed.base;
    item.flags = to_flags(parsed.letters, keywords_);
    item.old = batch.at(i).name != parsed.base;
    item.measure = {wire_size_of(parsed.base).value_or(0), batch.at(i).date};
    if (messages[i].flags != item.flags) item.wished = &messages[i].flags;
    items.push_back(&item);
  }
  TRY(add_new(items));
  std::vector<Given> added;
  for (const Item& item : own) {
    uids.push_back(item.uid);
    added.push_back({item.uid, item.name});
  }
  TRY(add_to_uid_list(added, list, look_));
  return true;
}

Result<std::vector<Uid>> MaildirMailbox::uids_of(const Batch& batch,
                                                 std::span<const NewMessage> messages) {
  std::vector<Uid> uids;
  if (TRY(add_own(batch, messages, uids))) return uids;
  std::vector<std::string> bases;
  for (const Prepared& prepared : batch) bases.emplace_back(parse_file_name(prepared.name).base);
  for (std::size_t i = 0; i < batch.size(); ++i) wished_[bases.at(i)] = messages[i].flags;
  auto looked = look();
  wished_.clear();
  if (!looked) return fail(std::move(looked).error());
  return uids_of_bases(bases);
}

Result<std::vector<Uid>> MaildirMailbox::append_all(std::span<const NewMessage> messages) {
  if (messages.empty()) return std::vector<Uid>{};
  TRY(be_there());
  Batch batch;
  batch.reserve(messages.size());
  if (auto prepared = prepare_all(messages, batch); !prepared) {
    forget_prepared(batch);
    return fail(std::move(prepared).error());
  }
  const auto guard = log_.lock();
  auto begun = [&]() -> Result<void> {
    if (!guard) return fail(guard.error());
    TRY(catch_up());
    TRY(resolve_all());
    Ops ops;
    for (const Prepared& prepared : batch) {
      Intent intent;
      intent.id = id_of(prepared.stem);
      intent.file = prepared.name;
      ops.intent(intent);
    }
    return log_.write(ops, batch.size() > 1);  // durable before the first of them can be seen
  }();
  if (!begun) {
    forget_prepared(batch);
    return fail(std::move(begun).error());
  }
  const auto before = compare_directories();
  has_looked_ = false;
  TRY(put_all(batch));
  auto uids = uids_of(batch, messages);
  if (uids && before && !has_looked_) remember_own_changes(*before);
  if (uids) return uids;
  // Stored is stored: an error now would have them sent again.
  log::warning("maildir " + log::escape(path_) + ": " + uids.error().log_text);
  return std::vector<Uid>{};
}

}  // namespace mail::store::maildir
