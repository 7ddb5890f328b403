// XXH3, 64 bits: fingerprints and checksums of the store. Not for anything an attacker may gain by.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace mail::store {

inline std::uint64_t hash_of(std::string_view octets) {
  return XXH3_64bits(octets.data(), octets.size());
}

class Hasher {
 public:
  Hasher() : state_(XXH3_createState()) { reset(); }
  void reset() { XXH3_64bits_reset(state_.get()); }
  void update(std::string_view octets) {
    if (!octets.empty()) XXH3_64bits_update(state_.get(), octets.data(), octets.size());
  }
  [[nodiscard]] std::uint64_t digest() const { return XXH3_64bits_digest(state_.get()); }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace mail::store
