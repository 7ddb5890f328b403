// SEARCH: search-key (RFC 3501 section 6.4.4 and 9), RETURN (RFC 4731), WITHIN (RFC 5032), MODSEQ
// (RFC 7162).
#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/imap/grammar.h"
#include "libmail/imap/parser.h"

namespace mail::imap {

namespace {

using Kind = SearchKey::Kind;

SearchKey negate(SearchKey key) {
  SearchKey negation;
  negation.kind = Kind::Not;
  negation.children.push_back(std::move(key));
  return negation;
}

SearchKey of_kind(Kind kind) {
  SearchKey key;
  key.kind = kind;
  return key;
}

SearchKey of_flag(store::Flag flag) {
  SearchKey key = of_kind(Kind::FlagSet);
  key.flag = flag;
  return key;
}

// Keys without arguments.
std::optional<SearchKey> find_plain_key(std::string_view name) {
  using store::Flag;
  struct Named {
    std::string_view name;
    Flag flag;
  };
  static constexpr std::array<Named, 5> kFlags{{{"ANSWERED", Flag::Answered},
                                                {"DELETED", Flag::Deleted},
                                                {"DRAFT", Flag::Draft},
                                                {"FLAGGED", Flag::Flagged},
                                                {"SEEN", Flag::Seen}}};
  for (const auto& named : kFlags) {
    if (name == named.name) return of_flag(named.flag);
    if (name.starts_with("UN") && name.substr(2) == named.name) return negate(of_flag(named.flag));
  }
  if (name == "ALL") return of_kind(Kind::All);
  if (name == "RECENT") return of_kind(Kind::Recent);
  if (name == "OLD") return negate(of_kind(Kind::Recent));
  if (name == "NEW") {  // RFC 3501: functionally equivalent to "(RECENT UNSEEN)"
    SearchKey key = of_kind(Kind::And);
    key.children.push_back(of_kind(Kind::Recent));
    key.children.push_back(negate(of_flag(Flag::Seen)));
    return key;
  }
  return std::nullopt;
}

class KeyParser {
 public:
  explicit KeyParser(Cursor& in) : in_(in) {}

  // search-key *(SP search-key), up to the end or ")".
  Result<SearchKey> parse_keys(int depth) {
    SearchKey keys = of_kind(Kind::And);
    do {
      keys.children.push_back(TRY(parse_key(depth)));
    } while (in_.consume(' '));
    if (keys.children.size() == 1) {
      SearchKey only = std::move(keys.children.front());
      return only;
    }
    return keys;
  }

 private:
  Result<SearchKey> parse_key(int depth) {
    if (depth > kMaxSearchDepth) return fail(Errc::TooMany, "Search keys nest too deeply");
    if (++count_ > kMaxSearchKeys) return fail(Errc::TooMany, "Too many search keys");
    if (in_.consume('(')) {
      SearchKey keys = TRY(parse_keys(depth + 1));
      TRY(in_.expect(')'));
      return keys;
    }
    if (ascii::is_digit(in_.peek()) || in_.peek_is('*')) {
      SearchKey key = of_kind(Kind::Sequence);
      key.set = TRY(parse_sequence_set(in_));
      return key;
    }
    const std::string name = ascii::to_upper(TRY(parse_atom(in_)));
    if (auto plain = find_plain_key(name)) return *std::move(plain);
    TRY(expect_space(in_));
    return parse_arguments(name, depth);
  }

  Result<SearchKey> parse_arguments(std::string_view name, int depth) {
    if (name == "NOT") return negate(TRY(parse_key(depth + 1)));
    if (name == "OR") {
      SearchKey key = of_kind(Kind::Or);
      key.children.push_back(TRY(parse_key(depth + 1)));
      TRY(expect_space(in_));
      key.children.push_back(TRY(parse_key(depth + 1)));
      return key;
    }
    if (name == "UID") {
      SearchKey key = of_kind(Kind::Uid);
      key.set = TRY(parse_sequence_set(in_));
      return key;
    }
    if (name == "KEYWORD" || name == "UNKEYWORD") {
      SearchKey key = of_kind(Kind::Keyword);
      key.text = TRY(parse_atom(in_));
      return name == "KEYWORD" ? key : negate(std::move(key));
    }
    if (name == "HEADER") {
      SearchKey key = of_kind(Kind::Header);
      key.field = TRY(parse_astring(in_));
      TRY(expect_space(in_));
      key.text = TRY(parse_astring(in_));
      return key;
    }
    if (name == "MODSEQ") return parse_modseq();
    return parse_table_key(name);
  }

