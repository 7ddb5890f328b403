#include "libmail/base/result.h"

#include <array>

namespace mail {
namespace {

struct Row {
  Errc code;
  std::string_view name;
  EnhancedStatus status;
};

// Indexed by Errc; RFC 3463 section 3 names subject and detail.
constexpr auto kRows = std::to_array<Row>({
    {Errc::Syntax, "syntax", {5, 5, 2}},
    {Errc::BadSequence, "bad-sequence", {5, 5, 1}},
    {Errc::NotFound, "not-found", {5, 1, 1}},
    {Errc::Exists, "exists", {5, 2, 0}},
    {Errc::Denied, "denied", {5, 7, 1}},
    {Errc::BadCredentials, "bad-credentials", {5, 7, 8}},
    {Errc::PrivacyRequired, "privacy-required", {5, 7, 11}},
    {Errc::OverQuota, "over-quota", {4, 2, 2}},
    {Errc::NoSpace, "no-space", {4, 3, 1}},
    {Errc::TooLarge, "too-large", {5, 3, 4}},
    {Errc::TooMany, "too-many", {4, 5, 3}},
    {Errc::InUse, "in-use", {4, 2, 1}},
    {Errc::Loop, "loop", {5, 4, 6}},
    {Errc::Unsupported, "unsupported", {5, 5, 1}},
    {Errc::Timeout, "timeout", {4, 4, 2}},
    {Errc::Closed, "closed", {4, 4, 2}},
    {Errc::Unavailable, "unavailable", {4, 3, 0}},
    {Errc::Corrupt, "corrupt", {4, 3, 0}},
    {Errc::Config, "config", {4, 3, 5}},
    {Errc::Io, "io", {4, 3, 0}},
    {Errc::Internal, "internal", {4, 3, 0}},
});

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows.at(i).code) != i) return false;
  }
  return kRows.size() == static_cast<std::size_t>(Errc::Internal) + 1;
}
static_assert(in_order(), "kRows follows Errc");

}  // namespace

std::string to_string(const EnhancedStatus& status) {
  return std::to_string(status.cls) + '.' + std::to_string(status.subject) + '.' +
         std::to_string(status.detail);
}

std::string_view to_string(Errc code) { return kRows.at(static_cast<std::size_t>(code)).name; }

EnhancedStatus default_status(Errc code) { return kRows.at(static_cast<std::size_t>(code)).status; }

Error make_error(Errc code, std::string public_text, std::string log_text) {
  return make_error(code, default_status(code), std::move(public_text), std::move(log_text));
}

Error make_error(Errc code, EnhancedStatus status, std::string public_text, std::string log_text) {
  if (log_text.empty()) log_text = public_text;
  return Error{code, status, std::move(public_text), std::move(log_text)};
}

}  // namespace mail
