#include "libmail/config/postfix_file.h"

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/table/logical_lines.h"

namespace mail::config {
namespace {

bool has_space(std::string_view text) {
  for (const char c : text) {
    if (ascii::is_space(c)) return true;
  }
  return false;
}

Space space_of(std::string_view name) {
  if (is_known(Space::Postfix, name)) return Space::Postfix;
  if (is_known(Space::Dovecot, name)) return Space::Dovecot;
  return name.find('/') == std::string_view::npos ? Space::Postfix : Space::Dovecot;
}

}  // namespace

void parse_postfix(std::string_view text, const std::string& file, Reading& into) {
  for (const auto& line : table::split_logical_lines(text)) {
    const Origin origin{file, line.line};
    if (line.orphan) {
      into.mistakes.push_back({origin,
                               "line starts with white space, but there is none before it "
                               "to continue"});
      continue;
    }
    const std::string_view whole = line.text;
    const auto equals = whole.find('=');
    if (equals == std::string_view::npos) {
      into.mistakes.push_back({origin, "no '=' after the parameter name: " + std::string(whole)});
      continue;
    }
    const auto name = ascii::trim(whole.substr(0, equals));
    if (name.empty()) {
      into.mistakes.push_back({origin, "no parameter name before '='"});
      continue;
    }
    if (has_space(name) && name.find('/') == std::string_view::npos) {
      into.mistakes.push_back({origin, "no '=' after the parameter name: " + std::string(name)});
      continue;
    }
    into.assignments.push_back({space_of(name), Grammar::Postfix, std::string(name),
                                std::string(ascii::trim(whole.substr(equals + 1))), origin});
  }
}

void read_postfix(const std::string& file, Reading& into) {
  into.files.push_back(file);
  const auto text = sys::read_file(file);
  if (!text) {
    into.mistakes.push_back({{file, 0}, "cannot be read: " + text.error().log_text});
    return;
  }
  parse_postfix(*text, file, into);
}

}  // namespace mail::config
