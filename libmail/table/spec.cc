// Apart from table.cc: who only looks at a table's name is linked with no table's library.
#include "libmail/base/ascii.h"
#include "libmail/table/table.h"

namespace mail::table {
namespace {

constexpr auto kFileTypes =
    std::to_array<std::string_view>({"texthash", "cdb", "hash", "btree", "lmdb", "dbm"});
constexpr auto kOtherTypes =
    std::to_array<std::string_view>({"static", "inline", "unix", "fail", "regexp", "pcre"});

template <class List>
bool contains(const List& list, std::string_view word) {
  for (const auto item : list) {
    if (item == word) return true;
  }
  return false;
}

}  // namespace

std::optional<Spec> parse_spec(std::string_view text) {
  if (text.starts_with("proxy:")) text.remove_prefix(6);
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto type = text.substr(0, colon);
  if (!ascii::is_alpha(type.front())) return std::nullopt;
  bool letters_only_hex = true;
  for (const char c : type) {
    if (!ascii::is_alnum(c) && c != '_' && c != '-') return std::nullopt;
    letters_only_hex = letters_only_hex && ascii::is_hex(c);
  }
  // fe80::1 is an address; of the table types only cdb is made of hexadecimal digits.
  if (letters_only_hex && type != "cdb") return std::nullopt;
  return Spec{std::string(type), std::string(text.substr(colon + 1))};
}

bool is_file_type(std::string_view type) { return contains(kFileTypes, type); }
bool is_supported(std::string_view type) {
  return is_file_type(type) || contains(kOtherTypes, type);
}

}  // namespace mail::table
