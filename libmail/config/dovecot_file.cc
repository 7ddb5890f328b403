#include "libmail/config/dovecot_file.h"

#include <glob.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/sys.h"

namespace mail::config {
namespace {

constexpr std::size_t kMaxValueOctets = 1U << 20U;  // $name may double a value again and again

bool is_name_octet(char c) { return ascii::is_alnum(c) || c == '_' || c == '-' || c == '.'; }

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? std::string{} : file.substr(0, slash + 1);
}

std::string escape_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '/') {
      out += "\\s";
    } else {
      out += c;
    }
  }
  return out;
}

struct Line {
  std::string text;
  std::size_t number = 0;
};

// Joins lines that end in a backslash; white space around the joint becomes one space.
std::vector<Line> join_lines(std::string_view text) {
  std::vector<Line> lines;
  bool continues = false;
  std::size_t number = 0;
  for (std::string_view physical : ascii::split(text, '\n')) {
    ++number;
    auto part = ascii::trim(physical);
    const bool comment = part.starts_with('#');
    const bool goes_on = !comment && part.ends_with('\\');
    if (goes_on) part = ascii::trim(part.substr(0, part.size() - 1));
    if (continues) {
      if (!part.empty()) lines.back().text += ' ';
      lines.back().text += part;
    } else {
      lines.push_back({std::string(part), number});
    }
    continues = goes_on;
  }
  return lines;
}

// Cuts a comment: '#' at the start or after white space, outside quotes.
std::string_view without_comment(std::string_view line) {
  char quote = '\0';
  char before = ' ';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != '\0') {
      if (c == '\\' && quote == '"') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
    } else if (c == '"' || c == '\'') {
      // An apostrophe within a word (users' mail) does not begin a quotation.
      if (ascii::is_space(before) || before == '=') quote = c;
    } else if (c == '#' && ascii::is_space(before)) {
      return ascii::trim(line.substr(0, i));
    }
    before = c;
  }
  return ascii::trim(line);
}

class Parser {
 public:
  explicit Parser(Reading& reading) : reading_(reading) {}

  void parse(std::string_view text, const std::string& file) {
    const auto outer_file = std::exchange(file_, file);
    const auto outer_line = std::exchange(line_, 0);
    const auto outer_sections = sections_.size();
    for (const auto& line : join_lines(text)) {
      line_ = line.number;
      const auto content = without_comment(line.text);
      if (!content.empty()) parse_line(content, outer_sections);
    }
    while (sections_.size() > outer_sections) {
      reading_.mistakes.push_back(
          {sections_.back().origin, "section is not closed with '}': " + sections_.back().path});
      sections_.pop_back();
    }
    file_ = outer_file;
    line_ = outer_line;
  }

  bool read(const std::string& file) {
    if (std::ranges::find(open_files_, file) != open_files_.end()) {
      report("file includes itself: " + file);
      return true;
    }
    const auto text = sys::read_file(file);
    if (!text) return false;
    reading_.files.push_back(file);
    open_files_.push_back(file);
    parse(*text, file);
    open_files_.pop_back();
    return true;
  }

 private:
  struct Section {
    std::string path;  // "namespace/inbox/"
    Origin origin;
    std::map<std::string, std::size_t> unnamed;  // how many of each kind so far
  };

  void report(std::string text) { reading_.mistakes.push_back({{file_, line_}, std::move(text)}); }
  [[nodiscard]] std::string path() const { return sections_.empty() ? "" : sections_.back().path; }

  void parse_line(std::string_view line, std::size_t outer_sections) {
    if (line == "}") {
      if (sections_.size() <= outer_sections) {
        report("'}' without a section to close");
      } else {
        sections_.pop_back();
      }
      return;
    }
    Cursor in{line};
    if (in.consume("!include_try") || in.consume("!include")) {
      const bool may_fail = line.starts_with("!include_try");
      include(ascii::trim(in.rest()), may_fail);
      return;
    }
    const auto key =
        in.take_while([](char c) { return !ascii::is_space(c) && c != '=' && c != '{'; });
    in.take_while(ascii::is_wsp);
    if (key.empty()) {
      report("no setting name: " + std::string(line));
    } else if (in.consume('=')) {
      assign(key, ascii::trim(in.rest()));
    } else if (line.ends_with('{')) {
      open_section(key, ascii::trim(in.rest().substr(0, in.rest().size() - 1)));
    } else if (line.ends_with('}') && line.find('{') != std::string_view::npos) {
      report("a section's '}' must stand on a line of its own");
    } else {
      report("expected '=' or '{' after the name: " + std::string(line));
    }
  }

