#include "libmail/config/parameter.h"

#include <algorithm>
#include <array>
#include <functional>

#include "libmail/base/ascii.h"

namespace mail::config {
namespace {

// "a/*/c" against "a/b/c": '*' is one component; a last '*' takes what is left.
bool matches_path(std::string_view pattern, std::string_view name) {
  for (;;) {
    const auto pattern_end = pattern.find('/');
    const auto name_end = name.find('/');
    const auto step = pattern.substr(0, pattern_end);
    if (step == "*" && pattern_end == std::string_view::npos) return !name.empty();
    if (step != "*" && step != name.substr(0, name_end)) return false;
    if (pattern_end == std::string_view::npos || name_end == std::string_view::npos) {
      return pattern_end == name_end;
    }
    pattern.remove_prefix(pattern_end + 1);
    name.remove_prefix(name_end + 1);
  }
}

// The row of that name in a table sorted by name; a pattern's row only where no name is the same.
template <class Row, class Projection>
const Row* find_name(std::span<const Row> rows, std::string_view name, Projection projection) {
  const auto at = std::ranges::lower_bound(rows, name, {}, projection);
  if (at != rows.end() && std::invoke(projection, *at) == name) return &*at;
  if (name.find('/') == std::string_view::npos) return nullptr;  // every pattern holds a '/'
  const auto match = std::ranges::find_if(rows, [&](const Row& row) {
    const std::string_view pattern = std::invoke(projection, row);
    return pattern.find('*') != std::string_view::npos && matches_path(pattern, name);
  });
  return match == rows.end() ? nullptr : &*match;
}

// protocol/imap/x is x; so is local/NET/x and remote/NET/x (config reports that these two are not
// applied).
std::string_view strip_filters(std::string_view name) {
  constexpr auto kFilters =
      std::to_array<std::string_view>({"protocol/", "local/", "remote/", "local_name/"});
  for (bool again = true; again;) {
    again = false;
    for (const auto filter : kFilters) {
      const auto end = name.find('/', filter.size());
      if (name.starts_with(filter) && end != std::string_view::npos) {
        name.remove_prefix(end + 1);
        again = true;
      }
    }
  }
  return name;
}

// Postfix makes NAME_destination_recipient_limit and its like for every transport in master.cf.
bool is_transport_parameter(std::string_view name) {
  constexpr auto kSuffixes = std::to_array<std::string_view>(
      {"_delivery_slot_cost", "_delivery_slot_discount", "_delivery_slot_loan",
       "_delivery_status_filter", "_destination_concurrency_failed_cohort_limit",
       "_destination_concurrency_limit", "_destination_concurrency_negative_feedback",
       "_destination_concurrency_positive_feedback", "_destination_rate_delay",
       "_destination_recipient_limit", "_extra_recipient_limit", "_initial_destination_concurrency",
       "_minimum_delivery_slots", "_recipient_limit", "_recipient_refill_delay",
       "_recipient_refill_limit", "_time_limit", "_transport_rate_delay"});
  return std::ranges::any_of(kSuffixes, [&](auto suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  });
}

struct Nearest {
  std::string_view name;
  std::size_t distance = 4;  // beyond 3 changes a guess is no help
};

void look_at(Nearest& best, std::string_view candidate, std::string_view name) {
  if (candidate.find('*') != std::string_view::npos) return;
  const auto length = std::max(candidate.size(), name.size());
  if (length - std::min(candidate.size(), name.size()) >= best.distance) return;
  const auto distance = ascii::edit_distance(candidate, name, best.distance);
  if (distance < best.distance && distance * 3 < length + 2) best = {candidate, distance};
}

void look_in(Nearest& best, Space space, std::string_view name) {
  const bool postfix = space == Space::Postfix;
  for (const auto& row : postfix ? postfix_parameters() : dovecot_parameters()) {
    look_at(best, row.name, name);
  }
  for (const auto known : postfix ? unused_postfix_names() : unused_dovecot_names()) {
    look_at(best, known, name);
  }
}

}  // namespace

std::string_view to_string(Space space) { return space == Space::Postfix ? "postfix" : "dovecot"; }

const Parameter* find_parameter(Space space, std::string_view name) {
  if (space == Space::Dovecot) name = strip_filters(name);
  const auto rows = space == Space::Postfix ? postfix_parameters() : dovecot_parameters();
  return find_name(rows, name, &Parameter::name);
}

bool is_known(Space space, std::string_view name) {
  if (find_parameter(space, name) != nullptr) return true;
  if (space == Space::Postfix && is_transport_parameter(name)) return true;
  if (space == Space::Dovecot) name = strip_filters(name);
  const auto names = space == Space::Postfix ? unused_postfix_names() : unused_dovecot_names();
  return find_name(names, name, std::identity{}) != nullptr;
}

std::string nearest_name(std::string_view name) {
  Nearest best;
  look_in(best, Space::Postfix, name);
  look_in(best, Space::Dovecot, name);
  return std::string(best.name);
}

std::string nearest_name(Space space, std::string_view name) {
  Nearest best;
  look_in(best, space, name);
  return std::string(best.name);
}

}  // namespace mail::config
