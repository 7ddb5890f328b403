#include "libmail/pop3/surrogate.h"

#include <gtest/gtest.h>

#include "libmail/base/utf8.h"
#include "libmail/message/content_type.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/header_section.h"

namespace mail::pop3 {
namespace {

std::string find(const std::string& header, std::string_view name) {
  return message::HeaderSection::parse(header).find(name).value_or("(none)");
}

TEST(Surrogate, AsciiAndWhatIsNotUtf8GoAsTheyAre) {
  EXPECT_FALSE(make_surrogate("Subject: plain\r\n\r\n"));
  EXPECT_FALSE(make_surrogate("Subject: gr\xfc\xdf\x65\r\n\r\n"));
  EXPECT_FALSE(make_surrogate(""));
}

TEST(Surrogate, SaysTheSameInAscii) {
  const auto made = make_surrogate(
      "Received: from a\r\n\tby b\r\n"
      "Subject: Grüße aus\r\n Köln\r\n"
      "From: Ärne <ann@example.org>, plain@example.org\r\n"
      "To: 用户 <用户@例え.jp>, bob@example.org\r\n"
      "Content-Type: application/pdf; name=\"Rechnung für.pdf\"; x=y\r\n"
      "Content-Disposition: attachment;\r\n filename=\"Rechnung für.pdf\"\r\n"
      "Message-ID: <ü@x>\r\n"
      "X-Latin: \xfc\r\n"
      "X-Note: größer\r\n"
      "\r\n");
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->ends_with("\r\n\r\n"));
  EXPECT_TRUE(made->starts_with("Received: from a\r\n\tby b\r\nSubject: =?"));
  EXPECT_EQ(message::decode_encoded_words(find(*made, "Subject")), "Grüße aus Köln");
  EXPECT_EQ(message::decode_encoded_words(find(*made, "X-Note")), "größer");
  EXPECT_EQ(find(*made, "X-Latin"), "\xfc");
  EXPECT_EQ(find(*made, "Message-ID"), "(none)");
  const auto from = address::flatten(address::parse_address_list(find(*made, "From")));
  ASSERT_EQ(from.size(), 2U);
  EXPECT_EQ(message::decode_name(from[0]), "Ärne");
  EXPECT_EQ(address::to_string(from[0].addr_spec), "ann@example.org");
  const auto to = address::flatten(address::parse_address_list(find(*made, "To")));
  ASSERT_EQ(to.size(), 2U);
  EXPECT_EQ(message::decode_name(to[0]), "用户 (用户@例え.jp)");
  EXPECT_EQ(address::to_string(to[0].addr_spec), kSurrogateAddress);
  const auto type = message::parse_content_type(find(*made, "Content-Type"));
  EXPECT_TRUE(type.is("application", "pdf"));
  EXPECT_EQ(type.parameters.find("name"), "Rechnung für.pdf");
  EXPECT_EQ(type.parameters.find("x"), "y");
  const auto disposition = message::parse_disposition(find(*made, "Content-Disposition"));
  EXPECT_EQ(disposition.parameters.find("filename"), "Rechnung für.pdf");
  for (std::size_t at = made->find('\n'); at != std::string::npos; at = made->find('\n', at + 1)) {
    EXPECT_EQ(made->at(at - 1), '\r');
  }
}

}  // namespace
}  // namespace mail::pop3
