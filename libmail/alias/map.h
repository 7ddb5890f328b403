// The maps of alias_maps and virtual_alias_maps as the Expander sees them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/alias/expansion.h"
#include "libmail/base/result.h"

namespace mail::alias {

// `spec` as in alias_maps. hash:FILE, cdb:FILE and their like: FILE.cdb as newaliases made it;
// where there is none (hash: and its like only) the aliases file itself. Any other type: its table.
Result<std::unique_ptr<Map>> open_map(std::string_view spec);

// All of a list. Tables of unsupported types are left out (config has reported them). A map that
// cannot be opened does not stop the others: its every look-up says "later", so that mail waits
// instead of being refused.
std::vector<std::unique_ptr<Map>> open_maps(const std::vector<std::string>& specs);

// Map in memory for tests and for text already at hand: the aliases file `text`, named `file`.
std::unique_ptr<Map> make_text_map(std::string_view text, std::string file,
                                   std::string runs_as = {});

}  // namespace mail::alias
