// Expander: from a local address to its end points, with the trace of each step.
//
// Maps are opened at each construction (an edit followed by newaliases holds from the next
// connection). A name that is in no map and no account is NotFound (5.1.1). postmaster is always
// accepted: without an alias and an account it leads to root (RFC 5321 section 4.5.1).
//
// Names are matched without regard to ASCII case. "user+detail" is looked up as it is, then as
// "user". An alias that names itself among its targets means the account of that name; any longer
// way back to a name is a Loop error (5.4.6). A target that turns out to be nobody, while others
// are good, becomes a User end point all the same, so that its failure is reported like any other.
//
// Maps know local parts only, in all our domains alike. Accounts may have a domain: an address
// without one, in a map, is in `local_domain`, in a .forward in its owner's.
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
  Map() = default;
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  virtual ~Map() = default;
  virtual Result<Entry> find(std::string_view name) = 0;
  // Account that files and commands of this map run as; empty: default_privs.
  [[nodiscard]] virtual std::string runs_as() const = 0;
  // What an administrator should know of it ("edited, but newaliases has not been run"), or empty.
  // Asked only where a name was not found, and for the trace.
  virtual std::string notice() { return {}; }
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
    // The name of the account that local_part@domain is, or local_part (`domain` "": only that).
    // NotFound where there is none; any other error means "later".
    std::function<Result<std::string>(std::string_view local_part, std::string_view domain)>
        find_account;
    bool owner_request_special = true;  // owner-NAME and NAME-request are not cut at a '-'
  };
  Expander(Settings settings, std::vector<std::unique_ptr<Map>> maps);

  // `local_part` is the local part of an address in one of our domains; `original` the whole
  // envelope recipient as accepted (goes to EndPoint::original_to). `failed`, where given, receives
  // the trace of an expansion that ends in an error: --explain shows that too.
  Result<Expansion> expand(std::string_view local_part, std::string_view original,
                           Trace* failed = nullptr);

  // The content of a .forward or :include: file: `text` read from `origin` on behalf of the end
  // point `parent`, whose original_to, owner and runs_as its targets inherit. In a .forward the
  // user's own name means the mailbox. Files and commands in an :include: file are left out, as
  // Postfix's allow_mail_to_commands and allow_mail_to_files have it by default; the trace says so.
  Result<Expansion> expand_file(std::string_view text, std::string_view origin,
                                const EndPoint& parent);

 private:
  class Walk;

  Settings settings_;
  std::vector<std::unique_ptr<Map>> maps_;
};

}  // namespace mail::alias
