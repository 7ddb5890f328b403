#include "libmail/store/state.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/store/state_letters.h"

namespace mail::store {
namespace {

constexpr std::size_t kManyFetched = 500;  // messages one by one; then all cost less

std::string unescape(std::string_view text) {
  if (text.find('%') == std::string_view::npos) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.at(i) == '%' && i + 2 < text.size()) {
      if (const auto octet = ascii::from_hex(text.substr(i + 1, 2))) {
        out += *octet;
        i += 2;
        continue;
      }
    }
    if (text.at(i) != '%') out += text.at(i);
  }
  return out;
}

// The words behind the verb; every reader checks `ok` at the end.
class Words {
 public:
  explicit Words(std::string_view op) : rest_(op) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool ok() const { return ok_; }
  std::string_view next() {
    if (rest_.empty()) {
      ok_ = false;
      return {};
    }
    const auto space = rest_.find(' ');
    const auto word = rest_.substr(0, space);
    rest_.remove_prefix(space == std::string_view::npos ? rest_.size() : space + 1);
    return word;
  }
  std::string text() { return unescape(next()); }
  // Without a copy, mostly. Lives as long as the line and `scratch`.
  std::string_view text(std::string& scratch) {
    const auto word = next();
    if (word.find('%') == std::string_view::npos) return word;
    scratch = unescape(word);
    return scratch;
  }
  std::uint64_t number(int base = 10) {
    const auto value = ascii::to_number<std::uint64_t>(next(), base);
    if (!value) ok_ = false;
    return value.value_or(0);
  }
  Uid uid() {
    const auto value = ascii::to_number<std::uint32_t>(next());
    if (!value) ok_ = false;
    return {value.value_or(0)};
  }
  ModSeq modseq() { return {number()}; }
  std::optional<std::uint64_t> size() {  // "-": not known yet
    if (rest_.starts_with("- ")) {
      next();
      return std::nullopt;
    }
    const std::uint64_t octets = number();
    if (octets > Entry::kMaxSize) ok_ = false;
    return octets;
  }
  void letters(Flags& flags, bool& old) {
    const auto letters = next();
    for (const auto& [letter, flag] : kFlagLetters) {
      flags.set(flag, letters.find(letter) != std::string_view::npos);
    }
    old = letters.find('O') != std::string_view::npos;
    flags.keywords = {};
  }
  void flags(Flags& flags, bool& old) {
    letters(flags, old);
    while (!at_end()) flags.set_keyword(text());
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// A number is a fingerprint, anything else a name; both ways the same word.
std::optional<Key> key_of(State& state, std::string_view word) {
  if (word.empty() || ascii::is_digit(word.back())) {
    const auto number = ascii::to_number<std::uint64_t>(word);
    if (number && std::to_string(*number) == word) return Key{*number, false};
  }
  if (word.size() > Names::kMaxName) return std::nullopt;
  return Key{state.names.add(word), true};
}

bool put_message(State& state, Entry& entry, std::string_view word) {
  const auto key = key_of(state, word);
  if (!key || entry.uid.value == 0 || entry.uid.value == UINT32_MAX) return false;
  entry.set_key(*key);
  state.last = std::max(state.last, entry.modseq);
  state.uid_next = std::max(state.uid_next, Uid{entry.uid.value + 1});
  state.messages.put(entry);
  return true;
}

// Of ascending UIDs, none measured, none with keywords.
bool apply_messages(State& state, Words& in) {
  Entry entry;
  entry.uid = in.uid();
  entry.modseq = in.modseq();
  entry.unmeasured = 1;
  std::string scratch;
  for (; in.ok() && !in.at_end(); ++entry.uid.value) {
    const std::string_view word = in.text(scratch);
    bool old = false;
    in.letters(entry.flags, old);
    entry.old = old ? 1 : 0;
    if (!in.ok() || !put_message(state, entry, word)) return false;
  }
  return in.ok();
}

bool apply_message(State& state, Words& in) {
  Entry entry;
  entry.uid = in.uid();
  entry.modseq = in.modseq();
  const WallTime date{std::chrono::microseconds{static_cast<std::int64_t>(in.number())}};
  const auto size = in.size();
  std::string scratch;
  const std::string_view word = in.text(scratch);
  bool old = false;
  in.flags(entry.flags, old);
  if (!in.ok()) return false;
  if (size) entry.set_measure({*size, date});
  if (!size) entry.unmeasured = 1;
  entry.old = old ? 1 : 0;
  return put_message(state, entry, word);
}

bool apply_measure(State& state, Words& in) {
  const Uid uid = in.uid();
  const WallTime date{std::chrono::microseconds{static_cast<std::int64_t>(in.number())}};
  const auto size = in.size();
  if (!in.ok() || !size) return false;
  if (const Entry* const found = state.messages.find(uid)) {
    Entry entry = *found;
    entry.set_measure({*size, date});
    state.messages.put(entry);
  }
  return true;
}

bool apply_flags(State& state, Words& in, bool pending) {
  const Uid uid = in.uid();
  const ModSeq modseq = in.modseq();
  Flags flags;
  bool old = false;
  in.flags(flags, old);
  if (!in.ok()) return false;
  state.last = std::max(state.last, modseq);
  const Entry* const found = state.messages.find(uid);
  if (found == nullptr) return true;
  Entry entry = *found;
  entry.modseq = modseq;
  entry.flags = flags;
  entry.old = old ? 1 : 0;
  entry.pending = pending ? 1 : 0;
  state.messages.put(entry);
  return true;
}

bool apply_removal(State& state, Words& in, bool really) {
  const Uid uid = in.uid();
  const ModSeq modseq = in.modseq();
  if (!in.ok()) return false;
  state.last = std::max(state.last, modseq);
  if (const auto taken = state.messages.take(uid)) {
    state.vanished.push_back({modseq, uid});
    if (!really) state.doomed.put(*taken);
  }
  if (really) static_cast<void>(state.doomed.take(uid));
  return true;
}

bool apply_intent(State& state, Words& in, bool prepared) {
  Intent intent;
  intent.id = in.text();
  intent.may_be_retried = in.next() == "retry";
  if (prepared) {
    intent.file = in.text();
  } else {
    intent.inode = in.number();
    intent.at = in.number();
    intent.heal = in.number();
    intent.length = in.number();
    intent.hash = in.number(16);
    intent.body_hash = in.number(16);
  }
  if (!in.ok()) return false;
  state.done.erase(intent.id);
  state.intents[intent.id] = std::move(intent);
  return true;
}

bool apply_one(State& state, std::string_view op) {
  Words in{op};
  const auto verb = in.next();
  if (verb == "uid") return apply_message(state, in);
  if (verb == "uids") return apply_messages(state, in);
  if (verb == "flags") return apply_flags(state, in, true);
  if (verb == "measure") return apply_measure(state, in);
  if (verb == "stored") return apply_flags(state, in, false);
  if (verb == "expunge") return apply_removal(state, in, false);
  if (verb == "gone") return apply_removal(state, in, true);
  if (verb == "intent") return apply_intent(state, in, false);
  if (verb == "prepared") return apply_intent(state, in, true);
  if (verb == "done") {
    const std::string id = in.text();
    Done done{in.number(), in.next() == "retry"};
    state.intents.erase(id);
    state.done[id] = done;
  } else if (verb == "void") {
    state.intents.erase(in.text());
  } else if (verb == "rewrite") {
    state.rewrite = Rewrite{};
  } else if (verb == "window") {
    state.rewrite = Rewrite{in.number(16), in.number(), in.number(), in.number(), in.number()};
  } else if (verb == "rewritten") {
    state.rewrite.reset();
  } else if (verb == "looked") {
    Looked looked{in.number(16), {}};
    while (!in.at_end()) looked.numbers.push_back(in.number());
    if (in.ok()) state.looked = std::move(looked);
  } else if (verb == "floor") {
    state.floor = in.modseq();
  } else if (verb == "last") {
    state.last = std::max(state.last, in.modseq());
  } else if (verb == "vanished") {
    const Uid uid = in.uid();
    state.vanished.push_back({in.modseq(), uid});
  } else if (verb == "forgotten") {
    state.forgotten = in.modseq();
  } else if (verb == "uidnext") {
    state.uid_next = std::max(state.uid_next, in.uid());
  } else if (verb == "uidvalidity") {
    const UidValidity value{in.uid().value};
    if (value != state.uid_validity && state.uid_validity.value != 0) {
      // Other UIDs altogether: nothing known under the old ones holds.
      state.messages.clear();
      state.doomed.clear();
      state.vanished.clear();
      state.forgotten = state.last;
      state.uid_next = {1};
    }
    state.uid_validity = value;
  } else if (verb == "mailbox_id") {
    state.mailbox_id = in.text();
  } else if (verb == "boot") {
    state.boot = in.text();
  }
  return in.ok();
}

}  // namespace

bool State::apply(std::string_view line) {
  bool ok = true;
  while (!line.empty()) {
    const auto tab = line.find('\t');
    ok = apply_one(*this, line.substr(0, tab)) && ok;
    line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  }
  return ok;
}

Result<void> State::fetch(std::string_view line) {
  if (messages.is_whole()) return {};
  constexpr std::size_t kOp = 32;  // octets
  if (messages.count_fetched() + line.size() / kOp > kManyFetched) return messages.load();
  for (const auto op : ascii::split(line, '\t')) {
    Words in{op};
    const auto verb = in.next();
    const bool is_of_one = verb == "uid" || verb == "flags" || verb == "measure" ||
                           verb == "stored" || verb == "expunge" || verb == "gone";
    if (is_of_one) TRY(messages.fetch(in.uid()));
    if (verb != "uids") continue;
    Uid uid = in.uid();
    for (in.next(); !in.at_end(); in.next(), in.next()) {
      if (messages.count_fetched() > kManyFetched) return messages.load();
      TRY(messages.fetch(uid));
      ++uid.value;
    }
  }
  return {};
}

Result<std::string> State::word_of(const Key& key) const {
  if (!key.is_name) return std::to_string(key.value);
  return names.get(key.value);
}

}  // namespace mail::store
