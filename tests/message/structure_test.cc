#include "libmail/message/structure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libmail/message/charset.h"
#include "libmail/message/encoded_word.h"
#include "libmail/message/envelope.h"
#include "libmail/message/line_ends.h"

namespace mail::message {
namespace {

using ::testing::ElementsAre;

// "1.2 text/plain [body]" for each part, with the depth-first numbers of the tree.
void describe(const Part& part, std::string_view octets, const std::string& number,
              std::vector<std::string>& lines) {
  std::string line = number + " " + part.content_type.type + "/" + part.content_type.subtype;
  if (part.children.empty())
    line += " [" + std::string(octets.substr(part.body.offset, part.body.octets)) + "]";
  lines.push_back(line);
  for (std::size_t i = 0; i < part.children.size(); ++i) {
    describe(part.children[i], octets, (number == "0" ? "" : number + ".") + std::to_string(i + 1),
             lines);
  }
}

std::vector<std::string> describe(std::string_view octets) {
  std::vector<std::string> lines;
  describe(parse_structure(octets).root, octets, "0", lines);
  for (const std::size_t piece : {1U, 2U, 7U}) {  // any division gives the same
    StructureParser parser;
    for (std::size_t at = 0; at < octets.size(); at += piece) parser.feed(octets.substr(at, piece));
    std::vector<std::string> again;
    describe(parser.finish().root, octets, "0", again);
    EXPECT_EQ(again, lines) << piece;
  }
  return lines;
}

constexpr std::string_view kChapter =
    "From: \"boss\" <boss@linuxprobe.com>\n"
    "To: <root@linuxprobe.com>\n"
    "Subject: =?gb2312?B?xOO6w6Os08O7p0JpbqGj?=\n"
    "Date: Sat, 15 Aug 2017 19:02:06 +0800\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/alternative;\n"
    "\tboundary=\"----=_NextPart_000_0006_01D0DAAF.B9104E90\"\n"
    "\n"
    "This is a multi-part message in MIME format.\n"
    "\n"
    "------=_NextPart_000_0006_01D0DAAF.B9104E90\n"
    "Content-Type: text/plain;\n\tcharset=\"gb2312\"\n"
    "Content-Transfer-Encoding: base64\n"
    "\n"
    "1eLKx9K7t+K3orj408O7p0JpbrXEzsS8/qGjDQo=\n"
    "------=_NextPart_000_0006_01D0DAAF.B9104E90\n"
    "Content-Type: text/html;\n\tcharset=\"gb2312\"\n"
    "Content-Transfer-Encoding: base64\n"
    "\n"
    "PHA+1eLKxzwvcD4NCg==\n"
    "------=_NextPart_000_0006_01D0DAAF.B9104E90--\n";

TEST(Structure, TheChaptersMessage) {
  EXPECT_THAT(describe(kChapter),
              ElementsAre("0 multipart/alternative",
                          "1 text/plain [1eLKx9K7t+K3orj408O7p0JpbrXEzsS8/qGjDQo=]",
                          "2 text/html [PHA+1eLKxzwvcD4NCg==]"));
  const auto structure = parse_structure(kChapter);
  EXPECT_TRUE(structure.defects.empty());
  const Part& text = structure.root.children[0];
  EXPECT_EQ(
      to_utf8(decode_transfer(kChapter.substr(text.body.offset, text.body.octets), text.encoding),
              text.content_type.charset()),
      "\u8FD9\u662F\u4E00\u5C01\u53D1\u7ED9\u7528\u6237Bin\u7684\u6587\u4EF6\u3002\r\n");
  EXPECT_EQ(text.encoding_name, "base64");
  const Envelope envelope = make_envelope(structure.root.fields);
  EXPECT_EQ(decode_encoded_words(*envelope.subject), "\u4F60\u597D\uFF0C\u7528\u6237Bin\u3002");
  EXPECT_EQ(address::flatten(envelope.sender).at(0).display_name, "boss");
  // Stored with LF or CRLF, the counts as CRLF are the same.
  const std::string crlf = to_crlf(kChapter);
  const auto other = parse_structure(crlf);
  EXPECT_EQ(other.root.body.octets, structure.root.body.crlf_octets);
  EXPECT_EQ(other.root.header.crlf_octets, structure.root.header.crlf_octets);
  EXPECT_EQ(other.root.children[1].header.crlf_octets,
            structure.root.children[1].header.crlf_octets);
  EXPECT_EQ(other.root.body.lines, structure.root.body.lines);
  EXPECT_EQ(crlf.size(), structure.root.header.crlf_octets + structure.root.body.crlf_octets);
}

TEST(Structure, Rfc2046) {
  const struct {
    std::string_view octets;
    std::vector<std::string> lines;
    std::vector<StructureDefect> defects;
  } cases[] = {
      // Section 5.1.1: implicitly typed, the second body ends in a line end, preamble and epilogue.
      {"From: a\r\nContent-type: multipart/mixed; boundary=\"simple "
       "boundary\"\r\n\r\npreamble\r\n\r\n--simple boundary\r\n\r\n"
       "implicit.\r\nNot ended\r\n--simple boundary\r\nContent-type: text/plain; "
       "charset=us-ascii\r\n\r\nexplicit\r\n\r\n"
       "--simple boundary--\r\n\r\nepilogue",
       {"0 multipart/mixed", "1 text/plain [implicit.\r\nNot ended]",
        "2 text/plain [explicit\r\n]"},
       {}},
      {"", {"0 text/plain []"}, {}},
      {"Subject: only", {"0 text/plain []"}, {}},
      {"\nbody", {"0 text/plain [body]"}, {}},
      {"Content-Type: text/html\n\n--x\n", {"0 text/html [--x\n]"}, {}},
      {"Content-Type: nonsense\n\nx", {"0 text/plain [x]"}, {}},
      // An empty part, and one without a header of its own.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b\n\nx\n--b--\n",
       {"0 multipart/mixed", "1 text/plain []", "2 text/plain [x]"},
       {}},
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\nX: y\n--b--",
       {"0 multipart/mixed", "1 text/plain []", "2 text/plain []"},
       {StructureDefect::HeaderWithoutEnd}},
      // Nested; the inner boundary begins with the outer one (RFC 2046 section 5.1.2 trap).
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; "
       "boundary=bb\n\n--bb\n\nx\n--bb--\n--b\n\ny\n--b--\n",
       {"0 multipart/mixed", "1 multipart/alternative", "1.1 text/plain [x]", "2 text/plain [y]"},
       {}},
      // The outer boundary ends an inner multipart that was not closed.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; "
       "boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n",
       {"0 multipart/mixed", "1 multipart/alternative", "1.1 text/plain [x]", "2 text/plain [y]"},
       {StructureDefect::UnclosedMultipart}},
      {"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx",
       {"0 multipart/mixed", "1 text/plain [x]"},
       {StructureDefect::UnclosedMultipart}},
      {"Content-Type: multipart/mixed\n\n--b\n\nx\n",
       {"0 text/plain [--b\n\nx\n]"},
       {StructureDefect::NoBoundary, StructureDefect::NoParts}},
      {"Content-Type: multipart/mixed; boundary=b\n\nx\n",
       {"0 text/plain [x\n]"},
       {StructureDefect::UnclosedMultipart, StructureDefect::NoParts}},
      // White space behind a boundary; lines that only begin like one; behind the closing one.
      {"Content-Type: multipart/mixed; boundary=b\n\n--b \t\r\n\nx\n--bc\n--b-\n "
       "--b\n--b--\n--b\n\nz",
       {"0 multipart/mixed", "1 text/plain [x\n--bc\n--b-\n --b]"},
       {}},
      // Section 5.1.5: message/rfc822 is the default in a digest.
      {"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nx\n--b\nContent-Type: "
       "text/plain\n\ny\n--b--\n",
       {"0 multipart/digest", "1 message/rfc822", "1.1 text/plain [x]", "2 text/plain [y]"},
       {}},
      {"Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; "
       "boundary=b\n\n--b\n\nx\n--b--\n",
       {"0 message/rfc822", "1 multipart/mixed", "1.1 text/plain [x]"},
       {}},
      {"Content-Type: message/rfc822\n\n", {"0 message/rfc822", "1 text/plain []"}, {}},
      {"Content-Type: message/rfc822\n", {"0 application/octet-stream []"}, {}},
  };
  for (const auto& [octets, lines, defects] : cases) {
    EXPECT_EQ(describe(octets), lines) << octets;
    EXPECT_EQ(parse_structure(octets).defects, defects) << octets;
  }
}

