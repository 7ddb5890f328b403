#include "libmail/relay/next_hop.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/net/network.h"

namespace mail::relay {
namespace {

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
    parsed.by_mx = false;
    rest.remove_prefix(close + 1);
  } else {
    const auto colon = rest.find(':');
    parsed.host = rest.substr(0, colon);
    rest.remove_prefix(parsed.host.size());
  }
  if (rest.starts_with(':')) {
    if (ascii::iequals(rest.substr(1), "smtp")) return parsed;
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

}  // namespace

std::string destination_of(const Settings& settings, std::string_view recipient) {
  if (!settings.relayhost.empty()) return settings.relayhost;
  const auto at = recipient.rfind('@');
  return ascii::to_lower(at == std::string_view::npos ? recipient : recipient.substr(at + 1));
}

Result<std::vector<Host>> find_hosts(const std::string& destination, const Settings& settings,
                                     dns::Resolver& resolver,
                                     const std::function<std::size_t(std::size_t)>& random) {
  const Parsed parsed = TRY(parse_destination(destination, settings.port));
  const auto unknown = [&](const Error& error) -> tl::unexpected<Error> {
    if (error.code != Errc::NotFound) return fail(error);
    return fail(Errc::NotFound, EnhancedStatus{5, 1, 2}, "Host or domain name not found",
                "Host or domain name not found: " + log::escape(parsed.host));
  };
  std::vector<Host> hosts;
  if (!parsed.by_mx || net::Address::parse(parsed.host)) {
    if (const auto added = add_addresses(parsed.host, parsed.port, resolver, hosts); !added) {
      return unknown(added.error());
    }
    if (hosts.empty()) return unknown(make_error(Errc::NotFound, "no address"));
    return hosts;
  }
  auto found = resolver.find_mx(parsed.host);
  if (!found) return unknown(found.error());
  auto mx = *std::move(found);
  if (mx.size() == 1 && (mx.front().exchange.empty() || mx.front().exchange == ".")) {
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
    mx.erase(std::remove_if(mx.begin(), mx.end(),
                            [&](const dns::Mx& one) { return one.preference >= preference; }),
             mx.end());
    if (mx.empty()) {
      return fail(Errc::Loop, EnhancedStatus{5, 4, 6}, "Mail loops back to myself",
                  "mail for " + log::escape(parsed.host) + " loops back to myself");
    }
  }
  Error last = make_error(Errc::NotFound, EnhancedStatus{4, 4, 4}, "No mail host has an address",
                          "no MX of " + log::escape(parsed.host) + " has an address");
  for (const auto& one : mx) {
    // One MX that is not to be found is no reason to give the others up.
    if (auto added = add_addresses(one.exchange, parsed.port, resolver, hosts); !added) {
      last = added.error();
      last.status = {
          static_cast<std::uint8_t>(mx.size() == 1 && last.code == Errc::NotFound ? 5 : 4), 4, 4};
    }
  }
  if (hosts.empty()) return fail(std::move(last));
  return hosts;
}

}  // namespace mail::relay
