// Unique-ids (RFC 1939, UIDL) as Dovecot 2.3 makes them, so that clients of a Dovecot that was
// there before do not fetch everything once more.
//
// pop3_uidl_format: text with %v UIDVALIDITY, %u UID, %m MD5 of some header fields (mbox_md5), %f
// file name (Maildir), %g GUID; before the letter a width ("%3v" the first three, "%03v" zeros in
// front, "%-4.2v" two from the fourth last on) and modifiers, applied in their order: L U lower and
// upper case, X hexadecimal, M MD5, R reversed, T trimmed. Of Dovecot's D E H N are not served.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/message/header_section.h"
#include "libmail/store/mailbox.h"

namespace mail::pop3 {

struct UidlValues {
  store::Uid uid;
  store::UidValidity validity;
  std::string header_md5, file_name, guid;  // empty: not to be had
};

class UidlFormat {
 public:
  // Config: an unknown variable or modifier, or no variable at all.
  static Result<UidlFormat> parse(std::string_view text);
  // Unsupported: a variable that this mailbox has no value for.
  [[nodiscard]] Result<std::string> format(const UidlValues& values) const;
  [[nodiscard]] bool uses(char variable) const;

 private:
  struct Piece {
    std::string literal;  // before the variable
    char variable = '\0';
    std::string modifiers;
    int offset = 0;  // negative: from the end
    std::size_t width = 0;
    bool zeros = false;
  };
  static Result<Piece> parse_piece(std::string_view text, std::size_t& at);
  static std::string cut(const Piece& piece, std::string value);
  std::vector<Piece> pieces_;
};

// Dovecot's mbox_md5: over the bodies, line by line, of Date, Message-ID (both only before the
// first Received), that Received, Delivered-To and X-Delivery-ID; `all`: over all fields.
enum class Md5Of : std::uint8_t { Apop3d, All };
std::string header_md5(const message::HeaderSection& header, Md5Of fields);

// pop3_uidl_duplicates = rename: "x", "x-2", "x-3" in the order given.
void rename_duplicates(std::vector<std::string>& ids);

}  // namespace mail::pop3
