#include "libmail/store/state.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"

namespace mail::store {
namespace {

constexpr std::uint64_t kKeepOnceSeconds = 3600;  // ids of deliveries nobody tries again
constexpr std::size_t kMaxVanished = 10'000;      // tombstones kept over a compaction
constexpr std::size_t kManyFetched = 500;         // messages one by one; then all cost less

struct Letter {
  char letter;
  Flag flag;
};
constexpr auto kLetters = std::to_array<Letter>({{'S', Flag::Seen},
                                                 {'A', Flag::Answered},
                                                 {'F', Flag::Flagged},
                                                 {'D', Flag::Deleted},
                                                 {'T', Flag::Draft}});

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
  void flags(Flags& flags, bool& old) {
    const auto letters = next();
    for (const auto& [letter, flag] : kLetters) {
      flags.set(flag, letters.find(letter) != std::string_view::npos);
    }
    old = letters.find('O') != std::string_view::npos;
    flags.keywords = {};
    while (!at_end()) flags.set_keyword(text());
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// A number is a fingerprint, anything else a name; both ways the same word.
std::optional<Key> key_of(State& state, const std::string& word) {
  const auto number = ascii::to_number<std::uint64_t>(word);
  if (number && std::to_string(*number) == word) return Key{*number, false};
  if (word.size() > Names::kMaxName) return std::nullopt;
  return Key{state.names.add(word), true};
}

bool apply_message(State& state, Words& in) {
  Entry entry;
  entry.uid = in.uid();
  entry.modseq = in.modseq();
  const WallTime date{std::chrono::microseconds{static_cast<std::int64_t>(in.number())}};
  const auto size = in.size();
  const std::string word = in.text();
  bool old = false;
  in.flags(entry.flags, old);
  if (!in.ok()) return false;
  const auto key = key_of(state, word);
  if (!key) return false;
  if (size) entry.set_measure({*size, date});
  if (!size) entry.unmeasured = 1;
  entry.old = old ? 1 : 0;
  entry.set_key(*key);
  state.last = std::max(state.last, entry.modseq);
  state.uid_next = std::max(state.uid_next, Uid{entry.uid.value + 1});
  state.messages.put(entry);
  return true;
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
  if (messages.count_fetched() > kManyFetched) return messages.load();
  for (const auto op : ascii::split(line, '\t')) {
    Words in{op};
    const auto verb = in.next();
    const bool is_of_one = verb == "uid" || verb == "flags" || verb == "measure" ||
                           verb == "stored" || verb == "expunge" || verb == "gone";
    if (is_of_one) TRY(messages.fetch(in.uid()));
  }
  return {};
}

void Ops::begin(std::string_view verb) {
  if (!line_.empty()) line_ += '\t';
  line_ += verb;
}

void Ops::word(std::string_view text) {
  line_ += ' ';
  if (text.empty()) line_ += '%';
  const auto is_plain = [](char c) { return ascii::is_visible(c) && c != '%'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    line_ += text;
    return;
  }
  for (const char c : text) {
    if (is_plain(c)) {
      line_ += c;
    } else {
      line_ += '%' + ascii::to_hex(std::string_view{&c, 1});
    }
  }
}

void Ops::number(std::uint64_t value) {
  std::array<char, 21> digits{' '};
  line_.append(digits.begin(), std::to_chars(digits.begin() + 1, digits.end(), value).ptr);
}

void Ops::flag_words(const Flags& flags, bool old) {
  line_ += ' ';
  const auto before = line_.size();
  for (const auto& [letter, flag] : kLetters) {
    if (flags.has(flag)) line_ += letter;
  }
  if (old) line_ += 'O';
  if (line_.size() == before) line_ += '-';
  for (const auto& keyword : flags.keywords) word(keyword);
}

namespace {
std::string hex(std::uint64_t value) {
  std::array<char, 16> digits{};
  return {digits.begin(), std::to_chars(digits.begin(), digits.end(), value, 16).ptr};
}
}  // namespace

void Ops::header() {
  begin("tubepost-state");
  number(1);
}
void Ops::uid_validity(UidValidity value) {
  begin("uidvalidity");
  number(value.value);
}
void Ops::uid_next(Uid value) {
  begin("uidnext");
  number(value.value);
}
void Ops::mailbox_id(std::string_view id) {
  begin("mailbox_id");
  word(id);
}
void Ops::boot(std::string_view id) {
  begin("boot");
  word(id);
}
void Ops::floor(ModSeq value) {
  begin("floor");
  number(value.value);
}
void Ops::last(ModSeq value) {
  begin("last");
  number(value.value);
}
void Ops::forgotten(ModSeq value) {
  begin("forgotten");
  number(value.value);
}
void Ops::message(const Entry& entry, std::string_view key_word) {
  begin("uid");
  number(entry.uid.value);
  number(entry.modseq.value);
  number(static_cast<std::uint64_t>(entry.date.time_since_epoch().count()));
  if (entry.unmeasured == 0) {
    number(entry.size);
  } else {
    line_ += " -";
  }
  word(key_word);
  flag_words(entry.flags, entry.old != 0);
}
void Ops::measure(Uid uid, const Measure& measure) {
  begin("measure");
  number(uid.value);
  number(static_cast<std::uint64_t>(measure.internal_date.time_since_epoch().count()));
  number(measure.size);
}
void Ops::flags(Uid uid, ModSeq modseq, const Flags& flags, bool old) {
  begin("flags");
  number(uid.value);
  number(modseq.value);
  flag_words(flags, old);
}
void Ops::stored(Uid uid, ModSeq modseq, const Flags& flags, bool old) {
  begin("stored");
  number(uid.value);
  number(modseq.value);
  flag_words(flags, old);
}
void Ops::expunge(Uid uid, ModSeq modseq) {
  begin("expunge");
  number(uid.value);
  number(modseq.value);
}
void Ops::gone(Uid uid, ModSeq modseq) {
  begin("gone");
  number(uid.value);
  number(modseq.value);
}
void Ops::intent(const Intent& intent) {
  begin(intent.file.empty() ? "intent" : "prepared");
  word(intent.id);
  word(intent.may_be_retried ? "retry" : "once");
  if (!intent.file.empty()) {
    word(intent.file);
    return;
  }
  number(intent.inode);
  number(intent.at);
  number(intent.heal);
  number(intent.length);
  word(hex(intent.hash));
  word(hex(intent.body_hash));
}
void Ops::done(std::string_view id, const Done& done) {
  begin("done");
  word(id);
  number(done.seconds);
  word(done.may_be_retried ? "retry" : "once");
}
void Ops::abandon(std::string_view id) {
  begin("void");
  word(id);
}
void Ops::window(const Rewrite& rewrite) {
  begin("window");
  word(hex(rewrite.id));
  number(rewrite.inode);
  number(rewrite.old_end);
  number(rewrite.new_end);
  number(rewrite.windows);
}
void Ops::rewritten() { begin("rewritten"); }
void Ops::looked(const Looked& looked) {
  begin("looked");
  word(hex(looked.index));
  for (const std::uint64_t one : looked.numbers) number(one);
}

Result<std::string> State::word_of(const Key& key) const {
  if (!key.is_name) return std::to_string(key.value);
  return names.get(key.value);
}

namespace {

void put_identity(const State& state, Ops& ops) {
  if (state.uid_validity.value != 0) ops.uid_validity(state.uid_validity);
  ops.uid_next(state.uid_next);
  ops.mailbox_id(state.mailbox_id);
  ops.boot(state.boot);
  ops.floor(state.floor);
  ops.last(state.last);
}

void put_intents(const State& state, const std::function<void(Ops& ops)>& put) {
  Ops ops;
  for (const auto& [id, intent] : state.intents) {
    ops.intent(intent);
    put(ops);
  }
  if (state.rewrite) {
    ops.window(*state.rewrite);
    put(ops);
  }
}

}  // namespace

void put_lines(const State& state, std::uint64_t now_seconds, std::uint64_t keep_ids_seconds,
               const std::function<void(const std::string& line)>& put) {
  Ops ops;
  const auto flush = [&](Ops& line) {
    put(line.line());
    line.clear();
  };
  const auto word_of = [&](const Entry& entry) {
    const Key key = entry.key();
    return key.is_name ? std::string(state.names.view(key.value)) : std::to_string(key.value);
  };
  std::vector<Vanished> vanished;
  std::map<Uid, ModSeq> doomed;
  for (const Entry& entry : state.doomed) doomed[entry.uid] = entry.modseq;
  for (const Vanished& one : state.vanished) {
    if (const auto found = doomed.find(one.uid); found != doomed.end()) {
      found->second = one.modseq;
    } else {
      vanished.push_back(one);
    }
  }
  std::sort(vanished.begin(), vanished.end());
  ModSeq forgotten = state.forgotten;
  if (vanished.size() > kMaxVanished) {
    const auto first = vanished.end() - static_cast<std::ptrdiff_t>(kMaxVanished);
    forgotten = std::max(forgotten, std::prev(first)->modseq);
    vanished.erase(vanished.begin(), first);
  }
  ops.header();
  put_identity(state, ops);
  ops.forgotten(forgotten);
  flush(ops);
  for (const Entry& entry : state.messages) {
    ops.message(entry, word_of(entry));
    if (entry.pending != 0) ops.flags(entry.uid, entry.modseq, entry.flags, entry.old != 0);
    flush(ops);
  }
  for (const Entry& entry : state.doomed) {  // as messages, so that they are found again
    ops.message(entry, word_of(entry));
    ops.expunge(entry.uid, doomed.at(entry.uid));
    flush(ops);
  }
  for (const auto& [modseq, uid] : vanished) {
    put("vanished " + std::to_string(uid.value) + " " + std::to_string(modseq.value));
  }
  for (const auto& [id, done] : state.done) {
    const auto keep = done.may_be_retried ? keep_ids_seconds : kKeepOnceSeconds;
    if (done.seconds + keep < now_seconds) continue;
    ops.done(id, done);
    flush(ops);
  }
  put_intents(state, flush);
}

std::vector<std::string> State::other_lines() const {
  std::vector<std::string> lines;
  const auto put = [&](Ops& line) {
    lines.push_back(line.line());
    line.clear();
  };
  Ops ops;
  put_identity(*this, ops);
  ops.forgotten(forgotten);
  put(ops);
  for (const auto& [id, one] : done) {
    ops.done(id, one);
    put(ops);
  }
  put_intents(*this, put);
  return lines;
}

}  // namespace mail::store
