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
  // In a field of `capacity` octets, zeros behind it; what does not fit is the caller's mistake and
  // is cut.
  void fixed(std::string_view value, std::size_t capacity) {
    value = value.substr(0, capacity);
    text(value);
    octets_.append(capacity - value.size(), '\0');
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
  // Written by fixed(): one way to write each value, so the rest must be zeros.
  Result<std::string> fixed(std::size_t capacity) {
    std::string value = TRY(text(capacity));
    const auto rest = in_.take(capacity - value.size());
    if (rest.size() != capacity - value.size()) return fail(Errc::Corrupt, "record is cut short");
    if (rest.find_first_not_of('\0') != std::string_view::npos) {
      return fail(Errc::Corrupt, "octets behind a field");
    }
    return value;
  }
  // A number that is 0 or 1.
  Result<bool> flag() {
    const std::uint32_t value = TRY(number());
    if (value > 1) return fail(Errc::Corrupt, "not a flag");
    return value == 1;
  }
  [[nodiscard]] std::string_view rest() const { return in_.rest(); }
  Result<void> end() {
    if (!in_.at_end()) return fail(Errc::Corrupt, "octets behind a record");
    return {};
  }

 private:
  Cursor in_;
};

}  // namespace mail::login
