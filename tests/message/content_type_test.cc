#include "libmail/message/content_type.h"

#include <gtest/gtest.h>

#include "libmail/base/ascii.h"
#include "libmail/message/header_section.h"

namespace mail::message {
namespace {

TEST(ContentType, TypesAndParameters) {
  const struct {
    std::string_view body, type, subtype;
    std::vector<Parameter> parameters;
  } cases[] = {
      {"text/plain; charset=us-ascii (Plain text)",
       "text",
       "plain",
       {{"charset", "us-ascii"}}},  // RFC 2045 section 5.1
      {"text/plain; charset=\"us-ascii\"", "text", "plain", {{"charset", "us-ascii"}}},
      {"multipart/alternative;\r\n\tboundary=\"----=_NextPart_000_0006_01D0DAAF.B9104E90\"",
       "multipart",
       "alternative",
       {{"boundary", "----=_NextPart_000_0006_01D0DAAF.B9104E90"}}},
      {"Multipart/Mixed; Boundary=----=_Part_1; x=y",
       "multipart",
       "mixed",
       {{"boundary", "----=_Part_1"}, {"x", "y"}}},
      {"text / html (c) ; charset = utf-8 ;", "text", "html", {{"charset", "utf-8"}}},
      {"application/pdf; name=my report (1).pdf",
       "application",
       "pdf",
       {{"name", "my report (1).pdf"}}},
      {"application/pdf; name=\"a\\\"b;c.pdf\"; y=z",
       "application",
       "pdf",
       {{"name", "a\"b;c.pdf"}, {"y", "z"}}},
      {"application/pdf; name=\"open; x=1", "application", "pdf", {{"name", "open"}, {"x", "1"}}},
      {"text; charset=utf-8", "text", "plain", {{"charset", "utf-8"}}},
      {"nonsense", "", "", {}},
      {"/", "", "", {}},
      {"", "", "", {}},
      {"text/plain; ; =x; novalue; charset=a", "text", "plain", {{"charset", "a"}}},
  };
  for (const auto& [body, type, subtype, parameters] : cases) {
    const auto read = parse_content_type(body);
    EXPECT_EQ(read.type, type) << body;
    EXPECT_EQ(read.subtype, subtype) << body;
    EXPECT_EQ(read.parameters.all(), parameters) << body;
  }
}

TEST(ContentType, ExamplesOfRfc2231AndWhatClientsSend) {
  const struct {
    std::string_view body, name, value;
  } cases[] = {
      {"message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n "
       "URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
       "url", "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"},  // section 3
      {"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title",
       "This is ***fun***"},  // 4
      {"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n "
       "title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\"",
       "title", "This is even more ***fun*** isn't it!"},  // section 4.1
      {"a/b; x*1=b; x*0=a; x*2=c", "x", "abc"},
      {"a/b; x*0=a; x*2=c", "x", "a"},
      {"a/b; x*0*=UTF-8''%E4%BD; x*1*=%A0%E5%A5%BD", "x", "\u4F60\u597D"},
      {"a/b; x*=gb2312''%C4%E3%BA%C3", "x", "\u4F60\u597D"},
      {"a/b; x*=%C4", "x", "\u00C4"},
      {"a/b; x=\"=?gb2312?B?xOO6ww==?=.txt\"", "x", "\u4F60\u597D.txt"},
      {"a/b; x=\"=?UTF-8?B?5L2g?=\r\n =?UTF-8?B?5aW9?=\"", "x", "\u4F60\u597D"},
      {"a/b; x=\"J\xFCrgen\"", "x", "J\u00FCrgen"},
      {"a/b; x=plain; x*=UTF-8''better", "x", "better"},
      {"a/b; x*=UTF-8''a%0D%0Ab%ZZ", "x", "a  b%ZZ"},
  };
  for (const auto& [body, name, value] : cases)
    EXPECT_EQ(parse_content_type(body).parameters.find(name), value) << body;
  EXPECT_EQ(parse_content_type("a/b").parameters.find("x"), std::nullopt);
}

TEST(Disposition, Values) {
  EXPECT_EQ(
      parse_disposition(
          "Attachment; filename=genome.jpeg; modification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\"")
          .value,
      "attachment");
  EXPECT_EQ(parse_disposition("attachment; filename=a.txt").parameters.find("filename"), "a.txt");
  EXPECT_EQ(parse_disposition("filename=a.txt").parameters.find("filename"), "a.txt");
  EXPECT_EQ(parse_disposition("").value, "");
}

TEST(ContentType, ParametersAreWrittenSoThatTheyAreReadBack) {
  std::string long_name;
  for (int i = 0; i < 50; ++i) long_name += "\u4F60 \u00FC'%*;";
  for (const std::string& value :
       {std::string("a.txt"), std::string("my \"file\" \\ name.txt"), std::string(),
        std::string("\u4F60\u597D.txt"), std::string(300, 'x'), long_name}) {
    const std::string field = "attachment" + format_parameter("filename", value);
    for (const auto line : ascii::split(field, '\n')) EXPECT_LE(line.size(), 78U) << line;
    EXPECT_EQ(parse_disposition(field).parameters.find("filename"), value) << field;
  }
}

}  // namespace
}  // namespace mail::message
