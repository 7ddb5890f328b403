// Reports (RFC 3464) as our own message parser reads them.
#include "libmail/relay/report.h"

#include <gmock/gmock.h>

#include "libmail/base/ascii.h"
#include "libmail/message/header_section.h"
#include "libmail/message/structure.h"

namespace mail::relay {
namespace {

using message::HeaderSection;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    envelope.id = {"059E1A2B3C4D5E6F"};
    envelope.reverse_path = "ann@linuxprobe.com";
    envelope.arrived = WallTime{std::chrono::seconds{1'500'000'000}};
    report.recipients = {{"bob@peer.example",
                          "bob@peer.example",
                          {5, 1, 1},
                          "host said: 550 5.1.1 No such user (in reply to RCPT TO command)",
                          "550 5.1.1 No such user",
                          "mx.peer.example"}};
    report.original_header = "Subject: Hello\nFrom: Ann <ann@linuxprobe.com>\n";
    report.myhostname = "mail.linuxprobe.com";
    report.now = envelope.arrived + std::chrono::seconds(5);
    report.lifetime = std::chrono::hours(120);
  }

  struct Read {
    std::string octets;
    message::Structure structure;
    HeaderSection header;
    std::string text;                   // of the explanation, as encoded
    std::vector<HeaderSection> status;  // groups of the delivery-status
    std::string returned;
    [[nodiscard]] const message::Part& part(std::size_t i) const {
      return structure.root.children.at(i);
    }
  };
  Read make() {
    Read read;
    read.octets = make_report(report);
    read.structure = message::parse_structure(read.octets);
    read.header = HeaderSection::parse(read.octets);
    EXPECT_TRUE(read.structure.defects.empty());
    EXPECT_TRUE(read.header.defects().empty());
    EXPECT_EQ(read.structure.root.children.size(), 3U) << read.octets;
    if (read.structure.root.children.size() != 3) return read;
    const auto body = [&](std::size_t i) {
      const auto& extent = read.part(i).body;
      return read.octets.substr(extent.offset, extent.octets);
    };
    read.text = body(0);
    std::string status = body(1);
    while (!status.empty()) {
      auto group = HeaderSection::parse(status);
      EXPECT_TRUE(group.defects().empty()) << status;
      status.erase(0, group.consumed());
      read.status.push_back(std::move(group));
    }
    read.returned = body(2);
    return read;
  }

  queue::Envelope envelope;
  Report report{ReportKind::Failure, {"059E1A2B3C4D5E6F-B0"}, envelope, "ann@linuxprobe.com"};
};

// RFC 3464 section 2, RFC 6522 section 3.
TEST_F(ReportTest, Structure) {
  const auto read = make();
  const auto& root = read.structure.root;
  EXPECT_EQ(root.content_type.type + '/' + root.content_type.subtype, "multipart/report");
  EXPECT_THAT(*read.header.find("Content-Type"), HasSubstr("report-type=delivery-status"));
  EXPECT_EQ(read.part(0).content_type.subtype, "plain");
  EXPECT_EQ(read.part(1).content_type.type + '/' + read.part(1).content_type.subtype,
            "message/delivery-status");
  EXPECT_EQ(read.part(2).content_type.type + '/' + read.part(2).content_type.subtype,
            "text/rfc822-headers");
}

TEST_F(ReportTest, Header) {
  const auto read = make();
  EXPECT_EQ(read.header.find("From"), "Mail Delivery System <MAILER-DAEMON@mail.linuxprobe.com>");
  EXPECT_EQ(read.header.find("To"), "<ann@linuxprobe.com>");
  EXPECT_EQ(read.header.find("Subject"), "Undelivered Mail Returned to Sender");
  EXPECT_EQ(read.header.find("Auto-Submitted"), "auto-replied");  // RFC 3834 section 5
  EXPECT_EQ(read.header.find("MIME-Version"), "1.0");
  EXPECT_THAT(*read.header.find("Message-ID"),
              HasSubstr("059E1A2B3C4D5E6F-B0@mail.linuxprobe.com>"));
  EXPECT_TRUE(read.header.find("Date"));
  EXPECT_EQ(read.octets.find('\r'), std::string::npos);
}

TEST_F(ReportTest, StatusFields) {
  const auto read = make();
  ASSERT_EQ(read.status.size(), 2U);
  EXPECT_EQ(read.status[0].find("Reporting-MTA"), "dns; mail.linuxprobe.com");
  EXPECT_EQ(read.status[0].find("X-Tubepost-Queue-ID"), "059E1A2B3C4D5E6F");
  EXPECT_TRUE(read.status[0].find("Arrival-Date"));
  const auto& one = read.status[1];
  EXPECT_EQ(one.find("Final-Recipient"), "rfc822; bob@peer.example");
  EXPECT_EQ(one.find("Action"), "failed");
  EXPECT_EQ(one.find("Status"), "5.1.1");
  EXPECT_EQ(one.find("Remote-MTA"), "dns; mx.peer.example");
  // The reply itself, as the server gave it (section 2.3.6).
  EXPECT_EQ(one.find("Diagnostic-Code"), "smtp; 550 5.1.1 No such user");
  EXPECT_FALSE(one.find("Will-Retry-Until"));
  EXPECT_THAT(read.text, HasSubstr("<bob@peer.example>: host said: 550 5.1.1 No such user"));
}

TEST_F(ReportTest, TheHeaderComesBackAsItWas) {
  report.original_header =
      "Received: from x\n\tby y\nsubject:  odd  \nX: " + std::string(200, 'x') + "\n";
  EXPECT_EQ(make().returned, report.original_header);
}

TEST_F(ReportTest, AMessageWithoutHeader) {
  report.original_header = "";
  EXPECT_EQ(make().returned, "");
}

TEST_F(ReportTest, SeveralRecipients) {
  report.recipients.push_back({"list@linuxprobe.com",
                               "eve@other.example",
                               {5, 4, 4},
                               "no mail host has an address",
                               "",
                               ""});
  report.recipients.push_back(
      {"boss@linuxprobe.com", "boss@linuxprobe.com", {5, 2, 2}, "mailbox full", "", ""});
  const auto read = make();
  ASSERT_EQ(read.status.size(), 4U);
  const auto& eve = read.status[2];
  EXPECT_EQ(eve.find("Final-Recipient"), "rfc822; eve@other.example");
  EXPECT_EQ(eve.find("Original-Recipient"), "rfc822; list@linuxprobe.com");
  EXPECT_EQ(eve.find("Diagnostic-Code"), "X-Tubepost; no mail host has an address");
  EXPECT_FALSE(eve.find("Remote-MTA")) << "nobody answered";
  EXPECT_THAT(read.text,
              HasSubstr("<eve@other.example> (expanded from <list@linuxprobe.com>): no mail"));
  EXPECT_THAT(read.text, HasSubstr("<boss@linuxprobe.com>: mailbox full"));
}

TEST_F(ReportTest, Delay) {
  report.kind = ReportKind::Delay;
  report.recipients[0].status = {4, 2, 1};
  const auto read = make();
  EXPECT_EQ(read.header.find("Subject"), "Delayed Mail (still being retried)");
  EXPECT_EQ(read.status.at(1).find("Action"), "delayed");
  EXPECT_EQ(read.status.at(1).find("Status"), "4.2.1");
  EXPECT_THAT(*read.status.at(1).find("Will-Retry-Until"), HasSubstr("Jul 2017"));
  EXPECT_THAT(read.text, HasSubstr("for 5 days from its arrival."));
  const std::pair<std::chrono::seconds, std::string> times[] = {
      {std::chrono::hours(48), "2 days"},
      {std::chrono::hours(36), "36 hours"},
      {std::chrono::minutes(90), "90 minutes"}};
  for (const auto& [lifetime, words] : times) {
    report.lifetime = lifetime;
    EXPECT_THAT(make().text, HasSubstr("for " + words + " from"));
  }
}

// What a server says cannot add a field, a group or a part.
TEST_F(ReportTest, NothingIsInjected) {
  report.recipients[0].reply =
      "550 x\nAction: delivered\n\nFinal-Recipient: rfc822; other@peer.example";
  report.recipients[0].diagnostic = "host said: x\n\n--boundary\r\nSubject: y";
  report.recipients[0].address = report.recipients[0].final_address =
      "bob@peer.example\nBcc: eve@peer.example";
  report.recipient = "ann@linuxprobe.com\nBcc: eve@peer.example";
  const auto read = make();
  ASSERT_EQ(read.status.size(), 2U);
  EXPECT_EQ(read.status[1].count("Action"), 1U);
  EXPECT_EQ(read.status[1].count("Final-Recipient"), 1U);
  EXPECT_EQ(read.status[1].count("Bcc"), 0U);
  EXPECT_EQ(read.header.count("Bcc"), 0U);
}

TEST_F(ReportTest, EightBitRepliesBecomeAscii) {
  report.recipients[0].reply = "550 Gibt es nicht: M\xc3\xbcller";
  report.recipients[0].diagnostic = "host said: 550 Gibt es nicht: M\xc3\xbcller";
  const auto read = make();
  EXPECT_EQ(read.part(1).content_type.subtype, "delivery-status");
  EXPECT_EQ(read.status.at(1).find("Diagnostic-Code"), "smtp; 550 Gibt es nicht: M??ller");
  for (const char c : read.octets) EXPECT_FALSE(ascii::is_8bit(c));
}

// RFC 6533 section 3.
TEST_F(ReportTest, AddressesBeyondAscii) {
  report.recipients[0].address = report.recipients[0].final_address = "j\xc3\xb6rg@peer.example";
  const auto read = make();
  EXPECT_EQ(read.part(1).content_type.subtype, "global-delivery-status");
  EXPECT_EQ(read.status.at(1).find("Final-Recipient"), "utf-8; j\xc3\xb6rg@peer.example");
}

TEST_F(ReportTest, LongDiagnosticsAreFolded) {
  report.recipients[0].reply = "550 " + std::string(1000, 'x');
  report.recipients[0].diagnostic = "host said: " + report.recipients[0].reply;
  const auto read = make();
  for (const auto line : ascii::split(read.octets, '\n')) EXPECT_LE(line.size(), 998U);
}

}  // namespace
}  // namespace mail::relay
