#include "libmail/message/compose.h"

#include <gtest/gtest.h>

#include "libmail/base/ascii.h"
#include "libmail/base/utf8.h"
#include "libmail/message/charset.h"
#include "libmail/message/display_width.h"
#include "libmail/message/structure.h"

namespace mail::message {
namespace {

std::string decoded(const std::string& octets, const Part& part) {
  return to_utf8(decode_transfer(octets.substr(part.body.offset, part.body.octets), part.encoding),
                 part.content_type.charset());
}

TEST(Compose, TextChoosesItsEncodingAndIsReadBack) {
  std::string chinese;
  for (int i = 0; i < 100; ++i) chinese += "\u4F60\u597D";
  const struct {
    std::string text;
    std::string_view encoding;
  } cases[] = {
      {"plain\n", "7bit"},
      {"", "7bit"},
      {"Gr\u00FC\u00DFe aus K\u00F6ln, einer langen Zeile, die fast nur ASCII ist\n",
       "quoted-printable"},
      {chinese + "\n", "base64"},
      {std::string(999, 'x') + "\n", "quoted-printable"},
      {std::string(998, 'x') + "\n", "7bit"},
      {"cr\r\n", "quoted-printable"},
      {"no line end", "7bit"},
  };
  for (const auto& [text, encoding] : cases) {
    const Entity entity = make_text(text);
    EXPECT_FALSE(entity.is_8bit());
    const std::string octets = entity.to_string();
    const auto structure = parse_structure(octets);
    EXPECT_EQ(structure.root.encoding_name, encoding) << text;
    EXPECT_EQ(decoded(octets, structure.root), text);
    for (const auto line : ascii::split(octets, '\n')) EXPECT_LE(line.size(), 998U);
  }
}

TEST(Compose, MultipartWithAttachments) {
  std::string octets;
  for (int i = 0; i < 256; ++i) octets += static_cast<char>(i);
  const Entity message = make_multipart(
      "mixed",
      {make_text("\u4F60\u597D\n"), make_attachment(octets, "application/pdf", "\u4F60 x.pdf"),
       make_attachment("--=_0123456789abcdef\n", "text/plain", "a.txt")},
      0x0123456789abcdef);
  const std::string text = message.to_string();
  const auto structure = parse_structure(text);
  EXPECT_TRUE(structure.defects.empty());
  ASSERT_EQ(structure.root.children.size(), 3U);
  const Part& attached = structure.root.children[1];
  EXPECT_EQ(
      decode_transfer(text.substr(attached.body.offset, attached.body.octets), attached.encoding),
      octets);
  EXPECT_EQ(attached.disposition->parameters.find("filename"), "\u4F60 x.pdf");
  // The boundary that occurs in a part was not taken.
  EXPECT_EQ(decoded(text, structure.root.children[2]), "--=_0123456789abcdef\n");
  EXPECT_EQ(guess_content_type("a.PDF"), "application/pdf");
  EXPECT_EQ(guess_content_type("a"), "application/octet-stream");
}

TEST(Compose, DeliveryReportOfRfc3464) {
  const Entity report = make_delivery_report(
      "It could not be delivered.\n",
      {"Reporting-MTA: dns; mail.linuxprobe.com\n",
       "Final-Recipient: rfc822; xxoo@linuxprobe.com\nAction: failed\nStatus: 5.1.1\n"},
      make_message("Subject: s\n\n\xFC\n"), 7);
  const std::string text = report.to_string();
  const auto structure = parse_structure(text);
  EXPECT_EQ(structure.root.content_type.parameters.find("report-type"), "delivery-status");
  ASSERT_EQ(structure.root.children.size(), 3U);
  EXPECT_TRUE(structure.root.children[1].content_type.is("message", "delivery-status"));
  EXPECT_EQ(decoded(text, structure.root.children[1]),
            "Reporting-MTA: dns; mail.linuxprobe.com\n\nFinal-Recipient: rfc822; "
            "xxoo@linuxprobe.com\nAction: failed\nStatus: 5.1.1\n");
  EXPECT_EQ(structure.root.children[2].children.at(0).fields.find("Subject"), "s");
  EXPECT_EQ(structure.root.encoding_name, "8bit");
}

TEST(DisplayWidth, CellsAndCutting) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("\u4F60\u597D"), 4U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(cut_to_width("\u4F60\u597D", 3), "\u4F60");
  EXPECT_EQ(cut_to_width("e\u0301x", 1), "e\u0301");
  EXPECT_EQ(pad_to_width("\u4F60\u597D", 3), "\u4F60 ");
  EXPECT_EQ(pad_to_width("ab", 4, true), "  ab");
  EXPECT_EQ(make_printable("a\x1B[2J\tb\n\u0085\u202Ec\xFF"), "a?[2J\tb\n??c\uFFFD");
}

}  // namespace
}  // namespace mail::message
