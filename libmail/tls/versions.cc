#include "libmail/tls/versions.h"

#include <array>
#include <optional>
#include <string>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"

namespace mail::tls {
namespace {

constexpr VersionSet kAll = kOldVersions | kModernVersions;

struct Name {
  std::string_view word;
  std::string_view code;  // of the wire, hexadecimal
  VersionSet bit;         // 0: SSL, below everything
};
constexpr auto kNames = std::to_array<Name>({
    {"SSLv2", "0002", 0},
    {"SSLv3", "0300", 0},
    {"TLSv1", "0301", TUBEPOST_TLS_1_0},
    {"TLSv1.1", "0302", TUBEPOST_TLS_1_1},
    {"TLSv1.2", "0303", TUBEPOST_TLS_1_2},
    {"TLSv1.3", "0304", TUBEPOST_TLS_1_3},
});

std::optional<VersionSet> find_bit(std::string_view word) {
  if (word.starts_with("0x") || word.starts_with("0X")) word.remove_prefix(2);
  for (const auto& name : kNames) {
    if (ascii::iequals(word, name.word) || word == name.code) return name.bit;
  }
  return std::nullopt;
}

// The bits from `bit` up; of SSL, all.
VersionSet from(VersionSet bit) { return bit == 0 ? kAll : kAll & ~(bit - 1); }
VersionSet up_to(VersionSet bit) { return bit == 0 ? 0 : kAll & (bit | (bit - 1)); }

bool is_separator(char c) { return ascii::is_space(c) || c == ',' || c == ':'; }

Error no_version(std::string_view word) {
  return make_error(Errc::Config, "Configuration is wrong",
                    "no version of TLS: \"" + log::escape(word) + "\"; known are TLSv1, TLSv1.1, " +
                        "TLSv1.2, TLSv1.3");
}

}  // namespace

Result<VersionSet> parse_protocols(std::string_view text) {
  VersionSet named = 0;
  bool has_names = false;
  VersionSet excluded = 0;
  VersionSet bounds = kAll;
  while (!text.empty()) {
    if (is_separator(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    std::size_t size = 0;
    while (size < text.size() && !is_separator(text.at(size))) ++size;
    const auto word = text.substr(0, size);
    text.remove_prefix(size);
    const bool is_bound = word.starts_with(">=") || word.starts_with("<=");
    const auto bit = find_bit(word.substr(is_bound ? 2 : word.starts_with('!') ? 1 : 0));
    if (!bit) return fail(no_version(word));
    if (word.starts_with(">=")) {
      bounds &= from(*bit);
    } else if (word.starts_with("<=")) {
      bounds &= up_to(*bit);
    } else if (word.starts_with('!')) {
      excluded |= *bit;
    } else {
      has_names = true;
      named |= *bit;
    }
  }
  const VersionSet left = (has_names ? named : kAll) & bounds & ~excluded;
  if (left == 0) {
    return fail(Errc::Config, "Configuration is wrong", "leaves no version of TLS (SSL is none)");
  }
  return left;
}

Result<VersionSet> parse_min_protocol(std::string_view text) {
  if (text == "ANY") return kAll;
  if (text == "LATEST") return VersionSet{TUBEPOST_TLS_1_3};
  const auto bit = find_bit(text);
  if (!bit) return fail(no_version(text));
  return from(*bit);
}

}  // namespace mail::tls
