// XXH3, 64 bits: fingerprints and checksums of the store. Not for anything an attacker may gain by.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace mail::store {

inline std::uint64_t hash_of(std::string_view octets) {
  return XXH3_64bits(octets.data(), octets.size());
}

class Hasher {
 public:
  Hasher() { reset(); }
  void reset() { XXH3_64bits_reset(&state_); }
  void update(std::string_view octets) {
    if (!octets.empty()) XXH3_64bits_update(&state_, octets.data(), octets.size());
  }
  [[nodiscard]] std::uint64_t digest() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;  // 576 octets, of which reset() sets what counts
};

}  // namespace mail::store
