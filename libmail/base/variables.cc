#include "libmail/base/variables.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"

namespace mail::variables {
namespace {

constexpr unsigned kMaxDepth = 10;  // %{if;...} within %{if;...}

tl::unexpected<Error> refuse(std::string text) { return fail(Errc::Config, std::move(text)); }

std::string local_part(std::string_view name) {
  return std::string(name.substr(0, name.find('@')));
}

std::string domain(std::string_view name) {
  const auto at = name.find('@');
  return at == std::string_view::npos ? std::string{} : std::string(name.substr(at + 1));
}

// Dovecot 2.3's %H: P. J. Weinberger's hash in hexadecimal, modulo the width if one is given.
std::string hash(std::string_view text, std::uint32_t modulo) {
  std::uint32_t value = 0;
  for (const char c : text) {
    value = (value << 4U) + static_cast<unsigned char>(c);
    if (const std::uint32_t high = value & 0xf0000000U; high != 0) {
      value ^= high >> 24U;
      value ^= high;
    }
  }
  if (modulo != 0) value %= modulo;
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), value, 16).ptr;
  return {digits.begin(), end};
}

struct Pick {
  int offset = 0;
  int width = 0;
  bool from_end = false;  // negative offset
  bool zeros = false;
  bool has_width = false;
};

Pick parse_pick(Cursor& in) {
  Pick pick;
  const auto number = [&] {
    return ascii::to_number<int>(in.take_while(ascii::is_digit).substr(0, 6)).value_or(0);
  };
  const bool negative = in.consume('-');
  pick.zeros = in.peek_is('0');
  if (!negative && !ascii::is_digit(in.peek())) return pick;
  int first = number();
  if (in.consume('.')) {
    pick.offset = first;
    pick.from_end = negative;
    pick.width = number();
    pick.zeros = false;
  } else if (negative) {  // %-2u: the last two
    pick.offset = first;
    pick.from_end = true;
    pick.width = first;
  } else {
    pick.width = first;
  }
  pick.has_width = true;
  return pick;
}

std::string pick_part(const Pick& pick, std::string value) {
  if (!pick.has_width) return value;
  auto offset = static_cast<std::size_t>(pick.offset);
  if (pick.from_end) offset = offset >= value.size() ? 0 : value.size() - offset;
  value = offset >= value.size() ? std::string{} : value.substr(offset);
  const auto width = static_cast<std::size_t>(pick.width);
  if (width != 0 && value.size() > width) value.resize(width);
  if (pick.zeros && value.size() < width) value.insert(0, width - value.size(), '0');
  return value;
}

class Expander {
 public:
  explicit Expander(const Lookup& lookup) : lookup_(lookup) {}

  Result<std::string> expand(std::string_view text, unsigned depth) {
    if (depth > kMaxDepth) return refuse("%{if} is nested too deep");
    std::string out;
    Cursor in{text};
    while (!in.at_end()) {
      out += in.take_while([](char c) { return c != '%'; });
      if (!in.consume('%')) break;
      if (in.consume('%')) {
        out += '%';
      } else {
        out += TRY(expand_one(in, text, depth));
      }
    }
    return out;
  }

 private:
  [[nodiscard]] Result<std::string> value_of(std::string_view variable) const {
    if (auto value = lookup_(variable)) return *std::move(value);
    return refuse("unknown variable %" + std::string(variable));
  }

  // After the '%': modifiers, then a letter or {name}.
  Result<std::string> expand_one(Cursor& in, std::string_view text, unsigned depth) {
    Pick pick = parse_pick(in);
    const auto modifiers = in.take_while(ascii::is_upper);
    if (in.at_end()) return refuse("% at the end of " + std::string(text));
    std::string value;
    if (in.consume('{')) {
      value = TRY(expand_long(in, depth));
    } else {
      const char letter = in.next();
      value = TRY(value_of(std::string_view{&letter, 1}));
    }
    for (const char modifier : modifiers) TRY(modify(value, modifier, pick));
    return pick_part(pick, std::move(value));
  }

  static Result<void> modify(std::string& value, char modifier, Pick& pick) {
    switch (modifier) {
      case 'L':
        value = ascii::to_lower(value);
        return {};
      case 'U':
        value = ascii::to_upper(value);
        return {};
      case 'R':
        std::ranges::reverse(value);
        return {};
      case 'T':
        value = ascii::trim(value);
        return {};
      case 'H':
        value = hash(value, static_cast<std::uint32_t>(pick.width));
        pick = {};
        return {};
      default:
        return refuse(std::string("unknown modifier %") + modifier);
    }
  }

