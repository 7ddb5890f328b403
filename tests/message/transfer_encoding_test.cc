#include "libmail/message/transfer_encoding.h"

#include <gtest/gtest.h>

#include "libmail/base/ascii.h"
#include "libmail/message/charset.h"

namespace mail::message {
namespace {

struct Case {
  TransferEncoding encoding;
  std::string_view in, out;
  bool damaged;
};

constexpr auto kB = TransferEncoding::Base64;
constexpr auto kQ = TransferEncoding::QuotedPrintable;

TEST(TransferEncoding, DecodesInAnyDivision) {
  const Case cases[] = {
      {kB, "1eLKx9K7t+K3orj408O7p0JpbrXEzsS8/qGjDQo=\n",
       "\xD5\xE2\xCA\xC7\xD2\xBB\xB7\xE2\xB7\xA2\xB8\xF8\xD3\xC3\xBB\xA7"
       "Bin\xB5\xC4\xCE\xC4\xBC\xFE\xA1\xA3\r\n",
       false},
      {kB, "Zm9v\r\nYmFy\r\n", "foobar", false},
      {kB, "Zg==Zm8=", "ffo", false},
      {kB, "Zm9vYg", "foob", false},
      {kB, "Zm*9v", "foo", true},
      {kB, "Zm9vY", "foo", true},
      {kB, "", "", false},
      {kQ,
       "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",  // RFC 2045
                                                                                      // section 6.7
       "Now's the time for all folk to come to the aid of their country.", false},
      {kQ, "a=3Db=e4\n", "a=b\xE4\n", false},
      {kQ, "trailing  \t\r\nnext ", "trailing\r\nnext", false},
      {kQ, "soft= \t\r\nbreak=", "softbreak", false},
      {kQ, "a=\nb", "ab", false},
      {kQ, "a=XYb", "a=XYb", true},
      {kQ, "a=4", "a=4", true},
      {kQ, "a=4\nb", "a=4\nb", true},
      {kQ, "a= b", "a= b", true},
      {kQ, "==3D", "==", true},
      {kQ, "a\rb", "a\rb", false},
      {kQ, "\n\n", "\n\n", false},
      {TransferEncoding::Identity, "as = it\r\nis", "as = it\r\nis", false},
      {TransferEncoding::Unknown, "as it is", "as it is", false},
  };
  for (const Case& c : cases) {
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
      TransferDecoder decoder(c.encoding);
      std::string out;
      for (std::size_t at = 0; at < c.in.size(); at += piece)
        decoder.feed(c.in.substr(at, piece), out);
      decoder.finish(out);
      EXPECT_EQ(out, c.out) << c.in << " by " << piece;
      EXPECT_EQ(decoder.saw_damage(), c.damaged) << c.in << " by " << piece;
    }
  }
}

TEST(TransferEncoding, Names) {
  EXPECT_EQ(parse_transfer_encoding("BASE64"), kB);
  EXPECT_EQ(parse_transfer_encoding(" quoted-printable (comment)"), kQ);
  EXPECT_EQ(parse_transfer_encoding("(c) base64;"), kB);
  EXPECT_EQ(parse_transfer_encoding("8bit"), TransferEncoding::Identity);
  EXPECT_EQ(parse_transfer_encoding(""), TransferEncoding::Identity);
  EXPECT_EQ(parse_transfer_encoding("x-uuencode"), TransferEncoding::Unknown);
}

TEST(TransferEncoding, EncodersAreReadBackAndKeepTheLineLimit) {
  std::string octets;
  for (int i = 0; i < 1000; ++i) octets += static_cast<char>(i * 7);
  const std::string base64 = encode_base64_lines(octets);
  for (const auto line : ascii::split(base64, '\n')) EXPECT_LE(line.size(), 76U);
  EXPECT_EQ(decode_transfer(base64, kB), octets);
  EXPECT_TRUE(base64.ends_with('\n'));
  const std::string text = "From me\n.\nline with = and \xC3\xBC \n" + std::string(200, 'x') +
                           "\n" + std::string(76, 'y') + "\n" + std::string(75, 'z') +
                           "=\ntab\t\n\nlast";
  const std::string quoted = encode_quoted_printable(text);
  for (const auto line : ascii::split(quoted, '\n')) EXPECT_LE(line.size(), 76U) << line;
  EXPECT_EQ(decode_transfer(quoted, kQ), text);
  EXPECT_EQ(quoted.find("From "), std::string::npos);
  EXPECT_NE(quoted.find("\n" + std::string(76, 'y') + "\n"), std::string::npos);
  EXPECT_EQ(encode_quoted_printable(""), "");
  EXPECT_EQ(encode_quoted_printable("a\n"), "a\n");
}

TEST(Charset, LabelsAndTolerance) {
  const struct {
    std::string_view octets, label, text;
  } cases[] = {
      {"\xC4\xE3\xBA\xC3", "gb2312", "\u4F60\u597D"},
      {"\xC4\xE3\xBA\xC3", "\"GB2312\"", "\u4F60\u597D"},
      {"\x81\x30\x81\x30", "gb2312", "\u0080"},  // only in GB18030
      {"\x80", "iso-8859-1", "\u20AC"},
      {"\xA4", "iso-8859-15", "\u20AC"},
      {"abc", "us-ascii", "abc"},
      {"\xFC", "us-ascii", "\u00FC"},
      {"\xC3\xBC", "us-ascii", "\u00FC"},
      {"\xC3\xBC", "", "\u00FC"},
      {"\xFF\xC3\xBC", "utf-8", "\uFFFD\u00FC"},
      {"a\xC4", "gb2312", "a\uFFFD"},
      {"\xB0\xFF"
       "a",
       "gbk",
       "\uFFFD\uFFFD"
       "a"},
      {"x", "ISO-2022-CN-EXT", "x"},
      {"+AOk-", "utf-7", "\u00E9"},
  };
  for (const auto& [octets, label, text] : cases) {
    EXPECT_EQ(to_utf8(octets, label), text) << label << " " << octets;
    std::string out;
    CharsetDecoder decoder(label);
    for (std::size_t i = 0; i < octets.size(); ++i) decoder.feed(octets.substr(i, 1), out);
    decoder.finish(out);
    EXPECT_EQ(out, text) << label;
  }
  for (const std::string_view label : {"iso-2022-cn-ext", "ISO-2022-CN",
                                       "ISO-2022-CN-EXT//TRANSLIT", "UTF-8//IGNORE", "ucs-4", ""}) {
    EXPECT_FALSE(find_charset(label)) << label;
  }
  EXPECT_TRUE(is_known_charset("US-ASCII"));
  EXPECT_FALSE(is_known_charset("nonsense"));
  EXPECT_EQ(from_utf8("\u4F60\u597D", "gb2312"), "\xC4\xE3\xBA\xC3");
  EXPECT_EQ(from_utf8("\u4F60", "iso-8859-1"), std::nullopt);
}

// Every set on the list can be opened on this system.
TEST(Charset, EachNameOnTheListConverts) {
  for (const std::string_view label :
       {"iso-8859-2", "iso-8859-16", "windows-1250",  "windows-1258", "tis-620",     "koi8-u",
        "cp866",      "macintosh",   "gbk",           "big5",         "euc-tw",      "shift_jis",
        "euc-jp",     "iso-2022-jp", "iso-2022-jp-2", "euc-kr",       "iso-2022-kr", "viscii",
        "tcvn",       "utf-16le",    "utf-32",        "iso-8859-11",  "cp437",       "cp850",
        "cp852",      "cp855"}) {
    ASSERT_TRUE(find_charset(label)) << label;
    EXPECT_TRUE(from_utf8("\u00A0", label) || from_utf8("\u3042", label) ||
                from_utf8("\u4E00", label) || from_utf8("\u0391", label) ||
                from_utf8("\u1EA1", label))
        << label;
  }
}

TEST(Charset, LongUnlabelledTextIsJudgedOnceAndStreams) {
  std::string utf8;
  while (utf8.size() < 50'000) utf8 += "ab\u4F60";
  std::string out;
  CharsetDecoder decoder("");
  for (std::size_t at = 0; at < utf8.size(); at += 999)
    decoder.feed(std::string_view(utf8).substr(at, 999), out);
  EXPECT_GT(out.size(), 40'000U);
  decoder.finish(out);
  EXPECT_EQ(out, utf8);
  EXPECT_FALSE(decoder.saw_invalid());
}

}  // namespace
}  // namespace mail::message
