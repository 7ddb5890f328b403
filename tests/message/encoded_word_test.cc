#include "libmail/message/encoded_word.h"

#include <gtest/gtest.h>

#include "libmail/base/utf8.h"
#include "libmail/message/generate.h"
#include "libmail/message/header_section.h"

namespace mail::message {
namespace {

struct Case {
  std::string_view text, expected;
};

TEST(EncodedWord, ExamplesOfRfc2047Section8) {
  const Case cases[] = {
      {"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"},
      {"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\u00F8rn Simonsen"},
      {"=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\u00E9 Pirard"},
      {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n "
       "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
       "If you can read this you understand the example."},
      {"=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle J\u00E4rnefors"},
      {"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik F\u00E4ltstr\u00F6m"},
      {"=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=",
       "\u05DD\u05D5\u05DC\u05E9 \u05DF\u05D1 \u05D9\u05DC\u05D8\u05E4\u05E0"},
      {"(=?ISO-8859-1?Q?a?=)", "(a)"},
      {"(=?ISO-8859-1?Q?a?= b)", "(a b)"},
      {"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"},
      {"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"},
      {"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"},
      {"(=?ISO-8859-1?Q?a_b?=)", "(a b)"},
      {"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"},
      {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},  // RFC 2231 section 5
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(decode_encoded_words(text), expected) << text;
}

TEST(EncodedWord, PracticeAndViolations) {
  const Case cases[] = {
      {"=?gb2312?B?xOO6w6Os08O7p0JpbqGj?=",
       "\u4F60\u597D\uFF0C\u7528\u6237Bin\u3002"},                   // the chapter
      {"=?UTF-8?B?5L0=?= =?UTF-8?B?oOWlvQ==?=", "\u4F60\u597D"},     // split inside a character
      {"=?gb2312?B?xA==?= =?gb2312?Q?=E3=BA=C3?=", "\u4F60\u597D"},  // B and Q, joined
      {"=?UTF-8?B?5L2g?==?UTF-8?B?5aW9?=", "\u4F60\u597D"},          // no white space between
      {"=?UTF-8?B?5L2g5a?= =?UTF-8?B?W9?=", "\u4F60\u597D"},         // base64 text itself cut
      {"=?UTF-8?Q?a b c?=", "a b c"},                                // spaces in Q
      {"\"=?UTF-8?Q?quoted?=\"", "\"quoted\""},
      {"=?utf-8?q?=e4=bd=a0?=", "\u4F60"},
      {"x=?UTF-8?Q?y?=z", "xyz"},
      {"=?UTF-8?B?5L2g!?=", "\u4F60"},
      {"=?UTF-8?Q?=ZZ?=", "=ZZ"},
      {"=?UTF-8?Q?"
       "?=",
       ""},
      {"=?UTF-8?Q?a=?=", "a="},
      {"=?UTF-8?Q?=FF=FE?=", "\uFFFD\uFFFD"},
      {"=?x-nonsense?Q?plain?=", "plain"},
      {"=?x-nonsense?Q?=E4=BD=A0?=", "\u4F60"},  // unknown set: UTF-8 if it is that
      {"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
      {"=?utf-8?Q?open", "=?utf-8?Q?open"},
      {"=??Q?x?=", "=??Q?x?="},
      {"a = b =? c", "a = b =? c"},
      {"=?UTF-8?Q?a=0D=0ABcc:_x=00?=", "a  Bcc: x "},
      {"J\xFCrgen", "J\u00FCrgen"},                   // unlabelled Latin-1
      {"J\xC3\xBCrgen", "J\u00FCrgen"},               // unlabelled UTF-8
      {"=?ISO-8859-1?Q?=93x=94?=", "\u201Cx\u201D"},  // windows-1252 under another name
      {"=?ks_c_5601-1987?B?x9GxuQ==?=", "\uD55C\uAD6D"},
      {"=?big5?B?p0Gmbg==?=", "\u4F60\u597D"},
      {"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\u65E5\u672C"},
      {"=?Shift_JIS?B?k/qWew==?=", "\u65E5\u672C"},
      {"=?KOI8-R?B?0M/e1ME=?=", "\u043F\u043E\u0447\u0442\u0430"},
      {"", ""},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(decode_encoded_words(text), expected) << text;
  EXPECT_EQ(decode_encoded_words("\xC4\xE3\xBA\xC3", "gb2312"), "\u4F60\u597D");
  EXPECT_EQ(decode_name({"", {"a", "b"}, "", "=?UTF-8?B?5L2g?="}), "\u4F60");
}

TEST(EncodedWord, GenerationIsReadBackAndKeepsTheLimits) {
  const std::string long_chinese = [] {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "\u4F60\u597D";
    return text;
  }();
  std::string long_german;
  for (int i = 0; i < 40; ++i) long_german += "Gr\u00FC\u00DFe ";
  long_german += "x";
  for (const std::string& text :
       {std::string("plain words"), std::string("Gr\u00FC\u00DFe aus K\u00F6ln an alle"),
        long_chinese, long_german, std::string("a  \u00FC  \u00FC  b"),
        std::string("looks =?like?= one"), std::string("\U0001F4EC"), std::string("\u00FC end ")}) {
    const std::string encoded = encode_text(text, 9);
    EXPECT_TRUE(utf8::is_ascii(encoded)) << encoded;
    EXPECT_EQ(decode_encoded_words(encoded), std::string(ascii::trim(text))) << encoded;
    for (const auto word : ascii::words(encoded)) {
      EXPECT_LE(word.size(), kMaxEncodedWord) << word;
      if (!word.starts_with("=?")) continue;
      const std::string alone = decode_encoded_words(word);  // no character is split
      EXPECT_EQ(alone.find("\uFFFD"), std::string::npos) << word;
    }
    const std::string field = make_text_field("Subject", text);
    for (const auto line : ascii::split(field, '\n')) EXPECT_LE(line.size(), kFoldAt) << line;
    EXPECT_EQ(decode_encoded_words(field.substr(8)), std::string(ascii::trim(text)));
  }
  EXPECT_EQ(encode_text("plain"), "plain");
  EXPECT_EQ(encode_text("Andr\u00E9 Pirard"), "=?UTF-8?B?QW5kcsOp?= Pirard");
  EXPECT_EQ(encode_text("Keld J\u00F8rnSimonsenLong x"),
            "Keld =?UTF-8?Q?J=C3=B8rnSimonsenLong?= x");
  EXPECT_EQ(encode_text("\u4F60\u597D"), "=?UTF-8?B?5L2g5aW9?=");
  EXPECT_EQ(encode_text("a\nBcc: b"), "a Bcc: b");
  EXPECT_EQ(encode_phrase("Joe Q. Public"), "\"Joe Q. Public\"");
  EXPECT_EQ(encode_phrase("J\u00F6rg Mustermann."), "=?UTF-8?Q?J=C3=B6rg_Mustermann=2E?=");
}

TEST(Generate, Folding) {
  EXPECT_EQ(make_field("Subject", "short"), "Subject: short\n");
  EXPECT_EQ(make_field("Subject", ""), "Subject: \n");
  EXPECT_EQ(make_field("X", "evil\r\nBcc: x"), "X: evil  Bcc: x\n");
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word" + std::to_string(i) + (i % 7 == 0 ? "  " : " ");
  words += "end";
  const std::string field = make_field("Subject", words);
  for (const auto line : ascii::split(field, '\n')) EXPECT_LE(line.size(), kFoldAt);
  EXPECT_EQ(unfold(std::string_view(field).substr(8)), words);
  const std::string run(3000, 'x');
  for (const auto line : ascii::split(make_field("X", "a " + run + " b"), '\n'))
    EXPECT_LE(line.size(), kMaxLine);
}

TEST(Generate, AddressesAndMessageId) {
  EXPECT_EQ(make_address_field("To", {{"", {"root", "linuxprobe.com"}, "", ""},
                                      {"The Boss, Mr.", {"boss", "x.y"}, "", ""}}),
            "To: root@linuxprobe.com, \"The Boss, Mr.\" <boss@x.y>\n");
  EXPECT_EQ(make_address_field("To", {{"\u4F60\u597D", {"boss", "x.y"}, "", ""}}),
            "To: =?UTF-8?B?5L2g5aW9?= <boss@x.y>\n");
  EXPECT_EQ(make_message_id(std::chrono::sys_seconds{std::chrono::seconds{1502794926}}, "9D35A61",
                            "mail.linuxprobe.com"),
            "<20170815110206.9D35A61@mail.linuxprobe.com>");
}

}  // namespace
}  // namespace mail::message
