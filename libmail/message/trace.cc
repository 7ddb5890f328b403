#include "libmail/message/trace.h"

#include "libmail/base/ascii.h"

namespace mail::message {
namespace {

// ctext, RFC 5322 section 3.2.2.
std::string comment_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!ascii::is_control(c) && c != '(' && c != ')' && c != '\\') out += c;
  }
  return out;
}

// A line of our own making, which may hold a comment inside: kept if its parentheses pair up.
std::string comment_line(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) break;
  }
  if (depth != 0 || text.find('\\') != std::string_view::npos) return comment_text(text);
  return without_controls(text);
}

// One word: no white space, no characters with a meaning in Received.
std::string word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (ascii::is_control(c)) continue;
    out += c == ' ' || c == '(' || c == ')' || c == ';' || c == '\\' || c == '"' ? '?' : c;
  }
  return out;
}

std::string client_literal(std::string_view address) {
  if (address.empty()) return {};
  const bool is_ipv6 =
      address.find(':') != std::string_view::npos && !ascii::istarts_with(address, "IPv6:");
  return std::string(" [") + (is_ipv6 ? "IPv6:" : "") + comment_text(address) + "]";
}

}  // namespace

std::string without_controls(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!ascii::is_control(c)) out += c;
  }
  return out;
}

std::string make_received(const Received& received) {
  std::string field = "Received: ";
  if (received.helo.empty()) {
    field += "by " + word(received.by) + " (Tubepost";
    if (received.user_id) field += ", from userid " + std::to_string(*received.user_id);
    field += ")";
    for (const auto& comment : received.comments) field += "\n\t(" + comment_line(comment) + ")";
    field += "\n\tid " + word(received.id);
  } else {
    const std::string name =
        received.client_name.empty() ? "unknown" : comment_text(received.client_name);
    field +=
        "from " + word(received.helo) + " (" + name + client_literal(received.client_address) + ")";
    for (const auto& comment : received.comments) field += "\n\t(" + comment_line(comment) + ")";
    field += "\n\tby " + word(received.by) + " (Tubepost) with " + word(received.with) + " id " +
             word(received.id);
  }
  const std::string date = format_date(received.date, comment_text(received.zone_name));
  if (received.recipient) {
    return field + "\n\tfor <" + address::to_string(*received.recipient) + ">; " + date + "\n";
  }
  return field + (received.helo.empty() ? "; " : ";\n\t") + date + "\n";
}

std::string make_return_path(const address::ReversePath& path) {
  return "Return-Path: " + without_controls(address::to_string(path)) + "\n";
}
std::string make_original_to(const address::AddrSpec& recipient) {
  return "X-Original-To: " + without_controls(address::to_string(recipient)) + "\n";
}
std::string make_delivered_to(const address::AddrSpec& recipient) {
  return "Delivered-To: " + without_controls(address::to_string(recipient)) + "\n";
}

}  // namespace mail::message
