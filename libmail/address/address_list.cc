#include "libmail/address/address_list.h"

#include <algorithm>
#include <optional>
#include <span>

#include "libmail/address/lexer.h"

namespace mail::address {
namespace {

using Tokens = std::span<const Token>;

// Words of a phrase, with single spaces where there was white space: "John Q. Public".
std::string join_phrase(Tokens tokens) {
  std::string text;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::Comment) continue;
    if (token.space_before && !text.empty()) text += ' ';
    text += token.text;
  }
  return text;
}

std::string join_tight(Tokens tokens) {
  std::string text;
  for (const Token& token : tokens) {
    if (token.kind != TokenKind::Comment) text += token.text;
  }
  return text;
}

// White space where obsolete syntax has none: it may stand beside dots only.
bool has_gap(Tokens tokens) {
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i].space_before && !tokens[i].is('.') && !tokens[i - 1].is('.')) return true;
  }
  return false;
}

bool has_bad_dots(std::string_view text) {
  return text.empty() || text.front() == '.' || text.back() == '.' ||
         text.find("..") != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) {
    std::vector<LexDefect> lexical;
    tokens_ = tokenize(text, "<>@,;:.", lexical);
    for (const LexDefect& defect : lexical) note(kind_of(defect.opener), defect.offset);
  }

  AddressList read() {
    while (at_ < tokens_.size()) {
      if (count_ >= kMaxAddresses) {
        note(DefectKind::TooManyAddresses, tokens_[at_].offset);
        break;
      }
      read_entry();
    }
    if (group_) {
      note(DefectKind::UnclosedGroup, end_offset());
      close_group();
    }
    return std::move(list_);
  }

 private:
  static DefectKind kind_of(char opener) {
    switch (opener) {
      case '"':
        return DefectKind::UnclosedQuote;
      case '(':
        return DefectKind::UnclosedComment;
      case '[':
        return DefectKind::UnclosedLiteral;
      default:
        return DefectKind::StrayCharacter;
    }
  }
  void note(DefectKind kind, std::size_t offset) {
    if (list_.defects.size() < kMaxDefects) list_.defects.push_back({kind, offset});
  }
  [[nodiscard]] std::size_t end_offset() const {
    return tokens_.empty() ? 0 : tokens_.back().offset + 1;
  }
  void close_group() {
    list_.addresses.emplace_back(std::move(*group_));
    group_.reset();
  }
  void add(NameAddr address) {
    ++count_;
    if (group_) {
      group_->members.push_back(std::move(address));
    } else {
      list_.addresses.emplace_back(std::move(address));
    }
  }

  // One address with its separator, or the beginning or end of a group.
  void read_entry() {
    const std::size_t begin = at_;
    bool at_sign = false;
    for (; at_ < tokens_.size(); ++at_) {
      const Token& token = tokens_[at_];
      if (token.is('<')) return read_angle(begin);
      if (token.is(',') || token.is(';')) break;
      if (token.is('@')) at_sign = true;
      // group = display-name ":" [group-list] ";"
      if (token.is(':') && !group_ && !at_sign && at_ > begin) {
        group_ = Group{join_phrase(Tokens(tokens_).subspan(begin, at_ - begin)), {}};
        ++count_;
        ++at_;
        return;
      }
    }
    read_bare(Tokens(tokens_).subspan(begin, at_ - begin));
    read_separator();
  }

  void read_separator() {
    if (at_ >= tokens_.size()) return;
    const Token& token = tokens_[at_++];
    if (!token.is(';')) return;
    if (group_) {
      close_group();
    } else {
      note(DefectKind::SemicolonAsComma, token.offset);
    }
  }

  // addr-spec without angle brackets, or a local name.
  void read_bare(Tokens tokens) {
    NameAddr address;
    address.comment = last_comment(tokens);
    std::vector<Token> words;
    std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(words),
                 [](const Token& token) { return token.kind != TokenKind::Comment; });
    if (words.empty()) return;  // obs-addr-list: elements may be empty
    const std::size_t at =
        words.size() - 1 -
        static_cast<std::size_t>(std::find_if(words.rbegin(), words.rend(),
                                              [](const Token& token) { return token.is('@'); }) -
                                 words.rbegin());
    if (at >= words.size()) {  // no "@": a local name, or words that are none
      const bool one_word = std::none_of(words.begin() + 1, words.end(),
                                         [](const Token& token) { return token.space_before; });
      if (!one_word) note(DefectKind::UnquotedDisplayName, words.front().offset);
      note(DefectKind::MissingDomain, words.front().offset);
      address.addr_spec.local_part = join_phrase(words);
      return add(std::move(address));
    }
    // obs-local-part lets white space stand beside dots only: words before that are a display name.
    std::size_t begin = at;
    while (begin > 0) {
      const bool glued = begin == at || !words[begin].space_before || words[begin].is('.') ||
                         words[begin - 1].is('.');
      if (!glued || words[begin - 1].is('@')) break;
      --begin;
    }
    if (begin > 0) {
      note(DefectKind::UnquotedDisplayName, words.front().offset);
      address.display_name = join_phrase(Tokens(words).first(begin));
    }
    set_addr_spec(address, Tokens(words).subspan(begin), at - begin);
    add(std::move(address));
  }

  // `tokens` are local-part "@" domain, the "@" at index `at`.
  void set_addr_spec(NameAddr& address, Tokens tokens, std::size_t at) {
    const Tokens local = tokens.first(at);
    address.addr_spec.local_part = join_tight(local);
    const Tokens domain = tokens.subspan(at + 1);
    address.addr_spec.domain = join_tight(domain);
    const bool words = std::any_of(domain.begin(), domain.end(), [](const Token& token) {
      return token.kind == TokenKind::QuotedString ||
             (token.kind == TokenKind::Special && !token.is('.'));
    });
    const bool quoted = local.size() == 1 && local.front().kind == TokenKind::QuotedString;
    if (has_gap(local) || (!quoted && has_bad_dots(address.addr_spec.local_part))) {
      note(DefectKind::BadLocalPart, tokens.front().offset);
    }
    if (words || has_gap(domain) || has_bad_dots(address.addr_spec.domain))
      note(DefectKind::BadDomain, tokens[at].offset);
  }

  // name-addr = [display-name] "<" [obs-route] addr-spec ">"; at_ stands on "<".
  void read_angle(std::size_t begin) {
    const Tokens before = Tokens(tokens_).subspan(begin, at_ - begin);
    NameAddr address;
    address.display_name = join_phrase(before);
    if (std::any_of(before.begin(), before.end(), [](const Token& token) {
          return token.is('@') || token.is(':') || token.is('>');
        })) {
      note(DefectKind::UnquotedDisplayName, tokens_[begin].offset);
    }
    const std::size_t angle = at_;
    while (at_ < tokens_.size() && tokens_[at_].is('<')) ++at_;  // "<<a@b>>" occurs
    if (at_ - angle > 1) note(DefectKind::StrayCharacter, tokens_[angle + 1].offset);
    read_route(address);
    const std::size_t inside = at_;
    while (at_ < tokens_.size() && !tokens_[at_].is('>') && !tokens_[at_].is(',') &&
           !tokens_[at_].is('<')) {
      ++at_;
    }
    read_inside(address, Tokens(tokens_).subspan(inside, at_ - inside), angle);
    if (at_ < tokens_.size() && tokens_[at_].is('>')) {
      while (at_ < tokens_.size() && tokens_[at_].is('>')) ++at_;
    } else {
      note(DefectKind::UnclosedAngle, tokens_[angle].offset);
    }
    while (at_ < tokens_.size() && !tokens_[at_].is(',') && !tokens_[at_].is(';') &&
           !tokens_[at_].is('<')) {
      if (tokens_[at_].kind != TokenKind::Comment) {
        note(DefectKind::StrayCharacter, tokens_[at_].offset);
      }
      ++at_;
    }
    address.comment = last_comment(Tokens(tokens_).subspan(begin, at_ - begin));
    add(std::move(address));
    if (at_ < tokens_.size() && !tokens_[at_].is('<')) read_separator();
  }

  // obs-route = obs-domain-list ":"
  void read_route(NameAddr& address) {
    std::size_t end = at_;
    if (end >= tokens_.size() || !(tokens_[end].is('@') || tokens_[end].is(','))) return;
    while (end < tokens_.size() && !tokens_[end].is(':') && !tokens_[end].is('>')) ++end;
    if (end >= tokens_.size() || !tokens_[end].is(':')) return;
    address.route = join_tight(Tokens(tokens_).subspan(at_, end - at_));
    at_ = end + 1;
  }

  void read_inside(NameAddr& address, Tokens inside, std::size_t angle) {
    std::vector<Token> words;
    std::copy_if(inside.begin(), inside.end(), std::back_inserter(words),
                 [](const Token& token) { return token.kind != TokenKind::Comment; });
    if (words.empty()) return note(DefectKind::EmptyAddress, tokens_[angle].offset);
    std::size_t at = words.size();
    while (at > 0 && !words[at - 1].is('@')) --at;
    if (at == 0) {
      note(DefectKind::MissingDomain, words.front().offset);
      address.addr_spec.local_part = join_tight(words);
      return;
    }
    set_addr_spec(address, words, at - 1);
  }

  static std::string last_comment(Tokens tokens) {
    for (auto token = tokens.rbegin(); token != tokens.rend(); ++token) {
      if (token->kind == TokenKind::Comment) return token->text;
    }
    return {};
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  std::optional<Group> group_;
  AddressList list_;
};

}  // namespace

