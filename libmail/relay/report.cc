#include "libmail/relay/report.h"

#include <algorithm>

#include "libmail/address/address_list.h"
#include "libmail/base/ascii.h"
#include "libmail/message/compose.h"
#include "libmail/message/date.h"
#include "libmail/message/generate.h"
#include "libmail/message/trace.h"
#include "libmail/net/network.h"

namespace mail::relay {
namespace {

std::string field(std::string_view name, std::string_view body) {
  return message::make_field(name, message::without_controls(body));
}

// RFC 3464 section 2.3.2, and RFC 6533 section 3 for addresses beyond ASCII.
std::string typed_address(const std::string& address) {
  const bool is_utf8 = std::any_of(address.begin(), address.end(), ascii::is_8bit);
  return (is_utf8 ? "utf-8; " : "rfc822; ") + address;
}

// An address that was connected to without a name: RFC 5321 section 4.1.3.
std::string name_or_literal(const std::string& remote) {
  if (!net::Address::parse(remote)) return remote;
  return (remote.find(':') == std::string::npos ? "[" : "[IPv6:") + remote + ']';
}

// Diagnostic-Code is US-ASCII, whatever the server said.
std::string to_ascii(std::string text) {
  std::replace_if(text.begin(), text.end(), ascii::is_8bit, '?');
  return text;
}

std::string describe(std::chrono::seconds time) {
  using std::chrono::hours;
  const auto whole = std::chrono::duration_cast<hours>(time).count();
  if (whole >= 48) return std::to_string(whole / 24) + " days";
  if (whole >= 2) return std::to_string(whole) + " hours";
  return std::to_string(std::chrono::duration_cast<std::chrono::minutes>(time).count()) +
         " minutes";
}

std::string explain(const Report& report) {
  std::string text = "This is the mail system at host " + report.myhostname + ".\n\n";
  if (report.kind == ReportKind::Failure) {
    text +=
        "Your message could not be delivered to one or more recipients. What is known of it\n"
        "follows; the header of the message is attached.\n\n";
  } else {
    text +=
        "Your message has not been delivered yet. You need not send it again: it will be tried\n"
        "for " +
        describe(report.lifetime) + " from its arrival.\n\n";
  }
  for (const auto& one : report.recipients) {
    text += '<' + one.final_address + '>';
    if (one.final_address != one.address) text += " (expanded from <" + one.address + ">)";
    text += ": " + message::without_controls(one.diagnostic) + "\n\n";
  }
  return text;
}

// RFC 3464 section 2.2.
std::string message_fields(const Report& report) {
  return field("Reporting-MTA", "dns; " + report.myhostname) +
         field("X-Tubepost-Queue-ID", report.envelope.id.value) +
         field("X-Tubepost-Sender", typed_address(report.envelope.reverse_path)) +
         field("Arrival-Date", message::format_date(message::to_local(report.envelope.arrived)));
}

// RFC 3464 section 2.3.
std::string recipient_fields(const Report& report, const ReportedRecipient& one) {
  const bool failed = report.kind == ReportKind::Failure;
  std::string group = field("Final-Recipient", typed_address(one.final_address)) +
                      field("Original-Recipient", typed_address(one.address)) +
                      field("Action", failed ? "failed" : "delayed") +
                      field("Status", to_string(one.status));
  if (!one.reply.empty()) {
    group += field("Remote-MTA", "dns; " + name_or_literal(one.remote)) +
             field("Diagnostic-Code", "smtp; " + to_ascii(one.reply));
  } else {
    group += field("Diagnostic-Code", "X-Tubepost; " + to_ascii(one.diagnostic));
  }
  if (!failed) {
    const auto until = report.envelope.arrived + report.lifetime;
    group += field("Will-Retry-Until", message::format_date(message::to_local(until)));
  }
  return group;
}

}  // namespace

std::string make_report(const Report& report) {
  const bool failed = report.kind == ReportKind::Failure;
  std::vector<std::string> groups{message_fields(report)};
  for (const auto& one : report.recipients) groups.push_back(recipient_fields(report, one));
  const auto seed = static_cast<std::uint64_t>(report.now.time_since_epoch().count());
  const message::Entity entity = message::make_delivery_report(
      explain(report), groups, message::make_header_section(report.original_header), seed);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(report.now);
  return message::make_field("Date", message::format_date(message::to_local(report.now))) +
         message::make_address_field(
             "From", {{"Mail Delivery System", {"MAILER-DAEMON", report.myhostname}, "", ""}}) +
         message::make_field("To", '<' + report.recipient + '>') +
         message::make_field("Subject", failed ? "Undelivered Mail Returned to Sender"
                                               : "Delayed Mail (still being retried)") +
         message::make_field(
             "Message-ID", message::make_message_id(seconds, report.id.value, report.myhostname)) +
         message::make_field("Auto-Submitted", "auto-replied") +  // RFC 3834
         "MIME-Version: 1.0\n" + entity.to_string();
}

}  // namespace mail::relay
