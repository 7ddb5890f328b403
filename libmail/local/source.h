// DescriptorSource: a message to store, as the fields that delivery adds followed by the octets of
// a descriptor. Reads by position, so any number of sources may share one descriptor; memory stays
// at one chunk whatever the message's size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"
#include "libmail/local/conversation.h"
#include "libmail/store/mailbox.h"

namespace mail::local {

class DescriptorSource final : public store::MessageSource {
 public:
  // `message` must outlive the source.
  DescriptorSource(std::string added, const FileDescriptor& message)
      : added_(std::move(added)), message_(message) {}
  Result<std::string_view> next() override;
  Result<void> rewind() override;

 private:
  std::string added_;
  const FileDescriptor& message_;
  bool added_is_out_ = false;
  std::uint64_t at_ = 0;
  std::vector<char> chunk_;
};

// Return-Path, X-Original-To, Delivered-To in this order (DESIGN.md section 4, finding 4): the
// accepted envelope recipient, not the account whose mailbox it is.
std::string delivery_fields(const Delivery& delivery);
// Envelope sender of this delivery: the owner-alias' where there is one.
const std::string& sender_of(const Delivery& delivery);

// Permanent 5.4.6 when a Delivered-To field already names this recipient, or there are more
// Received fields than `hopcount_limit` (RFC 5321 section 6.3).
Result<void> check_for_loop(const FileDescriptor& message, std::string_view original_to,
                            std::size_t hopcount_limit);

}  // namespace mail::local