AddressList parse_address_list(std::string_view field_body) { return Reader(field_body).read(); }

std::vector<NameAddr> flatten(const AddressList& list) {
  std::vector<NameAddr> all;
  for (const Address& address : list.addresses) {
    if (const auto* group = std::get_if<Group>(&address)) {
      all.insert(all.end(), group->members.begin(), group->members.end());
    } else {
      all.push_back(std::get<NameAddr>(address));
    }
  }
  return all;
}

std::string quote_phrase(std::string_view text) {
  constexpr std::string_view kSpecials = "()<>[]:;@\\,.\"";  // RFC 5322 section 3.2.3
  bool plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
               text.find("  ") == std::string_view::npos;
  for (const char c : text) {
    plain = plain && !ascii::is_control(c) && kSpecials.find(c) == std::string_view::npos;
  }
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (ascii::is_control(c) && c != '\t') continue;
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string to_string(const NameAddr& address) {
  const std::string addr_spec = to_string(address.addr_spec);
  if (address.display_name.empty()) return addr_spec.empty() ? "<>" : addr_spec;
  return quote_phrase(address.display_name) + " <" + addr_spec + ">";
}

std::string to_string(const Address& address) {
  if (const auto* one = std::get_if<NameAddr>(&address)) return to_string(*one);
  const auto& group = std::get<Group>(address);
  std::string text = quote_phrase(group.display_name) + ":";
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    text += (i == 0 ? " " : ", ") + to_string(group.members[i]);
  }
  return text + ";";
}

}  // namespace mail::address
