#include "libmail/message/header_section.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::message {
namespace {

constexpr std::size_t kUsualFields = 16;  // of a message

constexpr bool is_ftext(char c) { return ascii::is_visible(c) && c != ':'; }

// Size of the line end that `line` ends in: 0, 1 or 2.
std::size_t line_end_size(std::string_view line) {
  if (!line.ends_with('\n')) return 0;
  return line.ends_with("\r\n") ? 2 : 1;
}

}  // namespace

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_ftext);
}

std::string unfold(std::string_view raw_body) {
  std::string text;
  text.reserve(raw_body.size());
  for (std::size_t at = 0; at < raw_body.size(); ++at) {
    const std::string_view rest = raw_body.substr(at);
    const std::size_t line_end = rest.starts_with("\r\n") ? 2 : rest.starts_with('\n') ? 1 : 0;
    if (line_end != 0 && rest.size() > line_end && ascii::is_wsp(rest[line_end])) {
      at += line_end - 1;
      continue;
    }
    const char c = rest.front();
    text += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  }
  return std::string(ascii::trim(text));
}

void HeaderSection::note(HeaderDefect defect) {
  if (std::find(defects_.begin(), defects_.end(), defect) == defects_.end()) {
    defects_.push_back(defect);
  }
}

// octets_[begin, end) is one line with its line end.
void HeaderSection::add_line(std::size_t begin, std::size_t end) {
  const std::string_view line = std::string_view(octets_).substr(begin, end - begin);
  if (line.find('\0') != std::string_view::npos) note(HeaderDefect::Nul);
  if (ascii::is_wsp(line.front())) {
    if (!in_field_) return note(HeaderDefect::FoldedFirstLine);
    HeaderField& field = fields_.back();
    field.body_size = end - line_end_size(line) - field.body_offset;
    field.size = end - field.offset;
    return;
  }
  in_field_ = false;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return note(HeaderDefect::NoColon);
  std::string_view name = line.substr(0, colon);
  while (!name.empty() && ascii::is_wsp(name.back())) name.remove_suffix(1);
  if (name.size() != colon) note(HeaderDefect::SpaceBeforeColon);
  if (!is_field_name(name)) {
    // "From ann@example.org Sat Aug 15 19:02:06": a colon, but no field.
    note(name.find_first_of(" \t") == std::string_view::npos ? HeaderDefect::BadFieldName
                                                             : HeaderDefect::NoColon);
    if (name.find_first_of(" \t") != std::string_view::npos) return;
  }
  if (fields_.size() >= kMaxHeaderFields) return note(HeaderDefect::TooManyFields);
  in_field_ = true;
  fields_.push_back({begin, name.size(), begin + colon + 1,
                     end - line_end_size(line) - (begin + colon + 1), end - begin});
}

HeaderSection HeaderSection::parse(std::string_view octets) {
  HeaderSection section;
  std::size_t end = 0;  // of the section
  bool empty_line = false;
  while (end < octets.size()) {
    const std::string_view rest = octets.substr(end);
    if (rest.starts_with('\n') || rest.starts_with("\r\n")) {
      section.consumed_ = end + (rest.front() == '\n' ? 1 : 2);
      empty_line = true;
      break;
    }
    const std::size_t line_feed = rest.find('\n');
    end = line_feed == std::string_view::npos ? octets.size() : end + line_feed + 1;
  }
  if (!empty_line) section.consumed_ = end;
  std::size_t kept = end;
  if (kept > kMaxHeaderSection) {
    section.note(HeaderDefect::Cut);
    kept = kMaxHeaderSection;
  }
  section.octets_ = octets.substr(0, kept);
  section.fields_.reserve(kUsualFields);
  for (std::size_t begin = 0; begin < kept;) {
    const std::size_t line_feed = section.octets_.find('\n', begin);
    const std::size_t next = line_feed == std::string::npos ? kept : line_feed + 1;
    section.add_line(begin, next);
    begin = next;
  }
  return section;
}

std::string_view HeaderSection::name(const HeaderField& field) const {
  return std::string_view(octets_).substr(field.offset, field.name_size);
}
std::string_view HeaderSection::raw_body(const HeaderField& field) const {
  return std::string_view(octets_).substr(field.body_offset, field.body_size);
}
std::string_view HeaderSection::raw(const HeaderField& field) const {
  return std::string_view(octets_).substr(field.offset, field.size);
}

const HeaderField* HeaderSection::find_field(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const HeaderField& field) {
    return ascii::iequals(this->name(field), name);
  });
  return found == fields_.end() ? nullptr : &*found;
}

std::optional<std::string> HeaderSection::find(std::string_view name) const {
  const HeaderField* field = find_field(name);
  if (field == nullptr) return std::nullopt;
  return unfold(raw_body(*field));
}

std::vector<std::string> HeaderSection::find_all(std::string_view name) const {
  std::vector<std::string> bodies;
  for (const HeaderField& field : fields_) {
    if (ascii::iequals(this->name(field), name)) bodies.push_back(unfold(raw_body(field)));
  }
  return bodies;
}

std::size_t HeaderSection::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      fields_.begin(), fields_.end(),
      [&](const HeaderField& field) { return ascii::iequals(this->name(field), name); }));
}

}  // namespace mail::message
