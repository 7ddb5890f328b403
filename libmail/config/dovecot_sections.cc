#include "libmail/config/dovecot_sections.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/config/values.h"

namespace mail::config {
namespace {

struct Row {
  std::string_view kind, outer;
};
constexpr auto kSections = std::to_array<Row>({
    {"dict", ""},
    {"fifo_listener", "service"},
    {"inet_listener", "service"},
    {"mailbox", "namespace"},
    {"metric", ""},
    {"namespace", ""},
    {"passdb", ""},
    {"plugin", ""},
    {"service", ""},
    {"unix_listener", "service"},
    {"userdb", ""},
});

// Outer ones first: a filter may stand in those before it.
constexpr auto kFilters =
    std::to_array<std::string_view>({"local", "local_name", "remote", "protocol"});

std::size_t rank_of(std::string_view filter) {
  return static_cast<std::size_t>(std::ranges::find(kFilters, filter) - kFilters.begin());
}

std::string quoted(std::string_view outer, std::string_view inner) {
  return std::string(outer) + " { " + std::string(inner) + " { } }";
}

}  // namespace

bool is_dovecot_filter(std::string_view kind) { return rank_of(kind) < kFilters.size(); }

bool has_free_names(std::string_view kind) { return kind == "plugin" || kind == "dict"; }

std::string objection_to_section(std::string_view kind, std::string_view name,
                                 std::string_view outer) {
  if (!is_dovecot_filter(kind)) return {};
  if (!outer.empty() && !is_dovecot_filter(outer)) return "unknown section " + quoted(outer, kind);
  if (!outer.empty() && (kind == "protocol" ? outer == kind : rank_of(outer) > rank_of(kind))) {
    return quoted(outer, kind) + " is not allowed" +
           (outer == kind ? "" : "; write " + quoted(kind, outer));
  }
  if (kind != "local" && kind != "remote") return {};
  if (name.empty()) return std::string(kind) + " { } needs an address or ADDRESS/BITS";
  for (const auto& one : parse_list(name)) {
    const auto checked = check_network(Space::Dovecot, one);
    if (!checked) return std::string(kind) + ": " + checked.error().log_text;
  }
  return {};
}

bool is_known_section(std::string_view kind, std::string_view outer) {
  return is_dovecot_filter(kind) || std::ranges::any_of(kSections, [&](const Row& row) {
           return row.kind == kind && row.outer == outer;
         });
}

std::string nearest_section(std::string_view kind) {
  std::string_view best;
  std::size_t distance = 3;
  const auto look_at = [&](std::string_view candidate) {
    const auto changes = ascii::edit_distance(candidate, kind, distance);
    if (changes < distance) {
      distance = changes;
      best = candidate;
    }
  };
  for (const auto& row : kSections) look_at(row.kind);
  for (const auto filter : kFilters) look_at(filter);
  return std::string(best);
}

}  // namespace mail::config
