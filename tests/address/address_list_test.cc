#include "libmail/address/address_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace mail::address {
namespace {

using ::testing::ElementsAre;

// "name|addr-spec|comment" for each, a group as "[name" ... "]".
std::vector<std::string> describe(const AddressList& list) {
  std::vector<std::string> lines;
  const auto add = [&lines](const NameAddr& address) {
    lines.push_back(address.route + address.display_name + "|" + to_string(address.addr_spec) +
                    (address.comment.empty() ? "" : "|" + address.comment));
  };
  for (const Address& address : list.addresses) {
    if (const auto* group = std::get_if<Group>(&address)) {
      lines.push_back("[" + group->display_name);
      for (const auto& member : group->members) add(member);
      lines.emplace_back("]");
    } else {
      add(std::get<NameAddr>(address));
    }
  }
  return lines;
}

struct Case {
  std::string_view body;
  std::vector<std::string> expected;
};

TEST(AddressList, ExamplesOfRfc5322AppendixAHaveNoDefects) {
  const Case cases[] = {
      {"John Doe <jdoe@machine.example>", {"John Doe|jdoe@machine.example"}},  // A.1.1
      {"\"Joe Q. Public\" <john.q.public@example.com>",
       {"Joe Q. Public|john.q.public@example.com"}},  // A.1.2
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       {"Mary Smith|mary@x.test", "|jdoe@example.org", "Who?|one@y.test"}},
      {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       {"|boss@nil.test", "Giant; \"Big\" Box|sysservices@example.net"}},
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",  // A.1.3
       {"[A Group", "Ed Jones|c@a.test", "|joe@where.test", "John|jdoe@one.test", "]"}},
      {"Undisclosed recipients:;", {"[Undisclosed recipients", "]"}},
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",  // A.5
       {"Pete|pete@silly.test|his host"}},
      {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
       "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the "
       "group)",
       {"[A Group", "Chris Jones|c@public.example|Chris's host.", "|joe@example.org",
        "John|jdoe@one.test|my dear friend", "]"}},
      {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
       {"[Hidden recipients", "]"}},
      {"Joe Q. Public <john.q.public@example.com>",
       {"Joe Q. Public|john.q.public@example.com"}},  // A.6.1
      {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
       {"@node.testMary Smith|mary@example.net", "|jdoe@test.example"}},
  };
  for (const auto& [body, expected] : cases) {
    const auto list = parse_address_list(body);
    EXPECT_EQ(describe(list), expected) << body;
    EXPECT_TRUE(list.defects.empty()) << body;
  }
}

