// KeywordSet: the keywords of a message (RFC 9051 section 2.3.2), sorted, unique without regard to
// ASCII case. Messages by the hundred thousand have the same few sets: each distinct one is kept
// once in the process, for good, and a KeywordSet is its number in three octets.
//
// Not for several threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mail::store {

class KeywordSet {
 public:
  using Words = std::vector<std::string>;

  [[nodiscard]] const Words& words() const;
  [[nodiscard]] Words::const_iterator begin() const { return words().begin(); }
  [[nodiscard]] Words::const_iterator end() const { return words().end(); }
  [[nodiscard]] std::size_t size() const { return words().size(); }
  [[nodiscard]] bool empty() const { return number() == 0; }
  [[nodiscard]] bool contains(std::string_view keyword) const;
  void insert(std::string_view keyword);  // a spelling that is there stays
  void erase(std::string_view keyword);

  // 0 is the empty set; others hold within this process only, and for what is read into it.
  [[nodiscard]] std::uint32_t number() const {
    return octets_[0] | static_cast<std::uint32_t>(octets_[1]) << 8U |
           static_cast<std::uint32_t>(octets_[2]) << 16U;
  }
  void set_number(std::uint32_t number) {
    octets_ = {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8U),
               static_cast<std::uint8_t>(number >> 16U)};
  }

  bool operator==(const KeywordSet&) const = default;

 private:
  void become(Words words);

  std::array<std::uint8_t, 3> octets_{};
};

}  // namespace mail::store
