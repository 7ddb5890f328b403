// Content-Type, Content-Disposition and their parameters (RFC 2045 section 5, RFC 2183), with the
// continuations and charsets of RFC 2231 and the encoded words that clients put there instead.
// Readers are total; a field that says nothing usable gives an empty type.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/message/charset.h"

namespace mail::message {

inline constexpr std::size_t kMaxParameters = 200;

struct Parameter {
  std::string name;   // lower case, "filename*0*" as written
  std::string value;  // unquoted octets, otherwise as written

  bool operator==(const Parameter&) const = default;
};

class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(std::vector<Parameter> all) : all_(std::move(all)) {}

  [[nodiscard]] const std::vector<Parameter>& all() const { return all_; }
  [[nodiscard]] bool empty() const { return all_.empty(); }
  // Octets of the first parameter of just this name.
  [[nodiscard]] std::optional<std::string> find_raw(std::string_view name) const;
  // As text in UTF-8: name*, then name*0.., then name with encoded words or unlabelled octets.
  [[nodiscard]] std::optional<std::string> find(std::string_view name,
                                                std::string_view fallback = kDefaultFallback) const;
  bool operator==(const Parameters&) const = default;

 private:
  std::vector<Parameter> all_;
};

struct ContentType {
  std::string type;     // lower case; empty if the field was not readable
  std::string subtype;  // lower case
  Parameters parameters;

  [[nodiscard]] bool is(std::string_view wanted_type, std::string_view wanted_subtype) const {
    return type == wanted_type && subtype == wanted_subtype;
  }
  [[nodiscard]] std::string charset() const { return parameters.find("charset").value_or(""); }
  bool operator==(const ContentType&) const = default;
};

struct Disposition {
  std::string value;  // lower case: "attachment", "inline"
  Parameters parameters;
  bool operator==(const Disposition&) const = default;
};

ContentType parse_content_type(std::string_view field_body);
Disposition parse_disposition(std::string_view field_body);

// `; name=value`, quoted where needed; text outside US-ASCII or longer than a line as RFC 2231 has
// it, in as many continuations as it takes, each on its own folded line (LF line ends).
std::string format_parameter(std::string_view name, std::string_view utf8_value);

}  // namespace mail::message
