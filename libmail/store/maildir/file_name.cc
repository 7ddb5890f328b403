#include "libmail/store/maildir/file_name.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"

namespace mail::store::maildir {
namespace {

struct Letter {
  char letter;
  Flag flag;
};
constexpr auto kLetters = std::to_array<Letter>({{'D', Flag::Draft},
                                                 {'F', Flag::Flagged},
                                                 {'R', Flag::Answered},
                                                 {'S', Flag::Seen},
                                                 {'T', Flag::Deleted}});

}  // namespace

std::pair<std::uint64_t, std::uint64_t> arrival_of(std::string_view base) {
  const auto number_at = [&](std::size_t at) {
    const auto digits = base.substr(at, base.find_first_not_of("0123456789", at) - at);
    return ascii::to_number<std::uint64_t>(digits).value_or(0);
  };
  const auto dot = std::min(base.find('.'), base.size());
  const bool has_micros = base.substr(dot).starts_with(".M");
  return {number_at(0), has_micros ? number_at(dot + 2) : 0};
}

bool is_made_by_us(std::string_view base) {
  const auto skip_number = [&](std::string_view before) {
    if (!base.starts_with(before)) return false;
    base.remove_prefix(before.size());
    const auto digits = std::min(base.find_first_not_of("0123456789"), base.size());
    base.remove_prefix(digits);
    return digits > 0;
  };
  if (!skip_number("") || !skip_number(".M") || !skip_number("P") || !skip_number("Q"))
    return false;
  if (!base.starts_with('.')) return false;
  base.remove_prefix(std::min(base.find(','), base.size()));
  return skip_number(",S=") && skip_number(",W=") && base.empty();
}

FileName parse_file_name(std::string_view name) {
  FileName result{name.substr(0, name.find(':')), {}};
  std::string_view rest = name.substr(result.base.size());
  const auto info = rest.find(":2,");
  if (info == std::string_view::npos) return result;
  rest.remove_prefix(info + 3);
  result.letters = rest.substr(0, rest.find(','));
  return result;
}

std::optional<std::uint64_t> wire_size_of(std::string_view base) {
  std::optional<std::uint64_t> size;
  for (auto at = base.find(",W="); at != std::string_view::npos; at = base.find(",W=")) {
    base.remove_prefix(at + 3);
    const auto octets = ascii::to_number<std::uint64_t>(base.substr(0, base.find(',')));
    if (octets && *octets != 0) size = octets;
  }
  return size;
}

Flags to_flags(std::string_view letters, const Keywords& keywords) {
  Flags flags;
  for (const char c : letters) {
    for (const auto& [letter, flag] : kLetters) {
      if (c == letter) flags.set(flag);
    }
    const auto index = static_cast<std::size_t>(c - 'a');
    if (ascii::is_lower(c) && index < keywords.size() && !keywords.at(index).empty()) {
      flags.set_keyword(keywords.at(index));
    }
  }
  return flags;
}

std::string to_letters(const Flags& flags, const Keywords& keywords, std::string_view before) {
  std::string letters;
  for (const char c : before) {
    const bool known = std::any_of(kLetters.begin(), kLetters.end(),
                                   [&](const Letter& one) { return one.letter == c; });
    const bool keyword = ascii::is_lower(c) && static_cast<std::size_t>(c - 'a') < keywords.size();
    if (!known && !keyword) letters += c;
  }
  for (const auto& [letter, flag] : kLetters) {
    if (flags.has(flag)) letters += letter;
  }
  for (std::size_t i = 0; i < keywords.size() && i < 26; ++i) {
    if (!keywords.at(i).empty() && flags.has_keyword(keywords.at(i))) {
      letters += static_cast<char>('a' + static_cast<char>(i));
    }
  }
  std::sort(letters.begin(), letters.end());
  return letters;
}

}  // namespace mail::store::maildir
