// RecipientPolicy: may this client send to this recipient, and where does it lead? (requirements
// S26, S40-S45.) One decision with its trace; smtp-recv acts on it, --explain prints it.
//
// Classes of domains: local (mydestination, address literals of our interfaces), relay
// (relay_domains and what is below them), and all others, for which the client must be in
// mynetworks or authenticated.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libmail/address/path.h"
#include "libmail/alias/expansion.h"
#include "libmail/base/result.h"
#include "libmail/base/trace.h"
#include "libmail/net/network.h"
#include "libmail/policy/settings.h"
#include "libmail/table/match_list.h"

namespace mail::policy {

struct Client {
  std::string address;    // empty: a pipe or terminal, that is a local user
  std::string sasl_user;  // empty: not authenticated
};

struct Decision {
  bool is_local = false;
  std::string address;                      // completed: "root@linuxprobe.com"
  std::vector<alias::EndPoint> end_points;  // one Remote end point for what is not local
  Trace trace;
};

class RecipientPolicy {
 public:
  // Expansion of a local address; tests give their own.
  using Expand = std::function<Result<alias::Expansion>(std::string_view local_part,
                                                        std::string_view original)>;
  static Result<RecipientPolicy> open(const Settings& settings, Expand expand);

  // Errors carry reply texts in Postfix's words: Denied 5.7.1 "<x>: Relay access denied", NotFound
  // 5.1.1 "<x>: Recipient address rejected: User unknown in local recipient table"; class 4: later.
  // `trace` gets the steps of a refusal too.
  Result<Decision> decide(const Client& client, const address::ForwardPath& path, Trace& trace);

  // Whether mail for the domain ends here; used for alias targets too.
  Result<bool> is_local_domain(std::string_view domain, Trace* trace = nullptr);
  [[nodiscard]] bool is_trusted(const Client& client) const;
  // myorigin: completes what our own clients leave without a domain.
  [[nodiscard]] const std::string& origin() const { return settings_.myorigin; }

 private:
  RecipientPolicy() = default;
  bool is_our_literal(std::string_view domain);

  Settings settings_;
  Expand expand_;
  table::MatchList local_domains_;
  table::MatchList relay_domains_;
  std::vector<net::Network> trusted_;
  std::vector<net::Address> interfaces_;
  bool all_interfaces_ = true;
  bool interfaces_read_ = false;
};

}  // namespace mail::policy
