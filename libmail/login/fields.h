// Octets of a record made of numbers and length-prefixed fields in a fixed order: what monitor,
// front and session say to each other. Same machine, same binary: host byte order.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "libmail/base/cursor.h"
#include "libmail/base/result.h"

namespace mail::login {

class FieldWriter {
 public:
  void number(std::uint32_t value) {
    char octets[sizeof value];
    std::memcpy(octets, &value, sizeof value);
    octets_.append(octets, sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    octets_ += value;
  }
  [[nodiscard]] std::string& octets() { return octets_; }

 private:
  std::string octets_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view octets) : in_(octets) {}
  Result<std::uint32_t> number() {
    std::uint32_t value = 0;
    const auto octets = in_.take(sizeof value);
    if (octets.size() != sizeof value) return fail(Errc::Corrupt, "record is cut short");
    std::memcpy(&value, octets.data(), sizeof value);
    return value;
  }
  Result<std::string> text(std::size_t limit) {
    const std::uint32_t size = TRY(number());
    if (size > limit) return fail(Errc::Corrupt, "field of a record is too long");
    const auto octets = in_.take(size);
    if (octets.size() != size) return fail(Errc::Corrupt, "record is cut short");
    return std::string(octets);
  }
  Result<void> end() {
    if (!in_.at_end()) return fail(Errc::Corrupt, "octets behind a record");
    return {};
  }

 private:
  Cursor in_;
};

}  // namespace mail::login
