#include "libmail/table/pattern_table.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/table/logical_lines.h"

namespace mail::table {
namespace {

struct CodeDeleter {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct ContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;
using MatchData = std::unique_ptr<pcre2_match_data, MatchDeleter>;
using MatchContext = std::unique_ptr<pcre2_match_context, ContextDeleter>;

std::string describe(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  std::string out;
  for (const auto c : text) {
    if (c == 0) break;
    out += static_cast<char>(c);
  }
  return out;
}

// A piece of a result: text, or a group of the pattern (0: none).
struct Piece {
  std::string text;
  std::uint32_t group = 0;
};

struct Rule {
  enum class Kind : std::uint8_t { Match, If, EndIf };
  Kind kind = Kind::Match;
  bool negated = false;
  Code code;
  std::vector<Piece> result;
  std::size_t end = 0;  // If: index of its endif
};

struct Flag {
  char letter;
  std::uint32_t option;
  bool pcre_only;
};
constexpr auto kFlags = std::to_array<Flag>({{'i', PCRE2_CASELESS, false},
                                             {'m', PCRE2_MULTILINE, false},
                                             {'s', PCRE2_DOTALL, true},
                                             {'x', PCRE2_EXTENDED, true},
                                             {'A', PCRE2_ANCHORED, true},
                                             {'E', PCRE2_DOLLAR_ENDONLY, true},
                                             {'U', PCRE2_UNGREEDY, true}});

class PatternTable final : public Table {
 public:
  explicit PatternTable(std::vector<Rule> rules, std::string file)
      : rules_(std::move(rules)),
        file_(std::move(file)),
        data_(pcre2_match_data_create(kMaxGroups, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    pcre2_set_match_limit(context_.get(), kMatchLimit);
    pcre2_set_heap_limit(context_.get(), kMatchHeapLimit);
  }

  Result<std::optional<std::string>> find(std::string_view key) override {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const auto& rule = rules_[i];
      if (rule.kind == Rule::Kind::EndIf) continue;
      const bool matched = TRY(matches(rule, key))
      != rule.negated;
      if (rule.kind == Rule::Kind::If) {
        if (!matched) i = rule.end;
      } else if (matched) {
        return fill(rule, key);
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] bool has_patterns() const override { return true; }

 private:
  static constexpr std::uint32_t kMaxGroups = 100;

  Result<bool> matches(const Rule& rule, std::string_view key) {
    const int found = pcre2_match(rule.code.get(), reinterpret_cast<PCRE2_SPTR>(key.data()),
                                  key.size(), 0, 0, data_.get(), context_.get());
    if (found >= 0) return true;
    if (found == PCRE2_ERROR_NOMATCH) return false;
    return fail(Errc::Unavailable, "Lookup table unavailable", file_ + ": " + describe(found));
  }

  Result<std::optional<std::string>> fill(const Rule& rule, std::string_view key) const {
    std::string out;
    const auto groups = pcre2_get_ovector_count(data_.get());
    const auto* offsets = pcre2_get_ovector_pointer(data_.get());
    for (const auto& piece : rule.result) {
      out += piece.text;
      if (piece.group == 0 || piece.group >= groups) continue;
      const auto begin = offsets[2 * static_cast<std::size_t>(piece.group)];
      const auto end = offsets[2 * static_cast<std::size_t>(piece.group) + 1];
      // An unset group, or \K inside one: nothing.
      if (begin <= end && end <= key.size()) out += key.substr(begin, end - begin);
      if (out.size() > kMaxPatternResult) {
        return fail(Errc::TooLarge, "Lookup table unavailable", file_ + ": result is too long");
      }
    }
    return out;
  }

  std::vector<Rule> rules_;
  std::string file_;
  MatchData data_;
  MatchContext context_;
};

class Parser {
 public:
  Parser(PatternSyntax syntax, Substitution substitution, const std::string& file)
      : syntax_(syntax), substitution_(substitution), file_(file) {}

  Result<std::unique_ptr<Table>> parse(std::string_view text) {
    for (const auto& line : split_logical_lines(text)) {
      line_ = line.line;
      if (rules_.size() >= kMaxPatterns) {
        report("too many patterns");
        break;
      }
      if (line.orphan) {
        report("line starts with white space, but there is none before it to continue");
      } else {
        parse_line(line.text);
      }
    }
    for (const auto& [at, number] : open_) {
      line_ = number;
      report("if without its endif");
    }
    if (!mistakes_.empty()) return fail(Errc::Config, "Lookup table unavailable", mistakes_);
    return std::make_unique<PatternTable>(std::move(rules_), file_);
  }

 private:
  void report(std::string_view what) {
    if (!mistakes_.empty()) mistakes_ += '\n';
    mistakes_.append(file_).append(":").append(std::to_string(line_)).append(": ").append(what);
  }

  void parse_line(std::string_view text) {
    Cursor in{text};
    if (ascii::iequals(ascii::trim(text), "endif")) return end_if();
    Rule rule;
    if (ascii::istarts_with(text, "if") && text.size() > 2 && !ascii::is_alnum(text[2])) {
      in.skip(2);
      rule.kind = Rule::Kind::If;
      in.take_while(ascii::is_space);
    }
    while (in.consume('!')) {
      rule.negated = !rule.negated;
      in.take_while(ascii::is_space);
    }
    if (!take_pattern(in, rule)) return;
    const auto rest = ascii::trim(in.rest());
    if (rule.kind == Rule::Kind::If) {
      if (!rest.empty()) return report("text behind the pattern of an if");
      if (open_.size() >= kMaxPatternNesting) return report("if is nested too deep");
      open_.emplace_back(rules_.size(), line_);
    } else {
      if (rest.empty()) return report("no result behind the pattern");
      if (!parse_result(rest, rule)) return;
    }
    rules_.push_back(std::move(rule));
  }

  void end_if() {
    if (open_.empty()) return report("endif without an if");
    rules_.at(open_.back().first).end = rules_.size();
    open_.pop_back();
    rules_.emplace_back().kind = Rule::Kind::EndIf;
  }

  // /pattern/flags; a delimiter behind a backslash belongs to the pattern.
  bool take_pattern(Cursor& in, Rule& rule) {
    const char delimiter = in.at_end() ? '\0' : in.next();
    if (!ascii::is_visible(delimiter) || ascii::is_alnum(delimiter) || delimiter == '\\') {
      report("expected /pattern/ result");
      return false;
    }
    std::string pattern;
    bool closed = false;
    while (!in.at_end() && !closed) {
      char c = in.next();
      closed = c == delimiter;
      if (closed) break;
      if (c == '\\' && !in.at_end()) {
        const char escaped = in.next();
        if (escaped != delimiter) pattern += '\\';
        c = escaped;
      }
      pattern += c;
    }
    if (!closed) {
      report("pattern is not closed");
      return false;
    }
    const auto options = take_options(in);
    if (!options) return false;
    int error = 0;
    PCRE2_SIZE at = 0;
    rule.code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  *options, &error, &at, nullptr));
    if (rule.code) return true;
    report("pattern is wrong at octet " + std::to_string(at) + ": " + describe(error));
    return false;
  }

