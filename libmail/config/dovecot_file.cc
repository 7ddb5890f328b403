#include "libmail/config/dovecot_file.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/config/dovecot_line.h"
#include "libmail/config/dovecot_sections.h"

namespace mail::config {
namespace {

constexpr std::size_t kMaxValueOctets = 1U << 20U;  // $name may double a value again and again

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

// What `$name` is before any file sets it: where our default is not Dovecot's, Dovecot's. So
// `protocols = $protocols imap` in Debian's protocols.d names what is installed.
std::optional<std::string> default_here(std::string_view name) {
  if (name == "protocols") return std::string{};
  if (name == "auth_mechanisms") return std::string("plain");
  if (name.find('/') != std::string_view::npos) return std::nullopt;
  const auto* row = find_parameter(Space::Dovecot, name);
  if (row != nullptr) return std::string(row->fallback);
  if (is_known(Space::Dovecot, name)) return std::string{};
  return std::nullopt;
}

// Dovecot knows $name for settings that are text.
bool is_text(std::string_view name) {
  const auto* row = find_parameter(Space::Dovecot, name);
  if (row == nullptr) return true;
  switch (row->type) {
    case Type::Boolean:
    case Type::Integer:
    case Type::Size:
    case Type::Duration:
    case Type::Choice:
      return false;
    default:
      return true;
  }
}

class Parser {
 public:
  explicit Parser(Reading& reading) : reading_(reading) {}

  void parse(std::string_view text, const std::string& file) {
    const auto outer_file = std::exchange(file_, file);
    const auto outer_line = std::exchange(line_, 0);
    const auto outer_sections = std::exchange(outer_sections_, sections_.size());
    const auto joined = join_dovecot_lines(text);
    for (const auto& [line, warning] : joined.warnings) {
      reading_.warnings.push_back({{file_, line}, warning});
    }
    for (const auto& line : joined.lines) {
      line_ = line.number;
      parse_line(line.text);
    }
    while (sections_.size() > outer_sections_) {
      reading_.mistakes.push_back(
          {sections_.back().origin, "section is not closed with '}': " + sections_.back().path});
      sections_.pop_back();
    }
    unopened_.reset();
    file_ = outer_file;
    line_ = outer_line;
    outer_sections_ = outer_sections;
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
    std::string kind;
    std::string path;  // "namespace/inbox/"
    Origin origin;
    bool is_filter = false;                      // and so are all around it
    bool is_known = true;                        // else what stands in it is passed over
    std::map<std::string, std::size_t> unnamed;  // how many of each kind so far
  };

  void report(std::string text) { reading_.mistakes.push_back({{file_, line_}, std::move(text)}); }
  void warn(std::string text) { reading_.warnings.push_back({{file_, line_}, std::move(text)}); }
  [[nodiscard]] std::string path() const { return sections_.empty() ? "" : sections_.back().path; }
  [[nodiscard]] std::string kind() const { return sections_.empty() ? "" : sections_.back().kind; }

  void parse_line(const std::string& text) {
    auto line = parse_dovecot_line(text);
    const auto unopened = std::exchange(unopened_, std::nullopt);
    switch (line.form) {
      case DovecotLine::Form::Setting:
      case DovecotLine::Form::QuotedValue:
      case DovecotLine::Form::FileValue:
        assign(std::move(line));
        break;
      case DovecotLine::Form::SectionBegin:
        open_section(line.key, line.value);
        break;
      case DovecotLine::Form::SectionEnd:
        close_section();
        break;
      case DovecotLine::Form::Include:
      case DovecotLine::Form::IncludeTry:
        include(line.value, line.form == DovecotLine::Form::IncludeTry);
        break;
      case DovecotLine::Form::Wrong:
        report_line(text, line, unopened);
        break;
    }
  }

  // A '{' on the line after the section's name is one mistake, not a tail of them.
  void report_line(const std::string& text, const DovecotLine& line,
                   const std::optional<std::string>& unopened) {
    if (text == "{" && unopened) {
      reading_.mistakes.back().text =
          "'{' must stand on the line of the section's name: " + *unopened;
      const auto again = parse_dovecot_line(*unopened + " {");
      if (again.form == DovecotLine::Form::SectionBegin) open_section(again.key, again.value);
      return;
    }
    report(line.value);
    if (!line.key.empty() && text.find('{') == std::string::npos) unopened_ = text;
  }

  void close_section() {
    if (sections_.size() <= outer_sections_) return report("'}' without a section to close");
    sections_.pop_back();
  }

