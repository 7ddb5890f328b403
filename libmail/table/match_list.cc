#include "libmail/table/match_list.h"

#include <utility>

#include "libmail/base/ascii.h"

namespace mail::table {
namespace {

bool is_below(std::string_view name, std::string_view dotted_parent) {
  return name.size() > dotted_parent.size() && name.ends_with(dotted_parent);
}

}  // namespace

Result<MatchList> MatchList::open(const std::vector<std::string>& items, Subdomains subdomains) {
  MatchList list;
  list.subdomains_ = subdomains;
  for (std::string_view text : items) {
    Item item;
    while (text.starts_with('!')) {
      item.negated = !item.negated;
      text.remove_prefix(1);
    }
    if (const auto spec = parse_spec(text)) {
      if (!is_supported(spec->type)) continue;
      item.table = TRY(table::open(*spec));
      item.text = text;
    } else {
      item.text = ascii::to_lower(text);
    }
    list.items_.push_back(std::move(item));
  }
  return list;
}

Result<std::optional<std::string>> MatchList::match(std::string_view name) {
  const auto folded = ascii::to_lower(name);
  for (auto& item : items_) {
    const bool matched = TRY(matches(item, folded));
    if (matched && item.negated) return std::nullopt;
    if (matched) return item.text;
  }
  return std::nullopt;
}

Result<bool> MatchList::matches(Item& item, std::string_view name) const {
  if (!item.table) {
    if (name == item.text) return true;
    if (item.text.starts_with('.')) return is_below(name, item.text);
    return subdomains_ == Subdomains::Match && is_below(name, "." + item.text);
  }
  for (std::string_view key = name;;) {
    const auto found = TRY(item.table->find(key));
    if (found) return true;
    const auto dot = key.find('.', 1);
    if (subdomains_ == Subdomains::Ignore || item.table->has_patterns() ||
        dot == std::string_view::npos)
      return false;
    key.remove_prefix(dot + 1);
  }
}

}  // namespace mail::table
