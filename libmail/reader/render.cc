#include "libmail/reader/render.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/message/charset.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/structure.h"

namespace mail::reader {
namespace {

// LF line ends; a CR before LF is the line end's.
std::string to_lf(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i];
  }
  return out;
}

class Renderer {
 public:
  Renderer(std::string_view octets, const FieldFilter& filter, const RenderOptions& options)
      : octets_(octets), filter_(filter), options_(options) {}

  std::string take() { return std::exchange(out_, {}); }

  void add_fields(const message::HeaderSection& header, bool filtered) {
    for (const auto& field : header.fields()) {
      const std::string_view name = header.name(field);
      // The stored Status is replaced by what this session makes of it.
      if (ascii::iequals(name, "status") || ascii::iequals(name, "x-status")) continue;
      if (filtered && !filter_.shows(name)) continue;
      add_field(name, header.raw_body(field));
    }
  }

  void add_body(const message::Part& part) { add_part(part, ""); }

  void add_text(const message::Part& part) {
    const std::string_view body = slice(part.body);
    std::string decoded = message::decode_transfer(body, part.encoding);
    decoded = to_lf(decoded);
    out_ += message::make_printable(
        message::to_utf8(decoded, part.content_type.charset(), options_.fallback_charset));
    if (!out_.empty() && !out_.ends_with('\n')) out_ += '\n';
  }

 private:
  [[nodiscard]] std::string_view slice(const message::Extent& extent) const {
    if (extent.offset >= octets_.size()) return {};
    return octets_.substr(extent.offset, extent.octets);
  }

  // Folds stay as they are; encoded words are decoded over them, since a word may be split there.
  void add_field(std::string_view name, std::string_view raw_body) {
    std::string body;
    if (raw_body.find("=?") != std::string_view::npos) {
      body = ' ' + message::decode_encoded_words(raw_body, options_.fallback_charset);
    } else {
      body = message::to_utf8(to_lf(raw_body), "", options_.fallback_charset);
    }
    while (body.ends_with('\n')) body.pop_back();
    out_ += std::string(name) + ':' + message::make_printable(body) + '\n';
  }

  // Which part of a multipart/alternative is read: text/plain, else the last that is text.
  static const message::Part* choose_alternative(const message::Part& part) {
    const message::Part* chosen = nullptr;
    for (const auto& child : part.children) {
      if (child.content_type.is("text", "plain")) return &child;
      if (child.is_multipart() || child.content_type.type == "text") chosen = &child;
    }
    return chosen != nullptr ? chosen : &part.children.front();
  }

  // The fields of a body part, as they stand (its section is not kept by the parser).
  void add_part_fields(const message::Part& part) {
    if (options_.text_only) return;
    add_fields(message::HeaderSection::parse(slice(part.header)), true);
    out_ += '\n';
  }

  void add_part(const message::Part& part, const std::string& number) {
    if (part.is_multipart()) {
      if (part.content_type.subtype == "alternative" && !options_.all_fields) {
        const message::Part* chosen = choose_alternative(part);
        if (!chosen->is_multipart()) add_part_fields(*chosen);
        add_part(*chosen, number);
        return;
      }
      std::size_t count = 0;
      for (const auto& child : part.children) {
        const std::string child_number =
            number.empty() ? std::to_string(++count) : number + '.' + std::to_string(++count);
        if (!options_.text_only) {
          if (count > 1) out_ += '\n';
          out_ += "Part " + child_number + ":\n";
        }
        if (!child.is_multipart()) add_part_fields(child);
        add_part(child, child_number);
      }
      return;
    }
    if (part.holds_message()) {
      if (!options_.text_only) {
        add_fields(part.children.front().fields, true);
        out_ += '\n';
      }
      add_part(part.children.front(), number);
      return;
    }
    const bool is_text = part.content_type.type == "text" || part.content_type.type.empty();
    const bool attached = part.disposition && part.disposition->value == "attachment";
    if (is_text && !(attached && !number.empty() && !options_.text_only)) {
      add_text(part);
      return;
    }
    if (options_.text_only && number.empty()) {  // `write` of a message that is one file
      out_ += message::decode_transfer(slice(part.body), part.encoding);
      return;
    }
    if (options_.text_only) return;
    std::string name = part.content_type.parameters.find("name").value_or("");
    if (part.disposition) name = part.disposition->parameters.find("filename").value_or(name);
    out_ += '[' + part.content_type.type + '/' + part.content_type.subtype;
    if (!name.empty()) out_ += ", \"" + message::make_printable(name) + '"';
    out_ += ", " + std::to_string(part.body.octets) + " octets; not shown]\n";
  }

  std::string_view octets_;
  const FieldFilter& filter_;
  const RenderOptions& options_;
  std::string out_;
};

// "R" for just read, "O" for old: what the file will say, shown at the end of the fields (S73).
std::string status_fields(const Entry& entry) {
  std::string status;
  if (entry.is_read) status += 'R';
  if (!entry.is_new) status += 'O';
  std::string out;
  if (!status.empty()) out += "Status: " + status + '\n';
  std::string more;
  if (entry.flags.has(store::Flag::Answered)) more += 'A';
  if (entry.flags.has(store::Flag::Flagged)) more += 'F';
  if (entry.flags.has(store::Flag::Draft)) more += 'T';
  if (!more.empty()) out += "X-Status: " + more + '\n';
  return out;
}

}  // namespace

std::string render_message(const Entry& entry, std::string_view octets, const FieldFilter& filter,
                           const RenderOptions& options) {
  const bool cut = octets.size() > kMaxShownOctets;
  octets = octets.substr(0, kMaxShownOctets);
  Renderer renderer(octets, filter, options);
  const auto structure = message::parse_structure(octets);
  renderer.add_fields(structure.root.fields, !options.all_fields);
  std::string out;
  if (options.from_line) out += message::make_printable(entry.from_line) + '\n';
  out += renderer.take() + status_fields(entry) + '\n';
  renderer.add_body(structure.root);
  out += renderer.take();
  if (cut) out += "[The rest is not shown; `Show` and `write` give all of it.]\n";
  return out;
}

std::string render_text(const Entry& /*entry*/, std::string_view octets,
                        const RenderOptions& options) {
  RenderOptions text_only = options;
  text_only.text_only = true;
  const FieldFilter filter;
  Renderer renderer(octets, filter, text_only);
  renderer.add_body(message::parse_structure(octets).root);
  return renderer.take();
}

std::string with_status(std::string_view octets, std::string_view status) {
  const auto header = message::HeaderSection::parse(octets);
  std::string out;
  for (const auto& field : header.fields()) {
    if (ascii::iequals(header.name(field), "status")) continue;
    out += header.raw(field);
  }
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  out += "Status: " + std::string(status) + "\n\n";
  return out + std::string(octets.substr(std::min(header.consumed(), octets.size())));
}

}  // namespace mail::reader
