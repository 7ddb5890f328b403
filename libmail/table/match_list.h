// Lists of domain names that mix names and lookup tables: mydestination, relay_domains and such.
//
// An item is a name, `.domain` (everything below it), `type:table` (its keys count, the values do
// not) or any of these after '!' (then a match ends the search as "no"). The first matching item
// decides. With Subdomains::Match a plain name stands for everything below it too, as Postfix's
// parent_domain_matches_subdomains has it for relay_domains. Names compare without ASCII case.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/table/table.h"

namespace mail::table {

enum class Subdomains { Ignore, Match };

class MatchList {
 public:
  MatchList() = default;
  // Opens the tables. Items of unsupported types are left out (config has reported them).
  static Result<MatchList> open(const std::vector<std::string>& items, Subdomains subdomains);

  // The item that matched, as written (for traces), or nothing. An error of a table means "later".
  Result<std::optional<std::string>> match(std::string_view name);

 private:
  struct Item {
    std::string text;  // lower case, without '!'
    bool negated = false;
    std::unique_ptr<Table> table;
  };
  Result<bool> matches(Item& item, std::string_view name) const;

  std::vector<Item> items_;
  Subdomains subdomains_ = Subdomains::Ignore;
};

}  // namespace mail::table
