// Which sections dovecot.conf may hold, and where (Dovecot 2.3).
#pragma once

#include <string>
#include <string_view>

namespace mail::config {

// protocol, local, local_name, remote: what stands in them holds for some connections only.
bool is_dovecot_filter(std::string_view kind);

// Sections of settings whose names are free, one of each kind: plugin, dict.
bool has_free_names(std::string_view kind);

// Empty when a section `kind name { }` may stand inside the section `outer` ("" at the top);
// else what is wrong with it. An unknown kind is none of its affairs.
std::string objection_to_section(std::string_view kind, std::string_view name,
                                 std::string_view outer);

// Whether there is such a section in `outer`, filters left out of account.
bool is_known_section(std::string_view kind, std::string_view outer);
// The known kind nearest to `kind`, or empty.
std::string nearest_section(std::string_view kind);

}  // namespace mail::config
