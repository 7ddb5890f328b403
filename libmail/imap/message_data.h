// MessageData: one message of a mailbox, read as far as it is asked about: not at all, its header
// section, or (for structure) once from beginning to end. Bodies are not kept.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libmail/imap/command.h"
#include "libmail/message/envelope.h"
#include "libmail/message/header_section.h"
#include "libmail/message/structure.h"
#include "libmail/store/mailbox.h"

namespace mail::imap {

// What a section is: text at hand, or a range of the message.
struct SectionText {
  bool is_nil = false;  // there is no such part
  std::optional<std::string> text;
  std::uint64_t offset = 0;
  std::uint64_t octets = 0;
};

class MessageData {
 public:
  // NotFound when the message is gone.
  static Result<MessageData> open(store::Mailbox& mailbox, store::Uid uid);

  [[nodiscard]] store::MessageReader& reader() { return *reader_; }
  Result<const message::HeaderSection*> header();
  Result<const message::Structure*> structure();
  Result<SectionText> find_section(const Section& section);

 private:
  explicit MessageData(std::unique_ptr<store::MessageReader> reader) : reader_(std::move(reader)) {}
  Result<SectionText> find_in_message(const Section& section);

  std::unique_ptr<store::MessageReader> reader_;
  std::optional<message::HeaderSection> header_;
  std::optional<message::Structure> structure_;
};

}  // namespace mail::imap
