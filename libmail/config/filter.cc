#include "libmail/config/filter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/config/dovecot_sections.h"
#include "libmail/config/values.h"
#include "libmail/net/network.h"

namespace mail::config {
namespace {

struct Span {
  net::Address address;
  unsigned bits = 0;
};

std::optional<Span> parse_span(std::string_view text) {
  const auto slash = text.rfind('/');
  const auto address = net::Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned width = address->is_ipv4() ? 32 : 128;
  if (slash == std::string_view::npos) return Span{*address, width};
  const auto bits = ascii::to_number<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > width) return std::nullopt;
  return Span{*address, *bits};
}

bool has_bit(const net::Address& address, unsigned bit) {
  return ((address.octets().at(bit / 8) >> (7U - bit % 8U)) & 1U) != 0;
}

bool contains(const Span& span, const net::Address& address) {
  if (span.address.is_ipv4() != address.is_ipv4()) return false;
  for (unsigned bit = 0; bit < span.bits; ++bit) {
    if (has_bit(span.address, bit) != has_bit(address, bit)) return false;
  }
  return true;
}

// Dovecot's: '*' stands for one label.
bool matches_host(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return ascii::iequals(pattern, host);
  const auto dot = host.find('.');
  return dot != std::string_view::npos && ascii::iequals(pattern.substr(1), host.substr(dot));
}

bool matches_hosts(std::string_view patterns, std::string_view host) {
  if (host.empty()) return false;
  const auto items = parse_list(patterns);
  return std::ranges::any_of(items, [&](const auto& item) { return matches_host(item, host); });
}

// How special a filter is: local, local_name, remote, protocol.
using Rank = std::array<unsigned, 4>;

// One filter of a chain: false where it does not hold.
bool add_filter(Rank& rank, std::string_view kind, const std::string& name,
                const Connection& connection) {
  if (kind == "local") {
    rank[0] = match_networks(name, connection.local_address);
    return rank[0] != 0;
  }
  if (kind == "local_name") {
    rank[1] = matches_hosts(name, connection.local_name) ? 1 : 0;
    return rank[1] != 0;
  }
  if (kind == "remote") {
    rank[2] = match_networks(name, connection.remote_address);
    return rank[2] != 0;
  }
  const bool is_negated = name.starts_with('!');
  const bool is_same = std::string_view(name).substr(is_negated ? 1 : 0) == connection.protocol;
  rank[3] = !connection.protocol.empty() && is_same != is_negated ? 1 : 0;
  return rank[3] != 0;
}

std::optional<Rank> rank_of(std::string_view path, const Connection& connection) {
  Rank rank{};
  const auto steps = ascii::split(path, '/');
  if (steps.size() % 2 != 0) return std::nullopt;
  for (std::size_t at = 0; at < steps.size(); at += 2) {
    if (!is_dovecot_filter(steps[at])) return std::nullopt;
    if (!add_filter(rank, steps[at], section_name(steps[at + 1]), connection)) return std::nullopt;
  }
  return rank;
}

}  // namespace

std::vector<std::string> filters_for(
    const std::vector<std::pair<std::string, std::string>>& sections,
    const Connection& connection) {
  std::vector<std::pair<Rank, std::string>> found;
  for (const auto& [parent, name] : sections) {
    const auto kind = std::string_view(parent).substr(parent.rfind('/') + 1);
    if (!is_dovecot_filter(kind)) continue;
    std::string path = parent;
    path.append("/").append(name);
    if (const auto rank = rank_of(path, connection)) found.emplace_back(*rank, path + "/");
  }
  std::ranges::stable_sort(found, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> prefixes;
  prefixes.reserve(found.size());
  for (auto& [rank, path] : found) prefixes.push_back(std::move(path));
  return prefixes;
}

std::string section_name(std::string_view step) {
  std::string out;
  for (std::size_t at = 0; at < step.size(); ++at) {
    const bool is_slash = step.substr(at, 2) == "\\s";
    out += is_slash ? '/' : step[at];
    if (is_slash) ++at;
  }
  return out;
}

unsigned match_networks(std::string_view networks, std::string_view address) {
  const auto whose = net::Address::parse(address);
  if (!whose) return 0;
  unsigned best = 0;
  for (const auto& item : parse_list(networks)) {
    const auto span = parse_span(item);
    if (span && contains(*span, *whose)) best = std::max(best, span->bits + 1);
  }
  return best;
}

std::string mask_network(std::string_view network) {
  const auto span = parse_span(network);
  if (!span || network.find('/') == std::string_view::npos) return std::string(network);
  auto octets = span->address.octets();
  const unsigned width = span->address.is_ipv4() ? 32 : 128;
  for (unsigned bit = span->bits; bit < width; ++bit) {
    octets.at(bit / 8) &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8U)));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = span->address.is_ipv4() ? AF_INET : AF_INET6;
  if (::inet_ntop(family, octets.data(), text.data(), text.size()) == nullptr) {
    return std::string(network);
  }
  return std::string(text.data()) + "/" + std::to_string(span->bits);
}

}  // namespace mail::config
