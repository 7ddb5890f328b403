#include "libmail/message/compose.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/utf8.h"
#include "libmail/message/content_type.h"
#include "libmail/message/generate.h"
#include "libmail/message/transfer_encoding.h"

namespace mail::message {
namespace {

// Lines that SMTP carries as they are: RFC 2045 section 2.7 (7bit data).
bool is_7bit(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    if (ascii::is_8bit(c) || c == '\0' || c == '\r') return false;
    width = c == '\n' ? 0 : width + 1;
    if (width > kMaxLine) return false;
  }
  return true;
}

void encode_body(std::string_view text, Entity& entity) {
  if (is_7bit(text)) {
    entity.fields += "Content-Transfer-Encoding: 7bit\n";
    entity.body = text;
    return;
  }
  std::string quoted = encode_quoted_printable(text);
  std::string base64 = encode_base64_lines(text);
  const bool use_quoted = quoted.size() <= base64.size();
  entity.fields += std::string("Content-Transfer-Encoding: ") +
                   (use_quoted ? "quoted-printable" : "base64") + "\n";
  entity.body = use_quoted ? std::move(quoted) : std::move(base64);
}

// Boundary delimiters begin a line, so only lines that begin "--" matter.
bool occurs(const std::vector<Entity>& parts, const std::string& boundary) {
  const std::string line = "\n--" + boundary;
  return std::any_of(parts.begin(), parts.end(), [&](const Entity& part) {
    return part.to_string().find(line) != std::string::npos;
  });
}

}  // namespace

bool Entity::is_8bit() const { return !utf8::is_ascii(fields) || !utf8::is_ascii(body); }

Entity make_text(std::string_view text, std::string_view subtype) {
  const std::string clean = utf8::is_valid(text) ? std::string(text) : utf8::replace_invalid(text);
  Entity entity;
  entity.fields = "Content-Type: text/" + std::string(subtype) +
                  "; charset=" + (utf8::is_ascii(clean) ? "us-ascii" : "utf-8") + "\n";
  encode_body(clean, entity);
  return entity;
}

Entity make_attachment(std::string_view octets, std::string_view content_type,
                       std::string_view utf8_filename) {
  const bool is_text = ascii::istarts_with(content_type, "text/") && utf8::is_valid(octets);
  Entity entity;
  entity.fields = "Content-Type: " + std::string(content_type);
  if (is_text) entity.fields += utf8::is_ascii(octets) ? "; charset=us-ascii" : "; charset=utf-8";
  entity.fields += format_parameter("name", utf8_filename) + "\nContent-Disposition: attachment" +
                   format_parameter("filename", utf8_filename) + "\n";
  if (is_text) {
    encode_body(octets, entity);
  } else {
    entity.fields += "Content-Transfer-Encoding: base64\n";
    entity.body = encode_base64_lines(octets);
  }
  return entity;
}

Entity make_message(std::string_view message) {
  Entity entity;
  entity.fields = "Content-Type: message/rfc822\nContent-Disposition: inline\n";
  if (!utf8::is_ascii(message)) entity.fields += "Content-Transfer-Encoding: 8bit\n";
  entity.body = message;
  return entity;
}

Entity make_header_section(std::string_view fields) {
  Entity entity;
  entity.fields = "Content-Type: text/rfc822-headers\n";
  if (!utf8::is_ascii(fields)) entity.fields += "Content-Transfer-Encoding: 8bit\n";
  entity.body = fields;
  return entity;
}

Entity make_multipart(std::string_view subtype, const std::vector<Entity>& parts,
                      std::uint64_t seed, std::string_view parameters) {
  // "=_" occurs neither in quoted-printable nor in base64 (RFC 2045 section 6.7, note).
  std::string boundary;
  do {
    std::array<char, 17> digits{};
    for (std::size_t i = 0; i < 16; ++i)
      digits.at(i) = "0123456789abcdef"[(seed >> (60 - 4 * i)) & 15U];
    boundary = std::string("=_") + digits.data();
    ++seed;
  } while (occurs(parts, boundary));
  Entity entity;
  entity.fields = "Content-Type: multipart/" + std::string(subtype) + std::string(parameters) +
                  ";\n\tboundary=\"" + boundary + "\"\n";
  if (std::any_of(parts.begin(), parts.end(), [](const Entity& part) { return part.is_8bit(); })) {
    entity.fields += "Content-Transfer-Encoding: 8bit\n";  // RFC 2045 section 6.4
  }
  entity.body = "This is a message in MIME format.\n";
  for (const Entity& part : parts) entity.body += "\n--" + boundary + "\n" + part.to_string();
  entity.body += "\n--" + boundary + "--\n";
  return entity;
}

Entity make_delivery_status(const std::vector<std::string>& field_groups) {
  Entity entity;
  for (const auto& group : field_groups) {
    if (!entity.body.empty()) entity.body += "\n";
    entity.body += group;
  }
  const bool is_ascii = utf8::is_ascii(entity.body);
  entity.fields = is_ascii ? "Content-Type: message/delivery-status\n"
                           : "Content-Type: message/global-delivery-status\n"  // RFC 6533
                             "Content-Transfer-Encoding: 8bit\n";
  return entity;
}

Entity make_delivery_report(std::string_view explanation,
                            const std::vector<std::string>& field_groups, const Entity& returned,
                            std::uint64_t seed) {
  return make_multipart("report",
                        {make_text(explanation), make_delivery_status(field_groups), returned},
                        seed, "; report-type=delivery-status");
}

std::string_view guess_content_type(std::string_view filename) {
  struct Ending {
    std::string_view ending, type;
  };
  constexpr auto kEndings = std::to_array<Ending>({
      {"txt", "text/plain"},
      {"text", "text/plain"},
      {"log", "text/plain"},
      {"conf", "text/plain"},
      {"c", "text/plain"},
      {"h", "text/plain"},
      {"cc", "text/plain"},
      {"sh", "text/plain"},
      {"patch", "text/x-diff"},
      {"diff", "text/x-diff"},
      {"html", "text/html"},
      {"htm", "text/html"},
      {"css", "text/css"},
      {"csv", "text/csv"},
      {"md", "text/markdown"},
      {"ics", "text/calendar"},
      {"vcf", "text/vcard"},
      {"xml", "application/xml"},
      {"json", "application/json"},
      {"pdf", "application/pdf"},
      {"zip", "application/zip"},
      {"gz", "application/gzip"},
      {"tgz", "application/gzip"},
      {"tar", "application/x-tar"},
      {"doc", "application/msword"},
      {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"xls", "application/vnd.ms-excel"},
      {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"odt", "application/vnd.oasis.opendocument.text"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"jpeg", "image/jpeg"},
      {"gif", "image/gif"},
      {"svg", "image/svg+xml"},
      {"webp", "image/webp"},
      {"mp3", "audio/mpeg"},
      {"ogg", "audio/ogg"},
      {"wav", "audio/x-wav"},
      {"mp4", "video/mp4"},
  });
  const std::size_t dot = filename.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  for (const auto& [ending, type] : kEndings) {
    if (ascii::iequals(filename.substr(dot + 1), ending)) return type;
  }
  return "application/octet-stream";
}

}  // namespace mail::message
