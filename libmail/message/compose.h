// Composing: entities (MIME header fields and an encoded body) put together to messages, for
// mail-reader and for reports (RFC 3462, 3464). Everything is LF and in memory; what is composed
// here is small, or is already in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mail::message {

struct Entity {
  std::string fields;  // Content-* fields, each with its LF; no MIME-Version
  std::string body;    // encoded

  // As body part or, with other fields before it, as message.
  [[nodiscard]] std::string to_string() const { return fields + "\n" + body; }
  [[nodiscard]] bool is_8bit() const;
};

// Text in UTF-8 with LF line ends (ill-formed octets become U+FFFD). US-ASCII in lines of at most
// 998 octets goes as it is (7bit), the rest as quoted-printable or base64, whichever is shorter.
Entity make_text(std::string_view utf8, std::string_view subtype = "plain");
// Any octets as an attachment: base64, or as make_text for "text/..." types that are UTF-8.
Entity make_attachment(std::string_view octets, std::string_view content_type,
                       std::string_view utf8_filename);
// A whole message inside, octet for octet (LF); RFC 2046 section 5.2.1 allows it no encoding.
Entity make_message(std::string_view message);
Entity make_header_section(std::string_view fields);  // text/rfc822-headers, RFC 3462

// `subtype` with further parameters (`; report-type=delivery-status`). The boundary is made from
// `seed` and is none of the lines of the parts.
Entity make_multipart(std::string_view subtype, const std::vector<Entity>& parts,
                      std::uint64_t seed, std::string_view parameters = {});

// RFC 3464: groups of fields, the per-message one first, each field with its LF.
Entity make_delivery_status(const std::vector<std::string>& field_groups);
// multipart/report of an explanation, a delivery-status and the returned message or its header.
Entity make_delivery_report(std::string_view explanation,
                            const std::vector<std::string>& field_groups, const Entity& returned,
                            std::uint64_t seed);

// A content type by file name ending; "application/octet-stream" if unknown.
std::string_view guess_content_type(std::string_view filename);

}  // namespace mail::message