  std::optional<std::uint32_t> take_options(Cursor& in) {
    // \C (one octet of a character) and callouts have no place in a table.
    std::uint32_t options = PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C;
    if (syntax_ == PatternSyntax::Pcre) options |= PCRE2_DOTALL;
    for (const char c : in.take_while([](char octet) { return ascii::is_alnum(octet); })) {
      const Flag* found = nullptr;
      for (const auto& flag : kFlags) {
        if (flag.letter == c && (syntax_ == PatternSyntax::Pcre || !flag.pcre_only)) found = &flag;
      }
      if (found == nullptr) {
        report(std::string("unknown flag ") + c);
        return std::nullopt;
      }
      options ^= found->option;
    }
    return options;
  }

  bool parse_result(std::string_view text, Rule& rule) {
    std::uint32_t groups = 0;
    pcre2_pattern_info(rule.code.get(), PCRE2_INFO_CAPTURECOUNT, &groups);
    Cursor in{text};
    Piece piece;
    while (!in.at_end()) {
      piece.text += in.take_while([](char c) { return c != '$'; });
      if (!in.consume('$')) break;
      if (in.consume('$')) {
        piece.text += '$';
        continue;
      }
      const auto group = take_group(in);
      if (!group || *group == 0 || *group > groups) {
        report("result refers to a group that the pattern does not have (write $$ for a '$')");
        return false;
      }
      if (rule.negated || substitution_ == Substitution::Forbid) {
        report(rule.negated ? "nothing has matched behind '!' that a $ could stand for"
                            : "what a key holds must not stand in this table's results");
        return false;
      }
      piece.group = *group;
      rule.result.push_back(std::exchange(piece, {}));
    }
    rule.result.push_back(std::move(piece));
    return true;
  }

  static std::optional<std::uint32_t> take_group(Cursor& in) {
    const bool curly = in.consume('{');
    const bool round = !curly && in.consume('(');
    const auto digits = in.take_while(ascii::is_digit);
    if ((curly && !in.consume('}')) || (round && !in.consume(')'))) return std::nullopt;
    return ascii::to_number<std::uint32_t>(digits);
  }

  PatternSyntax syntax_;
  Substitution substitution_;
  const std::string& file_;
  std::size_t line_ = 0;
  std::vector<Rule> rules_;
  std::vector<std::pair<std::size_t, std::size_t>> open_;  // index of an If, its line
  std::string mistakes_;
};

}  // namespace

Result<std::unique_ptr<Table>> make_pattern_table(std::string_view text, const std::string& file,
                                                  PatternSyntax syntax, Substitution substitution) {
  return Parser(syntax, substitution, file).parse(text);
}

}  // namespace mail::table
