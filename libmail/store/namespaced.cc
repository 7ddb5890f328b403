#include "libmail/store/namespaced.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/store/mailbox_name.h"

namespace mail::store {
namespace {

constexpr char kInner = '/';
constexpr std::string_view kInbox = "INBOX";

// INBOX as a prefix's first level is so in any case of letters (RFC 3501 section 5.1).
bool has_prefix(std::string_view name, std::string_view prefix, char separator) {
  if (name.starts_with(prefix)) return true;
  const auto first = prefix.substr(0, prefix.find(separator));
  return ascii::iequals(first, kInbox) && ascii::istarts_with(name, prefix);
}

}  // namespace

Result<std::string> NamespacedStore::inner_name(std::string_view name) const {
  if (name.size() > 1 && name.back() == names_.separator) name.remove_suffix(1);
  if (ascii::iequals(name, kInbox)) return std::string(kInbox);
  if (!has_prefix(name, names_.prefix, names_.separator) || name.size() <= names_.prefix.size()) {
    return fail(Errc::NotFound, "Mailbox names begin with " + names_.prefix + " here");
  }
  std::string inner(name.substr(names_.prefix.size()));
  if (names_.separator == kInner) return inner;
  if (inner.find(kInner) != std::string::npos) {
    return cannot("it may not hold '/' here");
  }
  std::ranges::replace(inner, names_.separator, kInner);
  return inner;
}

std::string NamespacedStore::outer_name(std::string_view name) const {
  if (name == kInbox) return std::string(name);
  if (names_.separator != kInner && name.find(names_.separator) != std::string_view::npos) {
    return {};
  }
  std::string outer(name);
  std::ranges::replace(outer, kInner, names_.separator);
  return names_.prefix + outer;
}

Result<std::vector<MailboxName>> NamespacedStore::list() {
  std::vector<MailboxName> names;
  auto all = TRY(inner_->list());
  for (auto& one : all) {
    one.name = outer_name(one.name);
    if (!one.name.empty()) names.push_back(std::move(one));
  }
  const std::string below = std::string(kInbox) + names_.separator;
  if (!names.empty() && names.front().name == kInbox) {
    names.front().has_children =
        names.front().has_children ||
        std::ranges::any_of(names, [&](const auto& one) { return one.name.starts_with(below); });
  }
  return names;
}

Result<std::unique_ptr<Mailbox>> NamespacedStore::open(std::string_view name) {
  const auto inner = TRY(inner_name(name));
  return inner_->open(inner);
}

Result<void> NamespacedStore::create(std::string_view name) {
  auto inner = TRY(inner_name(name));
  if (name.size() > 1 && name.back() == names_.separator) inner += kInner;
  return inner_->create(inner);
}

Result<void> NamespacedStore::remove(std::string_view name) {
  const auto inner = TRY(inner_name(name));
  return inner_->remove(inner);
}

Result<void> NamespacedStore::rename(std::string_view from, std::string_view to) {
  const auto old_name = TRY(inner_name(from));
  const auto new_name = TRY(inner_name(to));
  return inner_->rename(old_name, new_name);
}

Result<void> NamespacedStore::subscribe(std::string_view name, bool on) {
  const auto inner = TRY(inner_name(name));
  return inner_->subscribe(inner, on);
}

}  // namespace mail::store
