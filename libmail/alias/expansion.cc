#include "libmail/alias/expansion.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "libmail/alias/target.h"
#include "libmail/base/ascii.h"
#include "libmail/base/log.h"

namespace mail::alias {
namespace {

constexpr std::string_view kPostmaster = "postmaster";

// What the targets at one level inherit.
struct Context {
  std::string owner;
  std::string runs_as;
  bool allow_file_and_command = true;
  std::string domain;      // of the name that is followed, where its text has none
  std::string own_domain;  // of the name whose entry this is
};

bool is_special(std::string_view name) {
  return name.starts_with("owner-") || name.ends_with("-request");
}

}  // namespace

// One expansion: the names on the way from the start (loops), what was found, the trace.
class Expander::Walk {
 public:
  Walk(Expander& expander, std::string_view original)
      : settings_(expander.settings_), maps_(expander.maps_), original_(original) {}

  Expansion take() { return std::move(result_); }
  Trace& trace() { return result_.trace; }
  void enter(std::string name) { path_.push_back(std::move(name)); }

  // `name` is lower case. At the top an unknown name is an error, below it an end point.
  Result<void> follow_name(const std::string& name, const Context& context) {
    if (!path_.empty() && path_.back() == name) {  // boss: boss, ann
      trace().add("alias_maps", show(name) + " names itself: the account");
      return deliver_to_account(name, context.own_domain, context);
    }
    if (std::ranges::find(path_, name) != path_.end()) return report_loop(name);
    if (path_.size() >= kMaxExpansionDepth) {
      return fail(make_error(Errc::Loop, {5, 4, 6}, "Alias nesting too deep",
                             "alias nesting too deep at " + show(name)));
    }
    for (const auto& candidate : list_candidates(name)) {
      for (const auto& map : maps_) {
        auto entry = map->find(candidate);
        if (!entry && entry.error().code != Errc::NotFound) {
          return tl::unexpected(std::move(entry).error());
        }
        if (entry) return follow_entry(name, candidate, *map, *entry, context);
      }
    }
    return deliver_to_account(name, context.domain, context);
  }

  Result<void> follow_targets(const TargetList& list, const Context& context,
                              std::string_view origin) {
    for (const auto& mistake : list.mistakes) {
      trace().add("alias_maps", "left out: " + log::escape(mistake), std::string(origin));
    }
    for (const auto& target : list.targets) TRY(follow_target(target, context, origin));
    return {};
  }

  Result<void> add(Kind kind, std::string target, const Context& context, bool no_forward) {
    EndPoint point{kind, std::move(target), original_, context.owner, {}, no_forward};
    if (kind == Kind::File || kind == Kind::Command || kind == Kind::Include) {
      point.runs_as = context.runs_as;
    }
    if (!seen_.insert({static_cast<int>(kind), point.target}).second) return {};
    if (result_.end_points.size() >= kMaxExpansionEndPoints) {
      return fail(make_error(Errc::TooMany, {5, 5, 3}, "Alias has too many targets",
                             log::escape(original_) + " expands to more than " +
                                 std::to_string(kMaxExpansionEndPoints) + " end points"));
    }
    result_.end_points.push_back(std::move(point));
    return {};
  }

 private:
  static std::string show(std::string_view text) { return log::escape(text); }

  // "user+detail" itself, then "user".
  [[nodiscard]] std::vector<std::string> list_candidates(const std::string& name) const {
    std::vector<std::string> names{name};
    if (auto base = without_detail(name)) names.push_back(*std::move(base));
    return names;
  }
  [[nodiscard]] std::optional<std::string> without_detail(const std::string& name) const {
    const auto& delimiters = settings_.recipient_delimiter;
    if (delimiters.empty() || name == kPostmaster || name == "mailer-daemon") return std::nullopt;
    const auto at = name.find_first_of(delimiters);
    if (at == std::string::npos || at == 0) return std::nullopt;
    if (name[at] == '-' && settings_.owner_request_special && is_special(name)) return std::nullopt;
    return name.substr(0, at);
  }

  Result<void> follow_entry(const std::string& name, const std::string& found_as, Map& map,
                            const Entry& entry, Context context) {
    trace().add("alias_maps", show(found_as) + " -> " + log::escape(entry.targets, 1000),
                entry.origin);
    context.owner = TRY(find_owner(found_as, context.owner));
    context.own_domain = std::exchange(context.domain, settings_.local_domain);
    context.runs_as = map.runs_as();
    context.allow_file_and_command = true;
    enter(name);
    if (found_as != name) enter(found_as);
    auto followed = follow_targets(parse_targets(entry.targets), context, entry.origin);
    path_.pop_back();
    if (found_as != name) path_.pop_back();
    return followed;
  }

  // RFC 5321 section 3.9.2: mail of a list goes out with the list's owner as envelope sender.
  Result<std::string> find_owner(const std::string& name, std::string inherited) {
    if (is_special(name) && name.starts_with("owner-")) return inherited;
    const auto owner = "owner-" + name;
    for (const auto& map : maps_) {
      auto entry = map->find(owner);
      if (!entry) {
        if (entry.error().code == Errc::NotFound) continue;
        return tl::unexpected(std::move(entry).error());
      }
      auto sender = complete(owner);
      if (settings_.expand_owner_alias) {
        const auto list = parse_targets(entry->targets);
        if (list.targets.size() == 1 && list.targets.front().kind == Target::Kind::Address) {
          sender = complete(list.targets.front().text);
        }
      }
      trace().add("owner_alias", "envelope sender for " + show(name) + " is " + show(sender),
                  entry->origin);
      return sender;
    }
    return inherited;
  }

