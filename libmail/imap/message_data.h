// MessageData: one message of a mailbox, read as far as it is asked about: not at all where the
// mailbox's cache has the answer, its header section, or (for structure) once from beginning to
// end. Bodies are not kept.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// NotFound when the message is gone and has to be read.
class MessageData {
 public:
  MessageData(store::Mailbox& mailbox, store::Uid uid) : mailbox_(&mailbox), uid_(uid) {}

  Result<store::MessageReader*> reader();
  Result<const message::HeaderSection*> header();
  // Of the header section at least the fields of these names, as they stand and in their order.
  Result<const message::HeaderSection*> fields(std::span<const std::string_view> names);
  Result<const message::Structure*> structure();
  // BODYSTRUCTURE as it is sent; valid until the next call of any MessageData of this mailbox.
  Result<std::string_view> body_structure();
  Result<SectionText> find_section(const Section& section);

 private:
  Result<SectionText> find_in_message(const Section& section);

  store::Mailbox* mailbox_;
  store::Uid uid_;
  std::unique_ptr<store::MessageReader> reader_;
  std::optional<message::HeaderSection> cached_fields_;
  std::optional<message::HeaderSection> header_;
  std::optional<message::Structure> structure_;
  std::string body_structure_;
};

}  // namespace mail::imap
