#include "libmail/local/source.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/message/header_section.h"

namespace mail::local {

Result<std::string_view> DescriptorSource::next() {
  if (!added_is_out_) {
    added_is_out_ = true;
    if (!added_.empty()) return std::string_view(added_);
  }
  constexpr std::size_t kChunk = 16U << 10U;
  chunk_.resize(kChunk);
  const std::size_t got = TRY(sys::pread(message_, chunk_, at_));
  at_ += got;
  return std::string_view(chunk_.data(), got);
}

Result<void> DescriptorSource::rewind() {
  added_is_out_ = false;
  at_ = 0;
  return {};
}

const std::string& sender_of(const Delivery& delivery) {
  return delivery.end_point.owner.empty() ? delivery.reverse_path : delivery.end_point.owner;
}

std::string delivery_fields(const Delivery& delivery) {
  const std::string& recipient = delivery.end_point.original_to;
  return "Return-Path: <" + sender_of(delivery) + ">\nX-Original-To: " + recipient +
         "\nDelivered-To: " + recipient + "\n";
}

Result<void> check_for_loop(const FileDescriptor& message, std::string_view original_to,
                            std::size_t hopcount_limit) {
  const auto size = static_cast<std::size_t>(TRY(sys::fstat(message)).st_size);
  const std::string head =
      TRY(sys::pread_all(message, 0, std::min(size, message::kMaxHeaderSection)));
  const auto header = message::HeaderSection::parse(head);
  for (const std::string& earlier : header.find_all("Delivered-To")) {
    if (ascii::iequals(ascii::trim(earlier), original_to)) {
      return fail(make_error(Errc::Loop, {5, 4, 6},
                             "mail forwarding loop for " + std::string(original_to),
                             "Delivered-To already names " + log::escape(original_to)));
    }
  }
  if (header.count("Received") > hopcount_limit) {
    return fail(make_error(Errc::Loop, {5, 4, 6}, "Too many hops, mail loops",
                           "more Received fields than hopcount_limit"));
  }
  return {};
}

}  // namespace mail::local