TEST(Structure, OffsetsLinesAndFields) {
  const std::string_view octets =
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf; "
      "name*=UTF-8''%E4%BD%A0.pdf\n"
      "Content-Disposition: attachment; filename=x.pdf\nContent-ID: <1@x>\nContent-Description: "
      "a\n b\n"
      "Content-Transfer-Encoding: BASE64 (c)\n\none\ntwo\r\nthree\n--b--\n";
  const auto structure = parse_structure(octets);
  const Part& part = structure.root.children.at(0);
  EXPECT_EQ(octets.substr(part.body.offset, part.body.octets), "one\ntwo\r\nthree");
  EXPECT_EQ(part.body.octets, 14U);
  EXPECT_EQ(part.body.crlf_octets, 15U);
  EXPECT_EQ(part.body.lines, 2U);
  EXPECT_TRUE(octets.substr(part.header.offset, part.header.octets)
                  .starts_with("Content-Type: application/pdf"));
  EXPECT_EQ(part.id, "<1@x>");
  EXPECT_EQ(part.description, "a b");
  EXPECT_EQ(part.encoding, TransferEncoding::Base64);
  EXPECT_EQ(part.encoding_name, "base64");
  EXPECT_EQ(part.disposition->parameters.find("filename"), "x.pdf");
  EXPECT_EQ(part.content_type.parameters.find("name"), "\u4F60.pdf");
  EXPECT_TRUE(part.fields.empty());
}

