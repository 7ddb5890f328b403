#include "libmail/store/memory/mail_store.h"

#include "libmail/store/layout.h"
#include "libmail/store/mailbox_name.h"
#include "libmail/store/memory/mailbox.h"
#include "libmail/store/subscriptions.h"

namespace mail::store::memory {

Result<void> World::call() {
  if (!next_failure) return {};
  Error error = *std::move(next_failure);
  next_failure.reset();
  return fail(std::move(error));
}

namespace {

std::shared_ptr<Box> make_box(World& world) {
  auto box = std::make_shared<Box>();
  const auto seconds = world.clock.now().time_since_epoch() / std::chrono::seconds(1);
  box->status.uid_validity = {static_cast<std::uint32_t>(seconds) + world.boxes_made++};
  box->status.uid_next = {1};
  box->status.highest_modseq = {1};
  box->status.mailbox_id = "M" + std::to_string(world.boxes_made);
  return box;
}

}  // namespace

MemoryMailStore::MemoryMailStore(std::shared_ptr<World> world) : world_(std::move(world)) {
  if (!world_->boxes.contains("INBOX")) world_->boxes["INBOX"] = make_box(*world_);
}

Result<std::vector<MailboxName>> MemoryMailStore::list() {
  TRY(world_->call());
  std::map<std::string, MailboxName> found;
  for (const auto& [name, box] : world_->boxes) found[name].name = name;
  add_parents(found);
  return listing(std::move(found), world_->subscriptions);
}

Result<std::unique_ptr<Mailbox>> MemoryMailStore::open(std::string_view name) {
  TRY(world_->call());
  const std::string checked = TRY(check_mailbox_name(name));
  const auto found = world_->boxes.find(checked);
  if (found == world_->boxes.end()) return fail(Errc::NotFound, "Mailbox does not exist");
  return std::make_unique<MemoryMailbox>(world_, found->second);
}

Result<void> MemoryMailStore::create(std::string_view name) {
  TRY(world_->call());
  if (name.ends_with('/')) name.remove_suffix(1);
  const std::string checked = TRY(check_mailbox_name(name));
  if (world_->boxes.contains(checked)) return fail(Errc::Exists, "Mailbox already exists");
  world_->boxes[checked] = make_box(*world_);
  return {};
}

Result<void> MemoryMailStore::remove(std::string_view name) {
  TRY(world_->call());
  const std::string checked = TRY(check_mailbox_name(name));
  if (checked == "INBOX") return impossible("INBOX cannot be deleted");
  if (world_->boxes.erase(checked) == 0) return fail(Errc::NotFound, "Mailbox does not exist");
  return {};
}

Result<void> MemoryMailStore::rename(std::string_view from, std::string_view to) {
  TRY(world_->call());
  const std::string old_name = TRY(check_mailbox_name(from));
  const std::string new_name = TRY(check_mailbox_name(to));
  // A name may be there only as the parent of others (\\Noselect).
  const auto after = world_->boxes.lower_bound(old_name + "/");
  const bool has_children =
      after != world_->boxes.end() && after->first.starts_with(old_name + "/");
  if (!world_->boxes.contains(old_name) && !has_children) {
    return fail(Errc::NotFound, "Mailbox does not exist");
  }
  if (world_->boxes.contains(new_name)) return fail(Errc::Exists, "Mailbox already exists");
  if (new_name.starts_with(old_name + "/")) return impossible("Cannot rename into itself");
  auto boxes = world_->boxes;
  for (const auto& [name, box] : boxes) {
    if (name != old_name && (old_name == "INBOX" || !name.starts_with(old_name + "/"))) continue;
    world_->boxes.erase(name);
    world_->boxes[new_name + name.substr(old_name.size())] = box;
  }
  // RFC 9051 section 6.3.6: renaming INBOX moves its messages and leaves it, empty, behind.
  if (old_name == "INBOX") world_->boxes["INBOX"] = make_box(*world_);
  return {};
}

Result<void> MemoryMailStore::subscribe(std::string_view name, bool on) {
  TRY(world_->call());
  const std::string checked = TRY(check_mailbox_name(name));
  if (on) {
    world_->subscriptions.insert(checked);
  } else {
    world_->subscriptions.erase(checked);
  }
  return {};
}

}  // namespace mail::store::memory
