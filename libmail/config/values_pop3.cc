#include "libmail/config/values_pop3.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/pop3/uidl.h"

namespace mail::config {
namespace {

// A keyword of IMAP: an atom (RFC 9051 section 9, flag-keyword).
bool is_keyword(std::string_view text) {
  constexpr std::string_view kSpecials = "(){%*\"\\]";
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return ascii::is_visible(c) && kSpecials.find(c) == std::string_view::npos;
  });
}

}  // namespace

std::optional<std::string> mistake_of_pop3(std::string_view name, std::string_view value,
                                           const Reader& settings) {
  if (name == "pop3_uidl_format") {
    const auto format = pop3::UidlFormat::parse(value);
    if (!format) return format.error().log_text;
  }
  if (name == "pop3_deleted_flag" && !is_keyword(value)) return "is no keyword";
  if (name == "pop3_delete_type" && value == "flag" &&
      settings.get_string("pop3_deleted_flag").empty()) {
    return "`flag` needs pop3_deleted_flag";
  }
  return std::nullopt;
}

}  // namespace mail::config