  void open_section(const std::string& kind, const std::string& name) {
    const bool inside_known = sections_.empty() || sections_.back().is_known;
    const bool at_top = sections_.empty() || sections_.back().is_filter;
    Section section{kind, {}, {file_, line_}, at_top && is_dovecot_filter(kind), true, {}};
    const auto outer = this->kind();
    if (sections_.size() >= kMaxSectionDepth) report("sections are nested too deep");
    if (inside_known) {
      const auto objection = objection_to_section(kind, name, outer);
      if (!objection.empty()) report(objection);
      section.is_known = is_known_section(kind, at_top ? std::string_view() : outer);
      if (!section.is_known) {
        const auto nearest = nearest_section(kind);
        warn("unknown section " + kind +
             (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
      }
    } else {
      section.is_known = false;
    }
    section.path = path() + kind + "/";
    if (!has_free_names(kind)) section.path += own_name(kind, name) + "/";
    const bool is_list = kind == "passdb" || kind == "userdb";
    if (is_list && !name.empty() && !named_.insert(section.path).second) {
      report(kind + " " + name + " is there already");
    }
    sections_.push_back(std::move(section));
  }

  std::string own_name(const std::string& kind, const std::string& name) {
    if (!name.empty()) return escape_name(name);
    if (kind == "protocol") return {};
    auto& counts = sections_.empty() ? unnamed_ : sections_.back().unnamed;
    return std::to_string(++counts[kind]);
  }

  void assign(DovecotLine line) {
    if (!sections_.empty() && !sections_.back().is_known) return;
    const bool expands = line.form == DovecotLine::Form::Setting &&
                         (sections_.empty() || sections_.back().is_filter) && is_text(line.key);
    std::string value = expands ? substitute(line.value) : std::move(line.value);
    auto name = path() + line.key;
    if (sections_.empty() || sections_.back().is_filter) {
      values_[name] = {value, line.form == DovecotLine::Form::FileValue};
    }
    reading_.assignments.push_back(
        {Space::Dovecot, Grammar::Dovecot, std::move(name), std::move(value), {file_, line_}});
  }

  // A word $name is the value that it has here: in this filter, an outer one, or by default. Other
  // words stay as they are, unknown names too; one space is left between two.
  std::string substitute(std::string_view text) {
    if (text.find('$') == std::string_view::npos) return std::string(text);
    std::string out;
    bool is_first = true;
    for (const auto word : ascii::words(text, " ")) {
      if (!std::exchange(is_first, false)) out += ' ';
      const auto value =
          word.size() > 1 && word.front() == '$' ? value_here(word.substr(1)) : std::nullopt;
      if (!value && word.size() > 1 && word.front() == '$') {
        warn("unknown variable " + std::string(word) + " stays as it is");
      }
      out += value ? *value : word;
      if (out.size() > kMaxValueOctets) {
        report("value is too long");
        break;
      }
    }
    return out;
  }

  [[nodiscard]] std::optional<std::string> value_here(std::string_view name) const {
    if (!is_text(name)) return std::nullopt;
    const auto get = [&](const std::string& prefix) -> const Value* {
      const auto found = values_.find(prefix + std::string(name));
      return found == values_.end() ? nullptr : &found->second;
    };
    const Value* value = nullptr;
    for (auto section = sections_.rbegin(); section != sections_.rend() && value == nullptr;
         ++section) {
      value = get(section->path);
    }
    if (value == nullptr) value = get({});
    if (value == nullptr) return default_here(name);
    if (value->is_file) return std::nullopt;
    return value->text;
  }

  void include(const std::string& name, bool may_fail) {
    if (name.empty()) return warn("!include without a file name");
    if (open_files_.size() >= kMaxIncludeDepth) return report("files are included too deep");
    const auto pattern = name.starts_with('/') ? name : directory_of(file_) + name;
    if (pattern.find_first_of("*?[{") == std::string::npos) {
      if (read(pattern)) return;
      reading_.files.push_back(pattern);  // it may appear
      if (!may_fail) report("cannot read included file " + pattern);
      return;
    }
    const auto files = expand_glob(pattern);
    reading_.files.push_back(directory_of(pattern));  // files may join it
    if (files.empty() && !may_fail) report("no file matches " + pattern);
    for (const auto& file : files) {
      const auto status = sys::stat(file);
      if (status && S_ISDIR(status->st_mode)) continue;
      if (!read(file) && !may_fail) report("cannot read included file " + file);
    }
  }

  static std::vector<std::string> expand_glob(const std::string& pattern) {
    std::vector<std::string> files;
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    return files;
  }

  struct Value {
    std::string text;
    bool is_file = false;
  };

  Reading& reading_;
  std::string file_;
  std::size_t line_ = 0;
  std::size_t outer_sections_ = 0;  // open where this file began
  std::vector<Section> sections_;
  std::map<std::string, std::size_t> unnamed_;
  std::set<std::string> named_;  // passdb and userdb sections with a name
  std::map<std::string, Value> values_;
  std::vector<std::string> open_files_;
  std::optional<std::string> unopened_;  // a line that lacks its '{'
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
