#include "libmail/relay/report.h"

#include "libmail/address/address_list.h"
#include "libmail/message/compose.h"
#include "libmail/message/date.h"
#include "libmail/message/generate.h"
#include "libmail/message/trace.h"

namespace mail::relay {
namespace {

std::string field(std::string_view name, std::string_view body) {
  return message::make_field(name, message::without_controls(body));
}

}  // namespace

std::string make_report(ReportKind kind, const queue::Envelope& envelope,
                        const std::vector<ReportedRecipient>& recipients,
                        const std::string& original_header, const std::string& myhostname,
                        WallTime now, std::chrono::seconds lifetime) {
  const bool failed = kind == ReportKind::Failure;
  const auto when = message::to_local(now);
  std::string text = "This is the mail system at host " + myhostname + ".\n\n";
  text +=
      failed
          ? "Your message could not be delivered to one or more recipients. What is known of it\n"
            "follows; the header of the message is attached.\n\n"
          : "Your message has not been delivered yet. You need not send it again: it will be "
            "tried\n"
            "for " +
                std::to_string(std::chrono::duration_cast<std::chrono::hours>(lifetime).count() /
                               24) +
                " days from its arrival.\n\n";
  for (const auto& one : recipients) {
    text += '<' + one.address + '>';
    if (!one.final_address.empty() && one.final_address != one.address) {
      text += " (expanded from <" + one.final_address + ">)";
    }
    text += ": " + message::without_controls(one.diagnostic) + "\n\n";
  }

  std::vector<std::string> groups;
  groups.push_back(
      field("Reporting-MTA", "dns; " + myhostname) +
      field("X-Tubepost-Queue-ID", envelope.id.value) +
      field("X-Tubepost-Sender", "rfc822; " + envelope.reverse_path) +
      field("Arrival-Date", message::format_date(message::to_local(envelope.arrived))));
  for (const auto& one : recipients) {
    std::string group =
        field("Final-Recipient",
              "rfc822; " + (one.final_address.empty() ? one.address : one.final_address)) +
        field("Original-Recipient", "rfc822; " + one.address) +
        field("Action", failed ? "failed" : "delayed") + field("Status", to_string(one.status));
    if (!one.remote.empty()) group += field("Remote-MTA", "dns; " + one.remote);
    group +=
        field("Diagnostic-Code", (one.remote.empty() ? "X-Tubepost; " : "smtp; ") + one.diagnostic);
    groups.push_back(std::move(group));
  }
  const auto seed = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const message::Entity report = message::make_delivery_report(
      text, groups, message::make_header_section(original_header), seed);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return message::make_field("Date", message::format_date(when)) +
         message::make_address_field(
             "From", {{"Mail Delivery System", {"MAILER-DAEMON", myhostname}, "", ""}}) +
         message::make_field("To", '<' + envelope.reverse_path + '>') +
         message::make_field("Subject", failed ? "Undelivered Mail Returned to Sender"
                                               : "Delayed Mail (still being retried)") +
         message::make_field("Message-ID",
                             message::make_message_id(
                                 seconds, envelope.id.value + (failed ? "B" : "W"), myhostname)) +
         message::make_field("Auto-Submitted", "auto-replied") +  // RFC 3834
         "MIME-Version: 1.0\n" + report.to_string();
}

}  // namespace mail::relay
