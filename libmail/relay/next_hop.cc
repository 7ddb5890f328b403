#include "libmail/relay/next_hop.h"

#include <algorithm>
#include <optional>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/net/network.h"

namespace mail::relay {
namespace {

constexpr std::string_view kIpv6Tag = "IPv6:";

struct Parsed {
  std::string host;
  bool by_mx = true;
  std::uint16_t port = 25;
};

Result<Parsed> parse_destination(std::string_view text, std::uint16_t port) {
  Parsed parsed;
  parsed.port = port;
  std::string_view rest = text;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) {
      return fail(Errc::Config, "Relay host wrong", log::escape(text) + ": '[' without ']'");
    }
    parsed.host = rest.substr(1, close - 1);
    // An IPv6-address-literal has a tag (RFC 5321 section 4.1.3).
    if (ascii::istarts_with(parsed.host, kIpv6Tag)) parsed.host.erase(0, kIpv6Tag.size());
    parsed.by_mx = false;
    rest.remove_prefix(close + 1);
  } else {
    const auto colon = rest.find(':');
    parsed.host = rest.substr(0, colon);
    rest.remove_prefix(parsed.host.size());
  }
  if (parsed.host.empty() || !(rest.empty() || rest.starts_with(':'))) {
    return fail(Errc::Config, "Relay host wrong", log::escape(text) + ": not a host and a port");
  }
  if (rest.starts_with(':')) {
    if (ascii::iequals(rest.substr(1), "smtp")) {
      parsed.port = 25;
      return parsed;
    }
    if (ascii::iequals(rest.substr(1), "submission")) {
      parsed.port = 587;
      return parsed;
    }
    const auto number = ascii::to_number<std::uint16_t>(rest.substr(1));
    if (!number) return fail(Errc::Config, "Relay host wrong", log::escape(text) + ": not a port");
    parsed.port = *number;
  }
  return parsed;
}

bool is_null(const dns::Mx& mx) { return mx.exchange.empty() || mx.exchange == "."; }

Result<void> add_addresses(const std::string& name, std::uint16_t port, dns::Resolver& resolver,
                           std::vector<Host>& hosts) {
  if (const auto literal = net::Address::parse(name)) {
    hosts.push_back({name, literal->to_string(), port});
    return {};
  }
  for (auto& address : TRY(resolver.find_addresses(name))) {
    hosts.push_back({name, std::move(address), port});
  }
  return {};
}

// The destination itself does not exist.
Error explain(Error error, const std::string& name) {
  if (error.code != Errc::NotFound) return error;
  return make_error(Errc::NotFound, EnhancedStatus{5, 1, 2}, "Host or domain name not found",
                    "Host or domain name not found: " + log::escape(name));
}

// One MX host that is not to be found is no reason to give the others up.
Result<std::vector<Host>> find_mx_hosts(const std::vector<dns::Mx>& mx, std::uint16_t port,
                                        dns::Resolver& resolver, const std::string& domain) {
  std::vector<Host> hosts;
  std::optional<Error> unknown;
  for (const auto& one : mx) {
    if (is_null(one)) continue;
    auto added = add_addresses(one.exchange, port, resolver, hosts);
    if (!added && added.error().code != Errc::NotFound) unknown = std::move(added).error();
  }
  if (!hosts.empty()) return hosts;
  // It is final only when the DNS said of each that it has no address.
  if (unknown) return fail(*std::move(unknown));
  return fail(Errc::NotFound, EnhancedStatus{5, 4, 4}, "No mail host has an address",
              "no mail host of " + log::escape(domain) + " has an address");
}

Result<std::vector<Host>> find_by_mx(const Parsed& parsed, const Settings& settings,
                                     dns::Resolver& resolver,
                                     const std::function<std::size_t(std::size_t)>& random) {
  auto found = resolver.find_mx(parsed.host);
  if (!found) return fail(explain(std::move(found).error(), parsed.host));
  auto mx = *std::move(found);
  if (mx.size() == 1 && is_null(mx.front())) {
    return fail(Errc::NotFound, EnhancedStatus{5, 1, 10}, "Domain does not accept mail (null MX)",
                log::escape(parsed.host) + " does not accept mail (null MX)");  // RFC 7505
  }
  if (mx.empty()) mx.push_back({0, parsed.host});  // the implicit MX
  // Random among equals: shuffled first, then sorted by preference and nothing else.
  for (std::size_t i = mx.size(); i > 1; --i) std::swap(mx.at(i - 1), mx.at(random(i)));
  std::stable_sort(mx.begin(), mx.end(),
                   [](const dns::Mx& a, const dns::Mx& b) { return a.preference < b.preference; });
  // Ourselves among them: only better ones may be tried, or mail would loop.
  const auto own = std::find_if(mx.begin(), mx.end(), [&](const dns::Mx& one) {
    return ascii::iequals(one.exchange, settings.myhostname);
  });
  if (own != mx.end()) {
    const auto preference = own->preference;
    std::erase_if(mx, [&](const dns::Mx& one) { return one.preference >= preference; });
    if (mx.empty()) {
      return fail(Errc::Loop, EnhancedStatus{5, 4, 6}, "Mail loops back to myself",
                  "mail for " + log::escape(parsed.host) + " loops back to myself");
    }
  }
  return find_mx_hosts(mx, parsed.port, resolver, parsed.host);
}

Result<std::vector<Host>> find_one(const Parsed& parsed, dns::Resolver& resolver) {
  std::vector<Host> hosts;
  if (auto added = add_addresses(parsed.host, parsed.port, resolver, hosts); !added) {
    return fail(explain(std::move(added).error(), parsed.host));
  }
  if (hosts.empty()) {
    return fail(Errc::NotFound, EnhancedStatus{5, 4, 4}, "Host has no address",
                log::escape(parsed.host) + " has no address");
  }
  return hosts;
}

}  // namespace

std::string destination_of(const Settings& settings, std::string_view recipient) {
  std::string destination = settings.relayhost;
  if (destination.empty()) {
    const auto at = recipient.rfind('@');
    destination =
        ascii::to_lower(at == std::string_view::npos ? recipient : recipient.substr(at + 1));
  }
  // A domain of that name is not our own mailboxes.
  if (destination == kLocalDestination) destination += '.';
  return destination;
}

Result<std::vector<Host>> find_hosts(const std::string& destination, const Settings& settings,
                                     dns::Resolver& resolver,
                                     const std::function<std::size_t(std::size_t)>& random) {
  const Parsed parsed = TRY(parse_destination(destination, settings.port));
  auto hosts = parsed.by_mx && !net::Address::parse(parsed.host)
                   ? find_by_mx(parsed, settings, resolver, random)
                   : find_one(parsed, resolver);
  if (hosts) return hosts;
  Error error = std::move(hosts).error();
  if (error.is_permanent() && destination == settings.relayhost) {
    // The administrator's mistake, not the recipients': all mail would bounce by it.
    log::warning("relayhost " + log::escape(destination) + ": " + error.log_text);
    error.status = {4, 3, 5};
  }
  return fail(std::move(error));
}

}  // namespace mail::relay