TEST(AddressList, TheChapterAndOtherPractice) {
  const Case cases[] = {
      {"\"boss\" <boss@linuxprobe.com>", {"boss|boss@linuxprobe.com"}},
      {"<root@linuxprobe.com>", {"|root@linuxprobe.com"}},
      {"Anacron <root@mail.linuxprobe.com>", {"Anacron|root@mail.linuxprobe.com"}},
      {"root (Cron Daemon)", {"|root|Cron Daemon"}},
      {"ann@example.org (Ann Example)", {"|ann@example.org|Ann Example"}},
      {"=?gb2312?B?xOO6ww==?= <boss@linuxprobe.com>",
       {"=?gb2312?B?xOO6ww==?=|boss@linuxprobe.com"}},
      {"J\xC3\xBCrgen <j\xC3\xBC@ex\xC3\xA4mple.org>",
       {"J\xC3\xBCrgen|j\xC3\xBC@ex\xC3\xA4mple.org"}},
      {"\xC4\xE3\xBA\xC3 <a@b>", {"\xC4\xE3\xBA\xC3|a@b"}},  // GBK octets, unlabelled
      {"\"a b\".c@d", {"|\"a b.c\"@d"}},
      {"ann @ example.org", {"|ann@example.org"}},
      {"", {}},
      {" , ,, ", {}},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_EQ(describe(parse_address_list(body)), expected) << body;
}

struct DefectCase {
  std::string_view body;
  std::vector<std::string> expected;
  DefectKind defect;
};

TEST(AddressList, DefectsGiveTheBestReading) {
  const DefectCase cases[] = {
      {"root", {"|root"}, DefectKind::MissingDomain},
      {"Ann <>", {"Ann|"}, DefectKind::EmptyAddress},
      {"ann@x.y <ann@x.y>", {"ann@x.y|ann@x.y"}, DefectKind::UnquotedDisplayName},
      {"Ann Example ann@x.y", {"Ann Example|ann@x.y"}, DefectKind::UnquotedDisplayName},
      {"a@b; c@d", {"|a@b", "|c@d"}, DefectKind::SemicolonAsComma},
      {"\"Ann <ann@x.y>", {"\"Ann|ann@x.y"}, DefectKind::UnclosedQuote},
      {"Ann (home <ann@x.y>", {"Ann (home|ann@x.y"}, DefectKind::UnclosedComment},
      {"ann@[192.0.2.1", {"|ann@[192.0.2.1"}, DefectKind::UnclosedLiteral},
      {"Ann <ann@x.y", {"Ann|ann@x.y"}, DefectKind::UnclosedAngle},
      {"Ann <ann@x.y, Bob <bob@x.y>", {"Ann|ann@x.y", "Bob|bob@x.y"}, DefectKind::UnclosedAngle},
      {"Ann <ann@x.y Bob <bob@x.y>", {"Ann|ann@x.yBob", "|bob@x.y"}, DefectKind::UnclosedAngle},
      {"team: a@b, c@d", {"[team", "|a@b", "|c@d", "]"}, DefectKind::UnclosedGroup},
      {"<<ann@x.y>>", {"|ann@x.y"}, DefectKind::StrayCharacter},
      {"Ann <ann@x.y> junk, b@c", {"Ann|ann@x.y", "|b@c"}, DefectKind::StrayCharacter},
      {"a..b@x.y", {"|\"a..b\"@x.y"}, DefectKind::BadLocalPart},
      {"@x.y", {"|\"\"@x.y"}, DefectKind::BadLocalPart},
      {"ann@x..y", {"|ann@x..y"}, DefectKind::BadDomain},
      {"ann@x y", {"|ann@xy"}, DefectKind::BadDomain},
      {"Ann <ann smith@x.y>", {"Ann|annsmith@x.y"}, DefectKind::BadLocalPart},
      {"ann@", {"|ann"}, DefectKind::BadDomain},
      {"a\x01@x.y", {"|\"a\x01\"@x.y"}, DefectKind::StrayCharacter},
  };
  for (const auto& [body, expected, defect] : cases) {
    const auto list = parse_address_list(body);
    EXPECT_EQ(describe(list), expected) << body;
    EXPECT_TRUE(std::any_of(list.defects.begin(), list.defects.end(),
                            [defect = defect](const Defect& d) { return d.kind == defect; }))
        << body;
  }
}

TEST(AddressList, IsBoundedAndLinear) {
  std::string many;
  for (std::size_t i = 0; i < kMaxAddresses + 10; ++i) many += "a@b,";
  const auto list = parse_address_list(many);
  EXPECT_EQ(list.addresses.size(), kMaxAddresses);
  EXPECT_EQ(list.defects.back().kind, DefectKind::TooManyAddresses);
  for (const char c : {'(', '"', '[', '<', '@', ':', ',', '\\'}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto hostile = parse_address_list(std::string(100'000, c));
    EXPECT_LE(hostile.defects.size(), kMaxDefects);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3)) << c;
  }
}

TEST(AddressList, OutputForHeaderFields) {
  EXPECT_EQ(to_string(NameAddr{"Joe Q. Public", {"j", "x.y"}, "", ""}),
            "\"Joe Q. Public\" <j@x.y>");
  EXPECT_EQ(to_string(NameAddr{"say \"hi\"", {"j", "x.y"}, "", ""}), "\"say \\\"hi\\\"\" <j@x.y>");
  EXPECT_EQ(to_string(NameAddr{"Mary Smith", {"m", "x.y"}, "", ""}), "Mary Smith <m@x.y>");
  EXPECT_EQ(to_string(NameAddr{"", {"m", "x.y"}, "", ""}), "m@x.y");
  EXPECT_EQ(to_string(NameAddr{"evil\r\nBcc: x", {"m\r\n", "x.y\r\n"}, "", ""}),
            "\"evilBcc: x\" <\"m\"@x.y>");
  EXPECT_EQ(to_string(Address{Group{
                "A Group", {NameAddr{"", {"a", "b"}, "", ""}, NameAddr{"C", {"c", "d"}, "", ""}}}}),
            "A Group: a@b, C <c@d>;");
  EXPECT_EQ((NameAddr{"", {"a", "b"}, "", "Ann"}).name(), "Ann");
}

}  // namespace
}  // namespace mail::address
