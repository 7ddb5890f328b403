// Expander: from a local address to its end points, with the trace of each step.
//
// Maps are opened at each construction (an edit followed by newaliases holds from the next
// connection). A name that is in no map and no account is NotFound (5.1.1). postmaster is always
// accepted: without an alias and an account it leads to root (RFC 5321 section 4.5.1).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/alias/end_point.h"
#include "libmail/base/result.h"
#include "libmail/base/trace.h"

namespace mail::alias {

inline constexpr std::size_t kMaxExpansionDepth = 50;        // levels of alias -> alias
inline constexpr std::size_t kMaxExpansionEndPoints = 1000;  // per recipient

// A look-up table: name (lower case) -> list of targets as written in aliases(5), and where the
// entry stands. `nullopt`-like: NotFound error for "no entry"; any other error means "later".
struct Entry {
  std::string targets;  // comma separated, as in the file
  std::string origin;   // "/etc/aliases:14"
};
class Map {
 public:
  virtual ~Map() = default;
  virtual Result<Entry> find(std::string_view name) = 0;
  // Account that files and commands of this map run as; empty: default_privs.
  [[nodiscard]] virtual std::string runs_as() const = 0;
};

struct Expansion {
  std::vector<EndPoint> end_points;  // without duplicates
  Trace trace;
};

class Expander {
 public:
  struct Settings {
    std::string local_domain;         // myorigin: completes unqualified targets
    std::string recipient_delimiter;  // "user+detail" also finds "user"; empty: none
    bool expand_owner_alias = false;
    // Whether `domain` is one of ours (mydestination, address literals): else a target is Remote.
    std::function<bool(std::string_view domain)> is_local_domain;
    // Whether an account of that name exists; an error means "later".
    std::function<Result<bool>(std::string_view name)> account_exists;
  };
  Expander(Settings settings, std::vector<std::unique_ptr<Map>> maps);

  // `local_part` is the local part of an address in one of our domains; `original` the whole
  // envelope recipient as accepted (goes to EndPoint::original_to).
  Result<Expansion> expand(std::string_view local_part, std::string_view original);

 private:
  Settings settings_;
  std::vector<std::unique_ptr<Map>> maps_;
};

}  // namespace mail::alias