  Result<void> follow_target(const Target& target, const Context& context,
                             std::string_view origin) {
    switch (target.kind) {
      case Target::Kind::Include:
        trace().add("include", show(target.text), std::string(origin));
        return add(Kind::Include, target.text, context, false);
      case Target::Kind::File:
      case Target::Kind::Command:
        if (!context.allow_file_and_command) {
          trace().add("allow_mail_to_commands", "left out: " + show(target.text),
                      std::string(origin));
          return {};
        }
        trace().add(target.kind == Target::Kind::File ? "file" : "command", show(target.text),
                    std::string(origin));
        return add(target.kind == Target::Kind::File ? Kind::File : Kind::Command, target.text,
                   context, false);
      case Target::Kind::Address:
        return follow_address(target, context, origin);
    }
    return {};
  }

  Result<void> follow_address(const Target& target, const Context& context,
                              std::string_view origin) {
    const auto [local_part, domain] = split_address(target.text);
    const bool local =
        domain.empty() || (settings_.is_local_domain && settings_.is_local_domain(domain));
    if (!local) {
      trace().add("mydestination", show(domain) + " is not local: " + show(target.text),
                  std::string(origin));
      return add(Kind::Remote, target.text, context, false);
    }
    const auto name = ascii::to_lower(local_part);
    Context inside = context;
    if (!domain.empty()) inside.domain = inside.own_domain = domain;
    if (!target.no_expand) return follow_name(name, inside);
    trace().add("alias_maps", "\\" + show(name) + ": the mailbox, without further expansion",
                std::string(origin));
    return deliver_to_account(name, inside.domain, inside, true);
  }

  Result<void> deliver_to_account(const std::string& name, const std::string& domain,
                                  const Context& context, bool no_forward = false) {
    for (const auto& candidate : list_candidates(name)) {
      auto account = settings_.find_account(candidate, domain);
      if (account) {
        trace().add("accounts", show(*account) + " is an account");
        return add(Kind::User, *std::move(account), context, no_forward);
      }
      if (account.error().code != Errc::NotFound) return fail(std::move(account).error());
    }
    if (name == kPostmaster) {
      trace().add("postmaster", "postmaster has neither alias nor account: root");
      return add(Kind::User, "root", context, no_forward);
    }
    trace().add("accounts", show(name) + " is neither an alias nor an account");
    for (const auto& map : maps_) {
      if (auto notice = map->notice(); !notice.empty()) trace().add("alias_maps", notice);
    }
    if (path_.empty()) {
      return fail(make_error(Errc::NotFound, {5, 1, 1}, "User unknown in local recipient table",
                             show(original_) + ": user unknown"));
    }
    return add(Kind::User, name, context, no_forward);  // its delivery will say "unknown"
  }

  Result<void> report_loop(const std::string& name) {
    std::string chain;
    for (auto at = std::ranges::find(path_, name); at != path_.end(); ++at) {
      chain += show(*at) + " -> ";
    }
    trace().add("alias_maps", "loop: " + chain + show(name));
    return fail(
        make_error(Errc::Loop, {5, 4, 6}, "Alias loop", "alias loop: " + chain + show(name)));
  }

  [[nodiscard]] std::string complete(const std::string& address) const {
    return address.find('@') == std::string::npos && !settings_.local_domain.empty()
               ? address + "@" + settings_.local_domain
               : address;
  }

  const Settings& settings_;
  std::vector<std::unique_ptr<Map>>& maps_;
  std::string original_;
  std::vector<std::string> path_;
  std::set<std::pair<int, std::string>> seen_;
  Expansion result_;
};

Expander::Expander(Settings settings, std::vector<std::unique_ptr<Map>> maps)
    : settings_(std::move(settings)), maps_(std::move(maps)) {}

Result<Expansion> Expander::expand(std::string_view local_part, std::string_view original,
                                   Trace* failed) {
  Walk walk(*this, original);
  Context context;
  context.domain = context.own_domain = split_address(original).domain;
  auto followed = walk.follow_name(ascii::to_lower(local_part), context);
  if (followed) return walk.take();
  if (failed != nullptr) failed->append(walk.trace());
  return tl::unexpected(std::move(followed).error());
}

Result<Expansion> Expander::expand_file(std::string_view text, std::string_view origin,
                                        const EndPoint& parent) {
  Walk walk(*this, parent.original_to);
  Context context{parent.owner, parent.runs_as, parent.kind != Kind::Include, {}, {}};
  // A .forward runs as its user; its own name there means the mailbox.
  if (parent.kind == Kind::User) context.runs_as = parent.target;
  const auto [own_name, own_domain] = split_address(parent.target);
  const auto own = ascii::to_lower(own_name);
  const auto of_original = split_address(parent.original_to).domain;
  context.domain = context.own_domain = own_domain.empty() ? of_original : own_domain;
  walk.enter(parent.kind == Kind::User ? own : std::string(origin));
  for (const auto& line : parse_target_file(text).lines) {
    const auto where = std::string(origin) + ":" + std::to_string(line.number);
    TargetList others;
    others.mistakes = line.list.mistakes;
    for (const auto& target : line.list.targets) {
      const auto [local_part, domain] = split_address(target.text);
      const bool local =
          domain.empty() || (settings_.is_local_domain && settings_.is_local_domain(domain));
      if (parent.kind == Kind::User && target.kind == Target::Kind::Address && local &&
          ascii::to_lower(local_part) == own &&
          (domain.empty() || own_domain.empty() || ascii::iequals(domain, own_domain))) {
        walk.trace().add("forward", log::escape(own) + ": the mailbox", where);
        TRY(walk.add(mail::alias::Kind::User, parent.target, context, true));
      } else {
        others.targets.push_back(target);
      }
    }
    TRY(walk.follow_targets(others, context, where));
  }
  return walk.take();
}

}  // namespace mail::alias
