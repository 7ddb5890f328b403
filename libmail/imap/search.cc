#include "libmail/imap/search.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "libmail/base/ascii.h"
#include "libmail/message/charset.h"
#include "libmail/message/date.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/transfer_encoding.h"

namespace mail::imap {

namespace {

using Kind = SearchKey::Kind;

constexpr std::size_t kRead = 64U << 10U;
constexpr std::size_t kHeldMessages = 200;  // opened under one lock; then others may have it

void fold_case(std::string& text, std::size_t from = 0) {
  for (std::size_t i = from; i < text.size(); ++i) text[i] = ascii::to_lower(text[i]);
}

// memmem is much faster than std::string::find on long texts.
bool holds(std::string_view text, std::string_view needle) {
  return needle.empty() ||
         ::memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

std::chrono::sys_days local_day(WallTime time) {
  return std::chrono::floor<std::chrono::days>(message::to_local(time).wall_clock());
}

bool compare_days(std::chrono::sys_days day, std::chrono::sys_days wanted, Kind before, Kind on,
                  Kind kind) {
  if (kind == before) return day < wanted;
  return kind == on ? day == wanted : day >= wanted;
}

bool fields_hold(const message::HeaderSection& fields, std::string_view needle) {
  for (const auto& field : fields.fields()) {
    std::string text = std::string(fields.name(field)) + ": " +
                       message::decode_encoded_words(fields.raw_body(field));
    fold_case(text);
    if (holds(text, needle)) return true;
  }
  return false;
}

bool needs_measure(Kind kind) {
  switch (kind) {
    case Kind::Before:
    case Kind::On:
    case Kind::Since:
    case Kind::Larger:
    case Kind::Smaller:
    case Kind::Older:
    case Kind::Younger:
      return true;
    default:
      return false;
  }
}

// What has to be asked for it: 0 nothing that is not known, 1 size or date, 2 octets.
int cost_of(const SearchKey& key) {
  switch (key.kind) {
    case Kind::Header:
    case Kind::Body:
    case Kind::Text:
    case Kind::SentBefore:
    case Kind::SentOn:
    case Kind::SentSince:
      return 2;
    default: {
      int most = needs_measure(key.kind) ? 1 : 0;
      for (const auto& child : key.children) most = std::max(most, cost_of(child));
      return most;
    }
  }
}

}  // namespace

Result<void> Searcher::prepare(SearchKey& key, std::string_view charset) {
  used_modseq_ = used_modseq_ || key.kind == Kind::ModSeq;
  if (key.kind == Kind::Header || key.kind == Kind::Body || key.kind == Kind::Text) {
    key.text = message::to_utf8(key.text, charset);
    fold_case(key.text);
  }
  if (key.kind == Kind::Sequence) {
    TRY(selected_.resolve(key.set, false));  // BAD for numbers never given
  }
  for (auto& child : key.children) TRY(prepare(child, charset));
  // Cheap keys first; the order of AND's keys means nothing.
  if (key.kind == Kind::And) {
    std::stable_sort(key.children.begin(), key.children.end(),
                     [](const auto& a, const auto& b) { return cost_of(a) < cost_of(b); });
  }
  return {};
}

Result<std::vector<std::size_t>> Searcher::run(const Search& search) {
  const std::string charset = search.charset.value_or("UTF-8");
  if (!message::is_known_charset(charset)) {  // RFC 3501 section 6.4.4
    return fail(Errc::Denied, "[BADCHARSET (UTF-8 US-ASCII GB18030)] Unknown charset");
  }
  SearchKey key = search.key;
  TRY(selected_.load());
  TRY(prepare(key, charset));
  std::vector<std::size_t> found;
  for (std::size_t position = 0; position < selected_.messages().size(); ++position) {
    if (selected_.marks(position).gone) continue;
    data_.reset();
    auto is_match = matches(key, position);
    if (!is_match && !store::concerns_one_message(is_match.error())) {
      return fail(std::move(is_match).error());
    }
    if (is_match && *is_match) found.push_back(position);
  }
  data_.reset();
  hold_.reset();
  return found;
}

// Recursion is bounded by kMaxSearchDepth.
Result<bool> Searcher::matches(const SearchKey& key, std::size_t position) {
  switch (key.kind) {
    case Kind::All:
      return true;
    case Kind::And:
      for (const auto& child : key.children) {
        const bool is_match = TRY(matches(child, position));
        if (!is_match) return false;
      }
      return true;
    case Kind::Or:
      for (const auto& child : key.children) {
        const bool is_match = TRY(matches(child, position));
        if (is_match) return true;
      }
      return false;
    case Kind::Not: {
      const bool is_match = TRY(matches(key.children.front(), position));
      return !is_match;
    }
    case Kind::Sequence:
      return contains(key.set.resolve(selected_.count()), static_cast<std::uint32_t>(position + 1));
    case Kind::Uid:
      return contains(key.set.resolve(selected_.messages().back().uid.value),
                      selected_.message(position).uid.value);
    default:
      return matches_message(key, position);
  }
}

Result<bool> Searcher::matches_message(const SearchKey& key, std::size_t position) {
  const auto& info = selected_.message(position);
  if (needs_measure(key.kind)) {
    return measure_matches(key, TRY(selected_.mailbox().measure(info.uid)));
  }
  switch (key.kind) {
    case Kind::FlagSet:
      return info.flags.has(key.flag);
    case Kind::Keyword:
      return info.flags.has_keyword(key.text);
    case Kind::Recent:
      return selected_.marks(position).recent;
    case Kind::ModSeq:
      return info.modseq.value >= key.number;
    case Kind::Header:
      return header_matches(key, info.uid);
    case Kind::SentBefore:
    case Kind::SentOn:
    case Kind::SentSince:
      return sent_matches(key, info.uid);
    default:
      return body_matches(key, info.uid);
  }
}

bool Searcher::measure_matches(const SearchKey& key, const store::Measure& measure) const {
  if (key.kind == Kind::Larger) return measure.size > key.number;
  if (key.kind == Kind::Smaller) return measure.size < key.number;
  if (key.kind == Kind::Older || key.kind == Kind::Younger) {  // RFC 5032
    const auto age = std::chrono::floor<std::chrono::seconds>(now_ - measure.internal_date).count();
    const bool is_older = age >= 0 && static_cast<std::uint64_t>(age) >= key.number;
    return is_older == (key.kind == Kind::Older);
  }
  return compare_days(local_day(measure.internal_date), std::chrono::sys_days{key.date},
                      Kind::Before, Kind::On, key.kind);
}

MessageData& Searcher::data(store::Uid uid) {
  if (data_) return *data_;
  if (held_messages_ % kHeldMessages == 0) hold_.reset();
  ++held_messages_;
  if (!hold_) hold_ = selected_.mailbox().hold_for_reading();
  return data_.emplace(selected_.mailbox(), uid);
}

Result<bool> Searcher::header_matches(const SearchKey& key, store::Uid uid) {
  const std::array<std::string_view, 1> names{key.field};
  const auto* const header = TRY(data(uid).fields(names));
  for (const auto& field : header->fields()) {
    if (!ascii::iequals(header->name(field), key.field)) continue;
    std::string body = message::decode_encoded_words(header->raw_body(field));
    fold_case(body);
    if (holds(body, key.text)) return true;
  }
  return false;
}

// RFC 3501: the Date: field, disregarding time and time zone.
Result<bool> Searcher::sent_matches(const SearchKey& key, store::Uid uid) {
  static constexpr std::array<std::string_view, 1> kNames{"Date"};
  const auto* const header = TRY(data(uid).fields(kNames));
  const auto text = header->find("Date");
  const auto date = text ? message::parse_date(*text) : std::nullopt;
  if (!date) return false;
  return compare_days(std::chrono::floor<std::chrono::days>(date->wall_clock()),
                      std::chrono::sys_days{key.date}, Kind::SentBefore, Kind::SentOn, key.kind);
}

Result<bool> Searcher::body_matches(const SearchKey& key, store::Uid uid) {
  auto& opened = data(uid);
  if (key.kind == Kind::Text) {
    const auto* const header = TRY(opened.header());
    if (fields_hold(*header, key.text)) return true;
  }
  const auto* structure = TRY(opened.structure());
  return part_matches(structure->root, key.text);
}

// Text parts decoded; the header sections of messages inside. Depth is message::kMaxDepth.
Result<bool> Searcher::part_matches(const message::Part& part, std::string_view needle) {
  for (const auto& child : part.children) {
    if (part.holds_message() && fields_hold(child.fields, needle)) return true;
    const bool is_match = TRY(part_matches(child, needle));
    if (is_match) return true;
  }
  if (!part.children.empty() || part.content_type.type != "text") return false;
  message::TransferDecoder transfer{part.encoding};
  message::CharsetDecoder charset{part.content_type.charset()};
  std::string raw(kRead, '\0');
  std::string octets;
  std::string text;
  auto* const from = TRY(data_->reader());
  const std::size_t overlap = needle.empty() ? 0 : needle.size() - 1;
  for (std::uint64_t at = part.body.offset; at < part.body.end();) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(kRead, part.body.end() - at));
    const std::size_t count = TRY(from->read(at, std::span<char>(raw).subspan(0, wanted)));
    if (count == 0) break;
    at += count;
    const bool is_last = at >= part.body.end();
    octets.clear();
    transfer.feed(std::string_view(raw).substr(0, count), octets);
    if (is_last) transfer.finish(octets);
    if (text.size() > overlap) text.erase(0, text.size() - overlap);
    const std::size_t fresh = text.size();
    charset.feed(octets, text);
    if (is_last) charset.finish(text);
    fold_case(text, fresh);
    if (holds(text, needle)) return true;
  }
  return needle.empty();
}

}  // namespace mail::imap
