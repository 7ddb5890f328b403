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

class Transfer {
 public:
  // `body_lines`: of TOP; nothing: all. `head` goes out first, then the message from `at` on.
  Transfer(std::unique_ptr<store::MessageReader> reader, std::optional<std::uint64_t> body_lines,
           Workarounds workarounds, std::string head = {}, std::uint64_t at = 0);

  // Appends the next stretch to `out`, some 64 KiB (the header section at once); true: it was the
  // last, with its dot. An error in the middle cannot be told to the client, who would take it for
  // text.
  Result<bool> fill(std::string& out);
  // Octets given so far, without the terminating line.
  [[nodiscard]] std::uint64_t octets() const { return octets_; }

 private:
  Result<std::size_t> append_next(std::string& out);
  [[nodiscard]] std::string_view clean(std::span<char> octets) const;
  [[nodiscard]] bool counts_lines() const { return in_header_ || lines_left_.has_value(); }
  [[nodiscard]] std::size_t next_stuffed(std::string_view octets) const;
  void append_stuffed(std::string_view octets, std::string& out);
  void append_body(std::string_view octets, std::string& out);

  std::unique_ptr<store::MessageReader> reader_;
  std::optional<std::uint64_t> lines_left_;
  Workarounds workarounds_;
  std::string head_;
  std::uint64_t at_;
  std::uint64_t octets_ = 0;
  bool at_line_start_ = true;
  bool in_header_ = true;
  bool line_empty_ = true;  // of the header section's current line
  bool done_ = false;
};

}  // namespace mail::pop3
