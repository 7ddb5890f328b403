#include "libmail/reader/variables.h"

#include <algorithm>

#include "libmail/base/ascii.h"

namespace mail::reader {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), ascii::to_lower(name)) != names.end();
}

}  // namespace

Variables Variables::shipped() {
  Variables variables;
  for (const char* assignment :
       {"hold", "append", "ask", "crt", "dot", "keep", "emptybox", "quote", "showname", "showto",
        "autocollapse", "bsdcompat", "newmail=nopoll", "indentprefix=> ", "header", "prompt=& ",
        "escape=~", "toplines=5"}) {
    variables.assign(assignment);
  }
  return variables;
}

bool Variables::has(std::string_view name) const { return values_.find(name) != values_.end(); }

std::optional<std::string> Variables::find(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string Variables::get(std::string_view name, std::string_view otherwise) const {
  const auto found = find(name);
  return found ? *found : std::string(otherwise);
}

bool Variables::assign(std::string_view assignment) {
  const auto equals = assignment.find('=');
  const std::string_view name = assignment.substr(0, equals);
  if (name.empty()) return false;
  if (equals == std::string_view::npos) {
    if (name.starts_with("no") && name.size() > 2) {
      unset(name.substr(2));
    } else {
      values_.insert_or_assign(std::string(name), std::string());
    }
    return true;
  }
  values_.insert_or_assign(std::string(name), std::string(assignment.substr(equals + 1)));
  return true;
}

void Variables::unset(std::string_view name) {
  if (const auto found = values_.find(name); found != values_.end()) values_.erase(found);
}

std::string Variables::list() const {
  std::string out;
  for (const auto& [name, value] : values_) {
    out += name;
    if (!value.empty()) out += "=\"" + value + '"';
    out += '\n';
  }
  return out;
}

FieldFilter FieldFilter::shipped() {
  FieldFilter filter;
  for (const char* name : {"received", "in-reply-to", "message-id", "references", "mime-version",
                           "content-transfer-encoding"}) {
    filter.ignore(name);
  }
  return filter;
}

void FieldFilter::ignore(std::string_view field) {
  if (!contains(ignored_, field)) ignored_.push_back(ascii::to_lower(field));
}

void FieldFilter::retain(std::string_view field) {
  if (!contains(retained_, field)) retained_.push_back(ascii::to_lower(field));
}

bool FieldFilter::shows(std::string_view field) const {
  if (!retained_.empty()) return contains(retained_, field);
  return !contains(ignored_, field);
}

}  // namespace mail::reader
