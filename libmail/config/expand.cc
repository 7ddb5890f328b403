#include "libmail/config/expand.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::config {
namespace {

bool is_name_octet(char c) { return ascii::is_alnum(c) || c == '_'; }

// The text up to the brace that closes the one just consumed; nothing if there is none.
std::optional<std::string_view> take_braced(Cursor& in, char open, char close) {
  const auto begin = in.position();
  for (int depth = 1; !in.at_end();) {
    const char c = in.next();
    if (c == open) ++depth;
    if (c == close && --depth == 0) {
      const auto with_brace = in.since(begin);
      return with_brace.substr(0, with_brace.size() - 1);
    }
  }
  return std::nullopt;
}

void skip_space(Cursor& in) { in.take_while(ascii::is_space); }

// Compares as numbers where both are numbers, else as text; versions component by component.
std::strong_ordering compare(std::string_view left, std::string_view right, bool as_level) {
  if (as_level) {
    const auto left_parts = ascii::split(left, '.');
    const auto right_parts = ascii::split(right, '.');
    for (std::size_t i = 0; i < std::max(left_parts.size(), right_parts.size()); ++i) {
      const auto l = i < left_parts.size() ? ascii::to_number<std::uint64_t>(left_parts[i]) : 0;
      const auto r = i < right_parts.size() ? ascii::to_number<std::uint64_t>(right_parts[i]) : 0;
      if (l.value_or(0) != r.value_or(0)) return l.value_or(0) <=> r.value_or(0);
    }
    return std::strong_ordering::equal;
  }
  const auto l = ascii::to_number<std::uint64_t>(left);
  const auto r = ascii::to_number<std::uint64_t>(right);
  if (l && r) return *l <=> *r;
  return left <=> right;
}

struct Operator {
  std::string_view spelling;
  bool (*holds)(std::strong_ordering);
};
constexpr auto kOperators = std::to_array<Operator>({
    // longer spellings first
    {"==", [](std::strong_ordering o) { return std::is_eq(o); }},
    {"!=", [](std::strong_ordering o) { return std::is_neq(o); }},
    {"<=", [](std::strong_ordering o) { return std::is_lteq(o); }},
    {">=", [](std::strong_ordering o) { return std::is_gteq(o); }},
    {"<", [](std::strong_ordering o) { return std::is_lt(o); }},
    {">", [](std::strong_ordering o) { return std::is_gt(o); }},
});

struct Branches {
  std::optional<std::string_view> if_true, if_false;
};

class Expansion {
 public:
  Expansion(const Lookup& lookup, Expanded& result) : lookup_(lookup), result_(result) {}

  std::string value_of(const std::string& name, std::string_view text) {
    if (std::ranges::find(path_, name) != path_.end()) {
      std::string chain;
      for (const auto& step : path_) chain += "$" + step + " -> ";
      report("parameter refers to itself: " + chain + "$" + name);
      return {};
    }
    path_.push_back(name);
    auto value = expand_text(text);
    path_.pop_back();
    return value;
  }

 private:
  std::string expand_text(std::string_view text) {
    std::string out;
    if (++nesting_ > kMaxExpansionNesting) report("references are nested too deep");
    Cursor in{text};
    while (!in.at_end() && result_.mistakes.empty()) {
      out += in.take_while([](char c) { return c != '$'; });
      if (in.consume('$')) out += expand_reference(in);
      total_ += out.size();
      if (total_ > kMaxWork) report("value is too long after expansion");
    }
    --nesting_;
    return out;
  }

  std::string expand_reference(Cursor& in) {
    if (in.consume('$')) return "$";
    const bool curly = in.consume('{');
    if (curly || in.consume('(')) {
      const auto inside = curly ? take_braced(in, '{', '}') : take_braced(in, '(', ')');
      if (inside) return expand_inside(*inside);
      report("reference without its closing brace");
      return {};
    }
    const auto name = in.take_while(is_name_octet);
    if (name.empty()) {
      report("'$' without a parameter name (write $$ for a '$')");
      return {};
    }
    return lookup_or_nothing(name, true);
  }