  // MODSEQ [entry-name SP entry-type-req SP] n; entries all share the message's (RFC 7162 3.1.5).
  Result<SearchKey> parse_modseq() {
    SearchKey key = of_kind(Kind::ModSeq);
    if (in_.peek_is('"')) {
      TRY(parse_string(in_));
      TRY(expect_space(in_));
      TRY(parse_atom(in_));
      TRY(expect_space(in_));
    }
    key.number = TRY(parse_number64(in_));
    return key;
  }

  Result<SearchKey> parse_table_key(std::string_view name) {
    enum class Argument : std::uint8_t { String, Field, Date, Number };
    struct Named {
      std::string_view name;
      Kind kind;
      Argument argument;
    };
    static constexpr auto kNamed = std::to_array<Named>({
        {"BCC", Kind::Header, Argument::Field},
        {"CC", Kind::Header, Argument::Field},
        {"FROM", Kind::Header, Argument::Field},
        {"SUBJECT", Kind::Header, Argument::Field},
        {"TO", Kind::Header, Argument::Field},
        {"BODY", Kind::Body, Argument::String},
        {"TEXT", Kind::Text, Argument::String},
        {"BEFORE", Kind::Before, Argument::Date},
        {"ON", Kind::On, Argument::Date},
        {"SINCE", Kind::Since, Argument::Date},
        {"SENTBEFORE", Kind::SentBefore, Argument::Date},
        {"SENTON", Kind::SentOn, Argument::Date},
        {"SENTSINCE", Kind::SentSince, Argument::Date},
        {"LARGER", Kind::Larger, Argument::Number},
        {"SMALLER", Kind::Smaller, Argument::Number},
        {"OLDER", Kind::Older, Argument::Number},
        {"YOUNGER", Kind::Younger, Argument::Number},
    });
    const auto* named =
        std::find_if(kNamed.begin(), kNamed.end(), [&](const Named& n) { return n.name == name; });
    if (named == kNamed.end()) return fail(Errc::Syntax, "Unknown search key");
    SearchKey key = of_kind(named->kind);
    switch (named->argument) {
      case Argument::Field:
        key.field = name;
        key.text = TRY(parse_astring(in_));
        break;
      case Argument::String:
        key.text = TRY(parse_astring(in_));
        break;
      case Argument::Date:
        key.date = TRY(parse_date(in_));
        break;
      case Argument::Number:
        key.number = TRY(parse_number64(in_));
        break;
    }
    return key;
  }

  Cursor& in_;
  std::size_t count_ = 0;
};

// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
Result<void> parse_return(Cursor& in, Search& search) {
  search.extended = true;
  if (!in.consume(')')) {
    do {
      const std::string option = ascii::to_upper(TRY(parse_atom(in)));
      if (option == "MIN") {
        search.return_min = true;
      } else if (option == "MAX") {
        search.return_max = true;
      } else if (option == "ALL") {
        search.return_all = true;
      } else if (option == "COUNT") {
        search.return_count = true;
      } else {
        return fail(Errc::Syntax, "Unknown return option");
      }
    } while (in.consume(' '));
    TRY(in.expect(')'));
  }
  if (!search.return_min && !search.return_max && !search.return_count) {
    search.return_all = true;  // RFC 4731 section 3.1: "()" is ALL
  }
  return expect_space(in);
}

}  // namespace

// search = "SEARCH" [RETURN] [SP "CHARSET" SP astring] 1*(SP search-key)
Result<Search> parse_search(Cursor& in) {
  Search search;
  TRY(expect_space(in));
  if (in.consume_nocase("RETURN (")) TRY(parse_return(in, search));
  if (in.consume_nocase("CHARSET ")) {
    search.charset = TRY(parse_astring(in));
    TRY(expect_space(in));
  }
  KeyParser keys{in};
  search.key = TRY(keys.parse_keys(0));
  return search;
}

}  // namespace mail::imap
