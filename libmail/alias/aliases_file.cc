#include "libmail/alias/aliases_file.h"

#include <map>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/table/logical_lines.h"

namespace mail::alias {
namespace {

// `name` or `"name"` up to the ':' that ends it; nothing where there is none.
std::optional<std::string> take_name(Cursor& in) {
  std::string name;
  if (in.consume('"')) {
    while (!in.at_end() && !in.peek_is('"')) {
      char c = in.next();
      if (c == '\\' && !in.at_end()) c = in.next();
      name += c;
    }
    if (!in.consume('"')) return std::nullopt;
  } else {
    name = ascii::trim(in.take_while([](char c) { return c != ':'; }));
  }
  in.take_while(ascii::is_space);
  if (!in.consume(':')) return std::nullopt;
  return ascii::to_lower(name);
}

std::optional<std::string> find_name_mistake(std::string_view name, bool quoted) {
  if (name.empty()) return "no alias name before ':'";
  if (name.find('@') != std::string_view::npos) {
    return "alias name holds '@'; a name stands without its domain: " + std::string(name);
  }
  for (const char c : name) {
    if (ascii::is_control(c)) return std::string("control octet in an alias name");
    if (!quoted && ascii::is_space(c)) {
      return "white space in alias name (write \"" + std::string(name) + "\": in quotes)";
    }
  }
  return std::nullopt;
}

}  // namespace

AliasesFile parse_aliases(std::string_view text) {
  AliasesFile file;
  std::map<std::string, std::size_t> first_line;
  for (const auto& line : table::split_logical_lines(text)) {
    const auto report = [&](std::string what) {
      file.mistakes.push_back({line.line, std::move(what)});
    };
    if (line.orphan) {
      report("line starts with white space, but there is none before it to continue");
      continue;
    }
    Cursor in{line.text};
    const bool quoted = in.peek_is('"');
    auto name = take_name(in);
    if (!name) {
      report("no ':' after the alias name: " + line.text);
      continue;
    }
    if (auto mistake = find_name_mistake(*name, quoted)) {
      report(*mistake);
      continue;
    }
    const auto [earlier, is_new] = first_line.try_emplace(*name, line.line);
    if (!is_new) {
      report("duplicate alias " + *name + " (first in line " + std::to_string(earlier->second) +
             ")");
    }
    const auto written = ascii::trim(in.rest());
    auto list = parse_targets(written);
    for (const auto& mistake : list.mistakes) report(*name + ": " + mistake);
    if (list.targets.empty() && list.mistakes.empty()) report(*name + ": no target after ':'");
    if (is_new) {
      file.aliases.push_back(
          {*std::move(name), std::string(written), std::move(list.targets), line.line});
    }
  }
  return file;
}

}  // namespace mail::alias
