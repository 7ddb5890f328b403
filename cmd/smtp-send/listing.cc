#include "cmd/smtp-send/listing.h"

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/utf8.h"
#include "libmail/message/date.h"
#include "libmail/relay/attempt.h"

namespace mail::cmd {
namespace {

std::string day_and_time(WallTime time) {  // "Sat Aug 15 19:02:06"
  return message::format_asctime(message::to_local(time)).substr(0, 19);
}

std::string pad(std::string text, std::size_t width, bool right = false) {
  if (text.size() < width) text.insert(right ? 0 : text.size(), width - text.size(), ' ');
  return text;
}

// RFC 8259 section 7. Octets that are no UTF-8 become U+FFFD, so that any reader takes the line.
std::string quote_json(std::string_view text) {
  std::string out = "\"";
  for (const char c : utf8::replace_invalid(text)) {
    if (c == '"' || c == '\\') out += '\\';
    if (ascii::is_control(c)) {
      out += "\\u00" + ascii::to_hex({&c, 1});
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

std::string format_listing(const std::vector<queue::Listing>& all,
                           const relay::Settings& settings) {
  std::string out;
  std::uint64_t octets = 0;
  std::size_t shown = 0;
  for (const auto& one : all) {
    if (!one.envelope.has_pending()) continue;  // a tombstone
    if (shown++ == 0) out += "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n";
    const auto& envelope = one.envelope;
    octets += envelope.size;
    out += pad(envelope.id.value + (one.active ? "*" : ""), 11) + ' ' +
           pad(std::to_string(envelope.size), 8, true) + ' ' + day_and_time(envelope.arrived) +
           "  " +
           (envelope.reverse_path.empty() ? "MAILER-DAEMON" : log::escape(envelope.reverse_path)) +
           '\n';
    for (const auto& recipient : envelope.recipients) {
      if (recipient.state != queue::RecipientState::Pending) continue;
      if (!recipient.reason.empty())
        out += pad("(" + log::escape(recipient.reason, 300) + ")", 77, true) + '\n';
      out += std::string(41, ' ') + log::escape(recipient.address) + '\n';
      out += std::string(41, ' ') + "next try " + day_and_time(one.next_try) + " by " +
             log::escape(relay::destination_of(recipient, settings)) + '\n';
    }
    out += '\n';
  }
  if (shown == 0) return "Mail queue is empty\n";
  return out + "-- " + std::to_string((octets + 1023) / 1024) + " Kbytes in " +
         std::to_string(shown) + " Request" + (shown == 1 ? "" : "s") + ".\n";
}

std::string format_listing_json(const std::vector<queue::Listing>& all,
                                const relay::Settings& settings) {
  const auto seconds = [](WallTime time) {
    return std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
  };
  std::string out;
  for (const auto& one : all) {
    if (!one.envelope.has_pending()) continue;
    out += "{\"queue_id\": " + quote_json(one.envelope.id.value) +
           ", \"arrival_time\": " + seconds(one.envelope.arrived) +
           ", \"next_try\": " + seconds(one.next_try) +
           ", \"message_size\": " + std::to_string(one.envelope.size) +
           ", \"sender\": " + quote_json(one.envelope.reverse_path) +
           ", \"active\": " + (one.active ? "true" : "false") + ", \"recipients\": [";
    bool first = true;
    for (const auto& recipient : one.envelope.recipients) {
      if (recipient.state != queue::RecipientState::Pending) continue;
      out += std::string(first ? "" : ", ") + "{\"address\": " + quote_json(recipient.address) +
             ", \"delay_reason\": " + quote_json(recipient.reason) +
             ", \"destination\": " + quote_json(relay::destination_of(recipient, settings)) + '}';
      first = false;
    }
    out += "]}\n";
  }
  return out;
}

}  // namespace mail::cmd