  Result<std::string> expand_long(Cursor& in, unsigned depth) {
    const auto begin = in.position();
    unsigned open = 1;
    while (!in.at_end()) {
      if (in.peek_is('{')) ++open;
      if (in.peek_is('}') && --open == 0) break;
      in.skip(1);
    }
    const auto inside = in.since(begin);
    if (!in.consume('}')) return refuse("%{ without }");
    if (inside.starts_with("if;")) return choose(inside.substr(3), depth);
    if (inside.starts_with("env:")) {
      const std::string name(inside.substr(4));
      const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): no threads
      return std::string(value == nullptr ? "" : value);
    }
    return filter(inside);
  }

  Result<std::string> filter(std::string_view inside) {
    const auto parts = ascii::split(inside, '|');
    std::string value = TRY(value_of(ascii::trim(parts.front())));
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const auto filter = ascii::trim(parts.at(i));
      if (filter == "username") {
        value = local_part(value);
      } else if (filter == "domain") {
        value = domain(value);
      } else if (filter == "lower") {
        value = ascii::to_lower(value);
      } else if (filter == "upper") {
        value = ascii::to_upper(value);
      } else {
        return refuse("unknown filter in %{" + std::string(inside) + "}");
      }
    }
    return value;
  }

  // A;OP;B;YES;NO
  Result<std::string> choose(std::string_view text, unsigned depth) {
    std::vector<std::string> parts(1);
    unsigned open = 0;
    Cursor in{text};
    while (!in.at_end()) {
      if (in.consume("\\;")) {
        parts.back() += ';';
        continue;
      }
      const char c = in.next();
      if (c == '{') ++open;
      if (c == '}' && open > 0) --open;
      if (c == ';' && open == 0) {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    if (parts.size() < 4 || parts.size() > 5) return refuse("%{if;A;OP;B;YES;NO} is the form");
    parts.resize(5);
    const auto left = TRY(expand(parts[0], depth + 1));
    const auto right = TRY(expand(parts[2], depth + 1));
    return expand(TRY(holds(left, parts[1], right)) ? parts[3] : parts[4], depth + 1);
  }

  static Result<bool> holds(const std::string& left, std::string_view op,
                            const std::string& right) {
    if (op == "*") return ::fnmatch(right.c_str(), left.c_str(), 0) == 0;
    const bool is_number = !op.empty() && !ascii::is_lower(op.front());
    const int order = is_number ? compare_numbers(left, right) : left.compare(right);
    if (op == "==" || op == "eq") return order == 0;
    if (op == "!=" || op == "ne") return order != 0;
    if (op == "<" || op == "lt") return order < 0;
    if (op == "<=" || op == "le") return order <= 0;
    if (op == ">" || op == "gt") return order > 0;
    if (op == ">=" || op == "ge") return order >= 0;
    return refuse("unknown comparison " + std::string(op) + " in %{if}");
  }

  static int compare_numbers(std::string_view left, std::string_view right) {
    const auto a = ascii::to_number<std::uint64_t>(left).value_or(0);
    const auto b = ascii::to_number<std::uint64_t>(right).value_or(0);
    if (a == b) return 0;
    return a < b ? -1 : 1;
  }

  const Lookup& lookup_;
};

}  // namespace

Result<std::string> expand(std::string_view text, const Lookup& lookup) {
  return Expander(lookup).expand(text, 0);
}

Result<std::string> expand_path(std::string_view text, const Lookup& lookup) {
  std::string path = TRY(expand(text, lookup));
  const auto leads_up = [](std::string_view one) {
    const auto levels = ascii::split(one, '/');
    return std::ranges::find(levels, "..") != levels.end();
  };
  if (leads_up(path) && !leads_up(text)) {
    return fail(Errc::Denied, std::string(text) + " leads up for this account");
  }
  return path;
}

std::optional<std::string> part_of_name(std::string_view login_name, std::string_view variable) {
  if (variable == "u" || variable == "user") return std::string(login_name);
  if (variable == "n" || variable == "username") return local_part(login_name);
  if (variable == "d" || variable == "domain") return domain(login_name);
  return std::nullopt;
}

}  // namespace mail::variables
