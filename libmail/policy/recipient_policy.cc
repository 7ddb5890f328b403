#include "libmail/policy/recipient_policy.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"

namespace mail::policy {

Result<RecipientPolicy> RecipientPolicy::open(const Settings& settings, Expand expand) {
  RecipientPolicy policy;
  policy.settings_ = settings;
  policy.expand_ = std::move(expand);
  policy.local_domains_ =
      TRY(table::MatchList::open(settings.mydestination, table::Subdomains::Ignore));
  policy.relay_domains_ =
      TRY(table::MatchList::open(settings.relay_domains, table::Subdomains::Match));
  for (const auto& text : settings.mynetworks) {
    auto network = net::Network::parse(text);
    if (network) {
      policy.trusted_.push_back(*network);
    } else {  // config has checked the list; a table in it is not a network
      log::warning("mynetworks: " + network.error().log_text);
    }
  }
  for (const auto& item : settings.inet_interfaces) {
    if (ascii::iequals(item, "all")) continue;
    policy.all_interfaces_ = false;
    if (ascii::iequals(item, "loopback-only")) {
      policy.interfaces_.push_back(*net::Address::parse("127.0.0.1"));
      policy.interfaces_.push_back(*net::Address::parse("::1"));
    } else if (const auto address = net::Address::parse(item)) {
      policy.interfaces_.push_back(*address);
    }
  }
  for (const auto& item : settings.proxy_interfaces) {
    if (const auto address = net::Address::parse(item)) policy.interfaces_.push_back(*address);
  }
  return policy;
}

// user@[192.168.10.10] is ours on an interface that we receive mail on (S26, S40).
bool RecipientPolicy::is_our_literal(std::string_view domain) {
  const auto address = net::Address::parse(domain);
  if (!address) return false;
  if (all_interfaces_ && !interfaces_read_) {
    interfaces_read_ = true;
    if (auto own = net::interface_addresses()) {
      interfaces_.insert(interfaces_.end(), own->begin(), own->end());
    }
  }
  return std::find(interfaces_.begin(), interfaces_.end(), *address) != interfaces_.end();
}

Result<bool> RecipientPolicy::is_local_domain(std::string_view domain, Trace* trace) {
  const auto note = [&](std::string rule, std::string text) {
    if (trace != nullptr) trace->add(std::move(rule), std::move(text));
  };
  if (address::is_address_literal(domain)) {
    const bool ours = is_our_literal(domain);
    note("inet_interfaces", std::string(domain) + (ours ? " is ours" : " is not ours"));
    return ours;
  }
  const auto item = TRY(local_domains_.match(domain));
  note("mydestination", item ? std::string(domain) + " is local: matches " + *item
                             : std::string(domain) + " is not local");
  return item.has_value();
}

bool RecipientPolicy::is_trusted(const Client& client) const {
  return client.address.empty() || net::contains(trusted_, client.address);
}

Result<Decision> RecipientPolicy::decide(const Client& client, const address::ForwardPath& path,
                                         Trace& trace) {
  Decision decision;
  address::AddrSpec addr_spec = path.addr_spec;
  const std::string shown = '<' + address::to_string(addr_spec) + '>';
  if (addr_spec.domain.empty()) {
    // The bare <postmaster> is for anybody (RFC 5321 section 4.5.1); other local names are
    // completed for our own (S39).
    const bool is_postmaster = ascii::iequals(addr_spec.local_part, "postmaster");
    if (!is_postmaster && !is_trusted(client) && client.sasl_user.empty()) {
      trace.add("mynetworks", shown + " has no domain and the client is not ours");
      return fail(Errc::Unsupported, EnhancedStatus{5, 5, 2},
                  shown + ": Recipient address rejected: need fully-qualified address");
    }
    addr_spec.domain = settings_.myorigin;
    trace.add("myorigin", shown + " -> <" + address::to_string(addr_spec) + '>');
  }
  decision.address = address::to_string(addr_spec);

  decision.is_local = TRY(is_local_domain(addr_spec.domain, &trace));
  // Source routing by '%' and '!' would make a local address of ours a relay's (RFC 5321 F.2).
  if (addr_spec.local_part.find_first_of("%!@") != std::string::npos && decision.is_local) {
    trace.add("source route", shown + " routes through us");
    return fail(Errc::Denied, EnhancedStatus{5, 7, 1}, shown + ": Relay access denied");
  }
  if (decision.is_local) {
    if (!settings_.permit_sender_unauthenticated && client.sasl_user.empty() &&
        !is_trusted(client)) {
      trace.add("submission", "the client has not authenticated");
      return fail(Errc::Denied, EnhancedStatus{5, 7, 0}, shown + ": Authentication required");
    }
    auto expansion = expand_(addr_spec.local_part, decision.address);
    if (!expansion) {
      trace.add("local_recipient_maps", decision.address + ": " + expansion.error().log_text);
      Error error = std::move(expansion).error();
      if (error.code == Errc::NotFound && error.is_permanent()) {
        error.public_text =
            shown + ": Recipient address rejected: User unknown in local recipient table";
        if (settings_.unknown_local_recipient_reject_code / 100 == 4) error.status.cls = 4;
      }
      return fail(std::move(error));
    }
    trace.append(expansion->trace);
    decision.end_points = std::move(expansion->end_points);
    decision.trace = trace;
    return decision;
  }

  alias::EndPoint remote;
  remote.kind = alias::Kind::Remote;
  remote.target = decision.address;
  remote.original_to = decision.address;
  decision.end_points.push_back(std::move(remote));
  const auto permit = [&](std::string rule, std::string text) {
    trace.add(std::move(rule), std::move(text));
    decision.trace = trace;
    return decision;
  };
  if (!client.sasl_user.empty()) {
    return permit("permit_sasl_authenticated", client.sasl_user + " may relay");
  }
  if (settings_.permit_sender_unauthenticated || is_trusted(client)) {
    if (is_trusted(client)) {
      return permit("mynetworks",
                    (client.address.empty() ? "a local user" : client.address) + " may relay");
    }
    if (!address::is_address_literal(addr_spec.domain)) {
      if (const auto item = TRY(relay_domains_.match(addr_spec.domain))) {
        return permit("relay_domains", addr_spec.domain + " may be relayed to: matches " + *item);
      }
    }
  }
  trace.add("reject_unauth_destination", client.address +
                                             " is not in mynetworks, has not authenticated, and " +
                                             addr_spec.domain + " is not in relay_domains");
  return fail(Errc::Denied, EnhancedStatus{5, 7, 1}, shown + ": Relay access denied");
}

}  // namespace mail::policy
