#include "libmail/pop3/uidl.h"

#include <gtest/gtest.h>

namespace mail::pop3 {
namespace {

// What Dovecot 2.3.19 says to each, of UID 1 under UIDVALIDITY 1795829937 in a Maildir
// (tests/interop/uidl.py asks the one installed here).
TEST(UidlFormat, AsDovecotHasIt) {
  const UidlValues values{{1},
                          {1'795'829'937},
                          "c9c67d1ff9619099830462b0bcf676e6",
                          "1600000000.M0P1.host,S=168,W=178",
                          "1600000000.M0P1.host,S=168,W=178"};
  const struct {
    std::string format, id;
  } cases[] = {
      {"%08Xu%08Xv", "000000016b0a30b1"},
      {"%u.%v", "1.1795829937"},
      {"%3v", "179"},
      {"%-3v", "179"},
      {"%2.3v", "958"},
      {"%-4.2v", "99"},
      {"%03v", "1795829937"},
      {"%012Xv", "00006b0a30b1"},
      {"%12Xv", "6b0a30b1"},
      {"%-010u", "0000000001"},
      {"%010.3v", ""},
      {"%2.8Xv", "0a30b1"},
      {"%XUv", "6B0A30B1"},
      {"%Uf", "1600000000.M0P1.HOST,S=168,W=178"},
      {"%Rf", "871=W,861=S,tsoh.1P0M.0000000061"},
      {"%Tf", "1600000000.M0P1.host,S=168,W=178"},
      {"%Mf", "8b96860b9b688d844508d4df7c5fa07f"},
      {"%XMu", "c4ca4238a0b923820dcc509a6f75849b"},
      {"%MXu", "0"},
      {"%g", "1600000000.M0P1.host,S=168,W=178"},
      {"%m", "c9c67d1ff9619099830462b0bcf676e6"},
      {"UID%u-%v", "UID1-1795829937"},
      {"%Xv%%", "6b0a30b1%"},
      {"%0u%", "1"},
  };
  for (const auto& [format, id] : cases) {
    const auto parsed = UidlFormat::parse(format);
    ASSERT_TRUE(parsed) << format << ": " << parsed.error().log_text;
    EXPECT_EQ(parsed->format(values).value(), id) << format;
  }
}

TEST(UidlFormat, WhatIsRefused) {
  for (const std::string bad :
       {"", "x", "%%", "%", "%q", "%n", "%{uid}", "%L3v", "%X08v", "%Hu", "%Nf", "%Df", "%08"}) {
    const auto parsed = UidlFormat::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Errc::Config);
  }
}

TEST(UidlFormat, WhatAMailboxHasNot) {
  const UidlValues mbox{{1}, {2}, "md5", "", ""};
  EXPECT_EQ(UidlFormat::parse("%f").value().format(mbox).error().code, Errc::Unsupported);
  EXPECT_EQ(UidlFormat::parse("%g").value().format(mbox).value(), "md5");
}

TEST(HeaderMd5, AsDovecotHasIt) {
  const struct {
    std::string header, apop3d, all;
  } cases[] = {
      {"Return-Path: <a@x>\nReceived: from a by b\n\tid 123; Sat\nDelivered-To: boss@x\n"
       "Date: Sat, 1 Jan 2022 00:00:00 +0000\nMessage-ID: <1@x>\nX-UIDL: abc123 def\n"
       "Subject: one\n\n",
       "c9c67d1ff9619099830462b0bcf676e6", "8e2e3af0ebeab9c85c311869720ad325"},
      {"Date: Sat, 1 Jan 2022 00:00:00 +0000\r\nMessage-ID:   <2@x>\r\nSubject: two\r\n\r\n",
       "e6b038124fb30391ad44b3ea51a55d6b", "3d9c33c98bf10e333653b0089dce6efd"},
      {"Subject: three\n\n", "d41d8cd98f00b204e9800998ecf8427e",
       "35d6d33467aae9a2e3dccb4b6b027878"},
      {"Message-Id:\t<5@x>\nReceived: one\nReceived: two\nX-Delivery-ID: 7\nDelivered-To: z\n"
       "Subject: folded\n f2\nX-UIDL: \n\n",
       "5a53095d72d9f4399f2ea550870d11a4", "142b73486c9782548c7e4a5fdc1a89a1"},
  };
  for (const auto& [text, apop3d, all] : cases) {
    const auto header = message::HeaderSection::parse(text);
    EXPECT_EQ(header_md5(header, Md5Of::Apop3d), apop3d) << text;
    EXPECT_EQ(header_md5(header, Md5Of::All), all) << text;
  }
}

TEST(Uidl, DuplicatesAreRenamed) {
  std::vector<std::string> ids{"a", "b", "a", "a", "a-2", "b"};
  rename_duplicates(ids);
  EXPECT_EQ(ids, (std::vector<std::string>{"a", "b", "a-2", "a-3", "a-2-2", "b-2"}));
}

}  // namespace
}  // namespace mail::pop3