  std::string expand_inside(std::string_view inside) {
    Cursor in{inside};
    skip_space(in);
    if (in.peek_is('{')) return expand_comparison(in);
    const auto name = in.take_while(is_name_octet);
    skip_space(in);
    if (name.empty()) {
      report("reference without a parameter name: ${" + std::string(inside) + "}");
      return {};
    }
    if (in.at_end()) return lookup_or_nothing(name, true);
    const auto branches = take_branches(in);
    if (!branches) {
      report("cannot understand ${" + std::string(inside) + "}");
      return {};
    }
    return choose(*branches, !lookup_or_nothing(name, false).empty());
  }

  std::string expand_comparison(Cursor& in) {
    in.consume('{');
    const auto left = take_braced(in, '{', '}');
    skip_space(in);
    const auto* op = std::ranges::find_if(
        kOperators, [&](const Operator& row) { return in.consume(row.spelling); });
    const bool as_level = in.consume("level");
    skip_space(in);
    const auto right = in.consume('{') ? take_braced(in, '{', '}') : std::nullopt;
    skip_space(in);
    const auto branches = take_branches(in);
    if (!left || op == kOperators.end() || !right || !branches) {
      report("cannot understand the comparison; write {a} == {b} ? {x} : {y}");
      return {};
    }
    return choose(*branches, op->holds(compare(expand_text(*left), expand_text(*right), as_level)));
  }

  // [?text][:text] up to the end of `in`.
  static std::optional<Branches> take_branches(Cursor& in) {
    Branches branches;
    if (in.consume('?')) {
      branches.if_true = take_branch(in);
      if (!branches.if_true) return std::nullopt;
      skip_space(in);
    }
    if (in.consume(':')) {
      branches.if_false = take_branch(in);
      if (!branches.if_false) return std::nullopt;
      skip_space(in);
    }
    if (!in.at_end() || (!branches.if_true && !branches.if_false)) return std::nullopt;
    return branches;
  }
  static std::optional<std::string_view> take_branch(Cursor& in) {
    const auto begin = in.position();
    skip_space(in);
    if (in.consume('{')) return take_braced(in, '{', '}');
    in.rewind(begin);
    return in.take(in.rest().size());
  }

  std::string choose(const Branches& branches, bool condition) {
    const auto& branch = condition ? branches.if_true : branches.if_false;
    return branch ? expand_text(*branch) : std::string{};
  }

  std::string lookup_or_nothing(std::string_view name, bool must_exist) {
    const auto text = lookup_(name);
    if (text) return value_of(std::string(name), *text);
    if (must_exist) result_.undefined.emplace_back(name);
    return {};
  }

  void report(std::string text) {
    if (result_.mistakes.empty()) result_.mistakes.push_back(std::move(text));
  }

  // Octets produced at all levels together: bounds time as well as size.
  static constexpr std::size_t kMaxWork = kMaxExpansionOctets * 4;

  const Lookup& lookup_;
  Expanded& result_;
  std::vector<std::string> path_;
  std::size_t nesting_ = 0;
  std::size_t total_ = 0;
};

}  // namespace

Expanded expand(std::string_view name, std::string_view text, const Lookup& lookup) {
  Expanded result;
  result.text = Expansion(lookup, result).value_of(std::string(name), text);
  return result;
}

std::vector<std::string> referenced_names(std::string_view text) {
  std::vector<std::string> names;
  Cursor in{text};
  while (!in.at_end()) {
    in.take_while([](char c) { return c != '$'; });
    if (!in.consume('$') || in.consume('$')) continue;
    if (in.peek_is('{') || in.peek_is('(')) in.skip(1);
    skip_space(in);
    const auto name = in.take_while(is_name_octet);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace mail::config
