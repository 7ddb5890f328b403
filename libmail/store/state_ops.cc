// Writing of the state log's lines: Ops, and a whole State as lines (docs/state-log.md).
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "libmail/base/ascii.h"
#include "libmail/store/state.h"
#include "libmail/store/state_letters.h"

namespace mail::store {
namespace {

constexpr std::uint64_t kKeepOnceSeconds = 3600;  // ids of deliveries nobody tries again
constexpr std::size_t kMaxVanished = 10'000;      // tombstones kept over a compaction

}  // namespace

void Ops::begin(std::string_view verb) {
  if (!line_.empty()) line_ += '\t';
  line_ += verb;
  last_ = {};
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
  for (const auto& [letter, flag] : kFlagLetters) {
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
  const bool is_short = entry.unmeasured != 0 && entry.flags.keywords.empty();
  const bool is_next = is_short && last_.uid.value != 0 && last_.modseq == entry.modseq &&
                       last_.uid.value + 1 == entry.uid.value;
  if (!is_next) {
    begin(is_short ? "uids" : "uid");
    number(entry.uid.value);
    number(entry.modseq.value);
  }
  if (!is_short) {
    number(static_cast<std::uint64_t>(entry.date.time_since_epoch().count()));
    if (entry.unmeasured == 0) number(entry.size);
    if (entry.unmeasured != 0) line_ += " -";
  }
  word(key_word);
  flag_words(entry.flags, entry.old != 0);
  if (is_short) last_ = entry;
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