  void open_section(std::string_view kind, std::string_view name) {
    if (sections_.size() >= kMaxSectionDepth) {
      report("sections are nested too deep");
    }
    auto& counts = sections_.empty() ? unnamed_ : sections_.back().unnamed;
    auto own = unquote(name);
    if (own.empty()) own = std::to_string(++counts[std::string(kind)]);
    auto whole = path() + std::string(kind) + "/" + escape_name(own) + "/";
    sections_.push_back({std::move(whole), {file_, line_}, {}});
  }

  void assign(std::string_view key, std::string_view text) {
    const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                        text.back() == text.front();
    std::string value = quoted || text.starts_with('<') ? unquote(text) : substitute(text);
    auto name = path() + std::string(key);
    values_[name] = value;
    reading_.assignments.push_back(
        {Space::Dovecot, Grammar::Dovecot, std::move(name), std::move(value), {file_, line_}});
  }

  static std::string unquote(std::string_view text) {
    if (text.size() < 2 || text.back() != text.front()) return std::string(text);
    if (text.front() == '\'') return std::string(text.substr(1, text.size() - 2));
    if (text.front() != '"') return std::string(text);
    std::string out;
    Cursor in{text.substr(1, text.size() - 2)};
    while (!in.at_end()) {
      if (in.peek_is('\\') && in.rest().size() > 1) in.skip(1);
      out += in.next();
    }
    return out;
  }

  // $name at the start of a word is the value it has here: in this section, an outer one, or
  // Dovecot's default.
  std::string substitute(std::string_view text) {
    std::string out;
    Cursor in{text};
    char before = ' ';
    while (!in.at_end() && out.size() <= kMaxValueOctets) {
      if (in.peek_is('$') && ascii::is_space(before)) {
        const auto begin = in.position();
        in.skip(1);
        const auto name = in.take_while(is_name_octet);
        if (const auto value = value_here(name)) {
          out += *value;
          before = 'x';
          continue;
        }
        if (!name.empty()) {
          report("unknown variable $" + std::string(name));
          before = 'x';
          continue;
        }
        in.rewind(begin);
      }
      before = in.next();
      out += before;
    }
    if (out.size() > kMaxValueOctets) report("value is too long");
    return out;
  }

  [[nodiscard]] std::optional<std::string> value_here(std::string_view name) const {
    for (auto section = sections_.rbegin(); section != sections_.rend(); ++section) {
      const auto found = values_.find(section->path + std::string(name));
      if (found != values_.end()) return found->second;
    }
    const auto found = values_.find(std::string(name));
    if (found != values_.end()) return found->second;
    if (const auto* row = find_parameter(Space::Dovecot, name)) return std::string(row->fallback);
    if (is_known(Space::Dovecot, name)) return std::string{};
    return std::nullopt;
  }

  void include(std::string_view pattern, bool may_fail) {
    if (pattern.empty()) return report("!include without a file name");
    if (open_files_.size() >= kMaxIncludeDepth) return report("files are included too deep");
    const auto name = unquote(pattern);
    const auto whole = name.starts_with('/') ? name : directory_of(file_) + name;
    for (const auto& file : expand_glob(whole)) {
      const bool is_pattern = file != whole;
      if (!read(file) && !may_fail && !is_pattern) report("cannot read included file " + file);
    }
  }

  // The files of a pattern in order; the pattern itself where it holds no wildcard.
  static std::vector<std::string> expand_glob(const std::string& pattern) {
    if (pattern.find_first_of("*?[") == std::string::npos) return {pattern};
    std::vector<std::string> files;
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    return files;
  }

  Reading& reading_;
  std::string file_;
  std::size_t line_ = 0;
  std::vector<Section> sections_;
  std::map<std::string, std::size_t> unnamed_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> open_files_;
};

}  // namespace

void parse_dovecot(std::string_view text, const std::string& file, Reading& into) {
  Parser(into).parse(text, file);
}

void read_dovecot(const std::string& file, Reading& into) {
  if (!Parser(into).read(file)) {
    into.files.push_back(file);  // it may appear
    const auto text = sys::read_file(file);
    into.mistakes.push_back(
        {{file, 0}, "cannot be read" + (text ? std::string{} : ": " + text.error().log_text)});
  }
}

}  // namespace mail::config
