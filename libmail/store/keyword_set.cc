#include "libmail/store/keyword_set.h"

#include <algorithm>
#include <map>
#include <new>

#include "libmail/base/ascii.h"

namespace mail::store {
namespace {

constexpr std::size_t kMaxSets = 1UL << 24U;

struct Sets {
  std::map<KeywordSet::Words, std::uint32_t> numbers{{{}, 0}};
  std::vector<const KeywordSet::Words*> words{&numbers.begin()->first};
};

Sets& sets() {
  static Sets all;
  return all;
}

}  // namespace

const KeywordSet::Words& KeywordSet::words() const { return *sets().words.at(number()); }

void KeywordSet::become(Words words) {
  Sets& all = sets();
  const auto next = static_cast<std::uint32_t>(all.words.size());
  const auto [at, is_new] = all.numbers.emplace(std::move(words), next);
  if (is_new) {
    if (next >= kMaxSets) throw std::bad_alloc();  // a session's memory is at its end long before
    all.words.push_back(&at->first);
  }
  set_number(at->second);
}

bool KeywordSet::contains(std::string_view keyword) const {
  return std::binary_search(begin(), end(), keyword, ascii::ILess{});
}

void KeywordSet::insert(std::string_view keyword) {
  Words changed = words();
  const auto at = std::lower_bound(changed.begin(), changed.end(), keyword, ascii::ILess{});
  if (at != changed.end() && ascii::iequals(*at, keyword)) return;
  changed.emplace(at, keyword);
  become(std::move(changed));
}

void KeywordSet::erase(std::string_view keyword) {
  Words changed = words();
  const auto at = std::lower_bound(changed.begin(), changed.end(), keyword, ascii::ILess{});
  if (at == changed.end() || !ascii::iequals(*at, keyword)) return;
  changed.erase(at);
  become(std::move(changed));
}

}  // namespace mail::store
