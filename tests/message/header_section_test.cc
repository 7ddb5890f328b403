#include "libmail/message/header_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mail::message {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> describe(const HeaderSection& section) {
  std::vector<std::string> lines;
  for (const HeaderField& field : section.fields()) {
    lines.push_back(std::string(section.name(field)) + "=" + unfold(section.raw_body(field)));
  }
  return lines;
}

TEST(HeaderSection, Tables) {
  const struct {
    std::string_view octets;
    std::vector<std::string> fields;
    std::vector<HeaderDefect> defects;
    std::size_t consumed;
  } cases[] = {
      {"", {}, {}, 0},
      {"\n", {}, {}, 1},
      {"\r\nbody", {}, {}, 2},
      {"A: b\n\nbody", {"A=b"}, {}, 6},
      {"A: b\r\nC:d\r\n\r\nbody", {"A=b", "C=d"}, {}, 13},
      {"A: b", {"A=b"}, {}, 4},
      {"A: b\n c\n\td\n\n", {"A=b c\td"}, {}, 12},
      {"A:\n b\n\n", {"A=b"}, {}, 7},
      {"A: b\n \nC: d\n\n", {"A=b", "C=d"}, {}, 13},  // a line of white space is folding (obs-FWS)
      {"A : b\n\n", {"A=b"}, {HeaderDefect::SpaceBeforeColon}, 7},
      {"junk\nA: b\n\n", {"A=b"}, {HeaderDefect::NoColon}, 11},
      {"From ann Sat 12:00:00 2017\nA: b\n\n", {"A=b"}, {HeaderDefect::NoColon}, 33},
      {"A: b\n>From x\n y\nC: d\n\n",
       {"A=b", "C=d"},
       {HeaderDefect::NoColon, HeaderDefect::FoldedFirstLine},
       22},
      {": b\n\n", {}, {HeaderDefect::NoColon}, 5},
      {" a\nB: c\n\n", {"B=c"}, {HeaderDefect::FoldedFirstLine}, 9},
      {"\xC3\xBC: b\n\n", {"\xC3\xBC=b"}, {HeaderDefect::BadFieldName}, 7},
      {std::string_view("A: b\0c\n\n", 8), {"A=b c"}, {HeaderDefect::Nul}, 8},
      {"A: b\rc\n\n", {"A=b c"}, {}, 8},
  };
  for (const auto& [octets, fields, defects, consumed] : cases) {
    const auto section = HeaderSection::parse(octets);
    EXPECT_EQ(describe(section), fields) << octets;
    EXPECT_EQ(section.defects(), defects) << octets;
    EXPECT_EQ(section.consumed(), consumed) << octets;
  }
}

TEST(HeaderSection, OffsetsAndLookup) {
  const auto section = HeaderSection::parse("To: a\r\nSubject: x\r\n y\r\nto: b\r\n\r\nbody");
  ASSERT_EQ(section.fields().size(), 3U);
  EXPECT_EQ(section.fields()[1], (HeaderField{7, 7, 15, 6, 16}));
  EXPECT_EQ(section.raw(section.fields()[1]), "Subject: x\r\n y\r\n");
  EXPECT_EQ(section.raw_body(section.fields()[1]), " x\r\n y");
  EXPECT_EQ(section.find("SUBJECT"), "x y");
  EXPECT_EQ(section.find("cc"), std::nullopt);
  EXPECT_THAT(section.find_all("to"), ElementsAre("a", "b"));
  EXPECT_EQ(section.count("TO"), 2U);
  EXPECT_EQ(section.octets().size(), 30U);
  EXPECT_TRUE(section.has_empty_line());
  EXPECT_FALSE(HeaderSection::parse("A: b\n").has_empty_line());
}

TEST(HeaderSection, IsCutAtItsLimitAndGoesOnCounting) {
  const std::string big = "A: " + std::string(kMaxHeaderSection, 'x') + "\nB: c\n\nbody";
  const auto section = HeaderSection::parse(big);
  EXPECT_EQ(section.octets().size(), kMaxHeaderSection);
  EXPECT_EQ(section.consumed(), big.size() - 4);
  EXPECT_THAT(section.defects(), ElementsAre(HeaderDefect::Cut));
  std::string many;
  for (std::size_t i = 0; i < kMaxHeaderFields + 1; ++i) many += "A: b\n";
  EXPECT_EQ(HeaderSection::parse(many).fields().size(), kMaxHeaderFields);
}

TEST(HeaderSection, ExamplesOfRfc5322AppendixA5AndA6) {
  const auto white_space = HeaderSection::parse(
      "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\n"
      "To:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
      "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the "
      "group)\r\n"
      "Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\n"
      "Date: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
      "               -0330 (Newfoundland Time)\r\n"
      "Message-ID:              <testabcd.1234@silly.test>\r\n\r\nTesting.\r\n");
  EXPECT_TRUE(white_space.defects().empty());
  EXPECT_EQ(white_space.find("message-id"), "<testabcd.1234@silly.test>");
  const auto obsolete = HeaderSection::parse(
      "From  : John Doe <jdoe@machine(comment).  example>\r\nTo    : Mary Smith\r\n  \r\n"
      "          <mary@example.net>\r\nSubject     : Saying Hello\r\n\r\n");
  EXPECT_EQ(obsolete.find("To"), "Mary Smith            <mary@example.net>");
  EXPECT_EQ(obsolete.find("subject"), "Saying Hello");
}

}  // namespace
}  // namespace mail::message
