// State into an index and out of it again (docs/index.md).
#include <algorithm>
#include <array>
#include <cstring>

#include "libmail/base/ascii.h"
#include "libmail/store/state.h"

namespace mail::store {
namespace {

// Numbers and words one behind the other; a word is its length and its octets.
template <class Number>
void put_number(std::string& out, Number value) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): its octets
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Number>
std::optional<Number> take_number(std::string_view& in) {
  Number value{};
  if (in.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return value;
}

void put_word(std::string& out, std::string_view word) {
  put_number(out, static_cast<std::uint32_t>(word.size()));
  out += word;
}

std::optional<std::string_view> take_word(std::string_view& in) {
  const auto size = take_number<std::uint32_t>(in);
  if (!size || *size > in.size()) return std::nullopt;
  const auto word = in.substr(0, *size);
  in.remove_prefix(*size);
  return word;
}

// Sets of keywords by the number that they have in this file.
class FileSets {
 public:
  std::uint32_t number_of(const KeywordSet& set) {
    if (set.empty()) return 0;
    if (numbers_.size() <= set.number()) numbers_.resize(set.number() + 1);
    std::uint32_t& number = numbers_.at(set.number());
    if (number == 0) {
      sets_.push_back(set);
      number = static_cast<std::uint32_t>(sets_.size());
    }
    return number;
  }
  [[nodiscard]] std::string octets() const {
    std::string out;
    for (const KeywordSet& set : sets_) {
      put_number(out, static_cast<std::uint32_t>(set.size()));
      for (const auto& keyword : set) put_word(out, keyword);
    }
    return out;
  }

 private:
  std::vector<KeywordSet> sets_;
  std::vector<std::uint32_t> numbers_;  // by the process's number
};

std::optional<std::vector<KeywordSet>> read_sets(std::string_view in) {
  std::vector<KeywordSet> sets(1);
  while (!in.empty()) {
    auto left = take_number<std::uint32_t>(in);
    if (!left) return std::nullopt;
    KeywordSet set;
    for (; *left > 0; --*left) {
      const auto word = take_word(in);
      if (!word) return std::nullopt;
      set.insert(*word);
    }
    sets.push_back(set);
  }
  return sets;
}

}  // namespace

Names::Names(std::shared_ptr<const Index> index)
    : index_(std::move(index)), base_(index_->header().names.octets) {}

std::uint64_t Names::add(std::string_view name) {
  const std::uint64_t at = (index_ ? base_ : 0) + own_.size();
  put_number(own_, static_cast<std::uint16_t>(std::min(name.size(), kMaxName)));
  own_ += name.substr(0, kMaxName);
  return at;
}

Result<std::string> Names::get(std::uint64_t at) const {
  if (!index_ || at >= base_) return std::string(view(at - (index_ ? base_ : 0)));
  const Section& section = index_->header().names;
  std::uint16_t size = 0;
  TRY(index_->read(section.at + at, Index::as_octets(std::span(&size, 1))));
  if (size > kMaxName) return Index::corrupt();
  std::string name(size, '\0');
  TRY(index_->read(section.at + at + sizeof size, name));
  return name;
}

Result<void> Names::load() {
  if (!index_) return {};
  own_.insert(0, TRY(index_->read(index_->header().names)));
  index_.reset();
  return {};
}

std::string_view Names::view(std::uint64_t at) const {
  std::string_view in = std::string_view{own_}.substr(static_cast<std::size_t>(at));
  const auto size = take_number<std::uint16_t>(in);
  return in.substr(0, size.value_or(0));
}

void write_state(const State& state, IndexWriter& writer, IndexHeader& header) {
  static_cast<void>(writer.end_section());
  for (const auto& line : state.other_lines()) writer.put(line + '\n');
  header.text = writer.end_section();
  FileSets sets;
  std::uint64_t names = 0;  // octets, one behind the other in the order of the tables
  const auto put_table = [&](const MessageTable& table) {
    for (Entry entry : table) {
      entry.flags.keywords.set_number(sets.number_of(entry.flags.keywords));
      if (entry.key_is_name != 0) {
        const std::uint64_t before = entry.key_value;
        entry.key_value = names;
        names += sizeof(std::uint16_t) + state.names.view(before).size();
      }
      writer.put_record(entry);
    }
    return writer.end_section();
  };
  header.messages = put_table(state.messages);
  header.counts = state.messages.counts();
  const auto first_unseen = state.messages.first_unseen().value_or(std::nullopt);
  header.first_unseen = first_unseen.value_or(state.messages.size());
  header.doomed = put_table(state.doomed);
  writer.put(sets.octets());
  header.keywords = writer.end_section();
  for (const Vanished& one : state.vanished) {
    writer.put_record(one.modseq.value);
    writer.put_record(std::uint64_t{one.uid.value});
  }
  header.vanished = writer.end_section();
  std::string name;
  for (const MessageTable* table : {&state.messages, &state.doomed}) {
    for (const Entry& entry : *table) {
      if (entry.key_is_name == 0) continue;
      const auto view = state.names.view(entry.key_value);
      name.clear();
      put_number(name, static_cast<std::uint16_t>(view.size()));
      writer.put(name.append(view));
    }
  }
  header.names = writer.end_section();
}

Result<State> read_state(const std::shared_ptr<const Index>& index) {
  using Sets = std::vector<KeywordSet>;
  const IndexHeader& header = index->header();
  State state;
  const std::string text = TRY(index->read(header.text));
  for (const auto line : ascii::split(text, '\n')) {
    if (!state.apply(line)) return Index::corrupt();
  }
  auto read = read_sets(TRY(index->read(header.keywords)));
  if (!read) return Index::corrupt();
  const auto sets = std::make_shared<const Sets>(*std::move(read));
  state.messages = MessageTable::left_in(index, header.messages, sets);
  state.doomed = TRY(MessageTable::in(index, header.doomed, sets));
  using Pair = std::array<std::uint64_t, 2>;
  for (const auto& [modseq, uid] : TRY(index->read_all<Pair>(header.vanished))) {
    state.vanished.push_back({{modseq}, {static_cast<std::uint32_t>(uid)}});
  }
  if (header.names.octets != 0) state.names = Names(index);
  return state;
}

}  // namespace mail::store
