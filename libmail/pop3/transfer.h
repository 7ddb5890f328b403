// Transfer: a message on its way to the client (RETR, TOP), read and dot-stuffed a buffer at a time
// (RFC 1939 section 3).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "libmail/base/result.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

struct Workarounds {             // pop3_client_workarounds
  bool outlook_no_nuls = false;  // Outlook hangs at a NUL: it gets 0x80
  bool oe_ns_eoh = false;        // Outlook Express and Netscape need the header's empty line
};

enum class Mode : std::uint8_t { Ascii, Utf8 };  // Utf8: the client said UTF8 (RFC 6856)

class Transfer {
 public:
  // `body_lines`: of TOP; nothing: all. Mode::Ascii: a header section that is not US-ASCII goes out
  // in another form (surrogate.h).
  Transfer(std::unique_ptr<store::MessageReader> reader, std::optional<std::uint64_t> body_lines,
           Workarounds workarounds, Mode mode)
      : reader_(std::move(reader)),
        lines_left_(body_lines),
        workarounds_(workarounds),
        mode_(mode) {}

  // Appends the next stretch to `out`, which comes to some 64 KiB then (the header section at
  // once); true: it was the last, with its dot. An error of the first, which appends nothing then,
  // can be told; later ones cannot: the client would take them for text.
  Result<bool> fill(std::string& out);
  // Octets given so far, without the terminating line.
  [[nodiscard]] std::uint64_t octets() const { return octets_; }
  // By so many octets, modulo 2^64, the other form of the header section is longer.
  [[nodiscard]] std::uint64_t growth() const { return growth_; }

 private:
  Result<bool> append_next(std::string& out);
  Result<void> append_header(std::string& out);
  [[nodiscard]] std::size_t room_behind(std::size_t before) const;
  bool begins_plainly(std::string_view octets);
  [[nodiscard]] std::string_view clean(std::span<char> octets) const;
  [[nodiscard]] bool counts_lines() const { return in_header_ || lines_left_.has_value(); }
  [[nodiscard]] std::size_t next_stuffed(std::string_view octets) const;
  void append_stuffed(std::string_view octets, std::string& out);
  void append_body(std::string_view octets, std::string& out);

  std::unique_ptr<store::MessageReader> reader_;
  std::optional<std::uint64_t> lines_left_;
  Workarounds workarounds_;
  Mode mode_;
  std::uint64_t at_ = 0;
  std::uint64_t octets_ = 0;
  std::uint64_t growth_ = 0;
  bool at_line_start_ = true;
  bool in_header_ = true;
  bool line_empty_ = true;  // of the header section's current line
  bool done_ = false;
};

}  // namespace mail::pop3