// The tree of RFC 3501 section 6.4.5.
TEST(Structure, SectionNumbersOfRfc3501) {
  const std::string_view octets =
      "Content-Type: multipart/mixed; boundary=a\n\n--a\n\n1\n--a\nContent-Type: "
      "application/octet-stream\n\n2\n"
      "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; "
      "boundary=b\n\n--b\n\n3.1\n--b\n"
      "Content-Type: application/octet-stream\n\n3.2\n--b--\n--a\nContent-Type: multipart/mixed; "
      "boundary=c\n\n"
      "--c\nContent-Type: image/gif\n\n4.1\n--c\nContent-Type: message/rfc822\n\nContent-Type: "
      "multipart/mixed; boundary=d\n\n"
      "--d\n\n4.2.1\n--d\nContent-Type: multipart/alternative; boundary=e\n\n--e\n\n4.2.2.1\n--e\n"
      "Content-Type: text/richtext\n\n4.2.2.2\n--e--\n--d--\n--c--\n--a--\n";
  const auto structure = parse_structure(octets);
  EXPECT_TRUE(structure.defects.empty());
  const auto body = [&](std::vector<std::uint32_t> numbers) -> std::string {
    const Part* part = find_part(structure.root, numbers);
    return part == nullptr ? "none"
                           : std::string(octets.substr(part->body.offset, part->body.octets));
  };
  EXPECT_EQ(body({1}), "1");
  EXPECT_EQ(body({2}), "2");
  EXPECT_EQ(body({3, 1}), "3.1");
  EXPECT_EQ(body({3, 2}), "3.2");
  EXPECT_EQ(body({4, 1}), "4.1");
  EXPECT_EQ(body({4, 2, 1}), "4.2.1");
  EXPECT_EQ(body({4, 2, 2, 1}), "4.2.2.1");
  EXPECT_EQ(body({4, 2, 2, 2}), "4.2.2.2");
  EXPECT_EQ(find_part(structure.root, std::vector<std::uint32_t>{3})->content_type.subtype,
            "rfc822");
  EXPECT_EQ(body({5}), "none");
  EXPECT_EQ(body({1, 1}), "none");
  EXPECT_EQ(body({0}), "none");
  const auto plain = parse_structure("\nx");
  EXPECT_EQ(find_part(plain.root, std::vector<std::uint32_t>{1}), &plain.root);
  EXPECT_EQ(find_part(plain.root, std::vector<std::uint32_t>{2}), nullptr);
  EXPECT_EQ(find_part(plain.root, std::vector<std::uint32_t>{}), &plain.root);
  const auto inner =
      parse_structure("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n\ny");
  EXPECT_EQ(find_part(inner.root, std::vector<std::uint32_t>{1, 1, 1}),
            &inner.root.children[0].children[0]);
}

TEST(Structure, LimitsHold) {
  std::string deep;
  for (int i = 0; i < 500; ++i) {
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "x\n\n--b" +
            std::to_string(i) + "x\n";
  }
  const auto nested = parse_structure(deep);
  EXPECT_THAT(nested.defects, ::testing::Contains(StructureDefect::TooDeep));
  std::string wide = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (std::size_t i = 0; i < kMaxParts + 100; ++i) wide += "--b\n\nx\n";
  const auto many = parse_structure(wide + "--b--\n");
  EXPECT_EQ(many.root.children.size(), kMaxParts - 1);
  EXPECT_THAT(many.defects, ElementsAre(StructureDefect::TooManyParts));
  std::string messages;
  for (int i = 0; i < 500; ++i) messages += "Content-Type: message/rfc822\n\n";
  EXPECT_THAT(parse_structure(messages).defects, ::testing::Contains(StructureDefect::TooDeep));
  const auto big =
      parse_structure("A: " + std::string(2 * kMaxHeaderSection, 'x') + "\nB: c\n\nbody");
  EXPECT_THAT(big.defects, ElementsAre(StructureDefect::HeaderCut));
  EXPECT_EQ(big.root.body.octets, 4U);
}

TEST(Envelope, DefaultsOfRfc3501) {
  const auto section = HeaderSection::parse(
      "From: a@b\nTo: c@d\nTo: e@f\nIn-Reply-To: <1@x>\nReferences: <0@x>\n <1@x>\nDate: now\n\n");
  const Envelope envelope = make_envelope(section);
  EXPECT_EQ(envelope.reply_to.addresses.size(), 1U);
  EXPECT_EQ(envelope.to.addresses.size(), 2U);
  EXPECT_EQ(envelope.date, "now");
  EXPECT_FALSE(envelope.subject);
  EXPECT_THAT(parse_message_ids("<0@x>\n <1 @x> junk <open <2@x>"),
              ElementsAre("<0@x>", "<1@x>", "<2@x>"));
}

}  // namespace
}  // namespace mail::message
