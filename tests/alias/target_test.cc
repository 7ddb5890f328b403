#include "libmail/alias/target.h"

#include <gtest/gtest.h>

namespace mail::alias {
namespace {

using Kind = Target::Kind;

struct Case {
  const char* text;
  std::vector<Target> targets;
  std::vector<std::string> mistakes;
};

TEST(Targets, FollowTheGrammar) {
  const std::vector<Case> cases = {
      {"root", {{Kind::Address, "root"}}, {}},
      {" a , b,c ", {{Kind::Address, "a"}, {Kind::Address, "b"}, {Kind::Address, "c"}}, {}},
      {"a,,b,", {{Kind::Address, "a"}, {Kind::Address, "b"}}, {}},
      {"user@remote.example", {{Kind::Address, "user@remote.example"}}, {}},
      {"<user@remote.example>", {{Kind::Address, "user@remote.example"}}, {}},
      {"Ann Lee <ann@x.example>", {{Kind::Address, "ann@x.example"}}, {}},
      {"ann (Ann, of course) , bob", {{Kind::Address, "ann"}, {Kind::Address, "bob"}}, {}},
      {"\\boss", {{Kind::Address, "boss", true}}, {}},
      {"\"\\\\boss\"", {{Kind::Address, "boss", true}}, {}},
      {"\"odd name\"", {{Kind::Address, "odd name"}}, {}},
      {"\"a b\"@x.example", {{Kind::Address, "\"a b\"@x.example"}}, {}},
      {"\"a@b\"@x.example", {{Kind::Address, "\"a@b\"@x.example"}}, {}},
      {"/var/log/mail", {{Kind::File, "/var/log/mail"}}, {}},
      {"\"/var/my mail\"", {{Kind::File, "/var/my mail"}}, {}},
      {"|/bin/cat", {{Kind::Command, "/bin/cat"}}, {}},
      {"\"|/bin/cat -u, really\"", {{Kind::Command, "/bin/cat -u, really"}}, {}},
      {"\"|echo \\\"hi\\\"\"", {{Kind::Command, "echo \"hi\""}}, {}},
      {"|f (x)", {{Kind::Command, "f (x)"}}, {}},
      {":include:/etc/list", {{Kind::Include, "/etc/list"}}, {}},
      {":INCLUDE: /etc/list", {{Kind::Include, "/etc/list"}}, {}},
      {"\":include:/etc/my list\"", {{Kind::Include, "/etc/my list"}}, {}},
      {"\xE7\x94\xA8\xE6\x88\xB7@x.example",
       {{Kind::Address, "\xE7\x94\xA8\xE6\x88\xB7@x.example"}},
       {}},
      {"", {}, {}},
      {"|", {}, {"command is empty: |"}},
      {":include:list", {}, {":include: needs a file name from the root (/...): :include:list"}},
      {":fail: gone", {}, {"unknown directive (only :include: is known): :fail: gone"}},
      {"a b", {}, {"white space in an address; separate targets by commas: a b"}},
      {"@x.example", {}, {"address without a local part: @x.example"}},
      {"a@", {}, {"address without a domain: a@"}},
      {"a@b c", {}, {"domain is malformed: a@b c"}},
      {"<>", {}, {"address is empty: <>"}},
      {"\"open", {}, {"quote or parenthesis is not closed: \"open"}},
      {"a (open", {}, {"quote or parenthesis is not closed: a (open"}},
      {"a;b, c", {{Kind::Address, "c"}}, {"address is malformed: a;b"}},
      {"a, |, b@", {{Kind::Address, "a"}}, {"command is empty: |", "address without a domain: b@"}},
  };
  for (const auto& [text, targets, mistakes] : cases) {
    const auto list = parse_targets(text);
    EXPECT_EQ(list.targets, targets) << text;
    EXPECT_EQ(list.mistakes, mistakes) << text;
  }
}

TEST(Targets, FileHasOneOrMoreALine) {
  const auto file = parse_target_file(
      "# my forward\n\\boss, ann@x.example\n\n\"|exec /usr/bin/vacation boss\"\r\nbad address\n");
  ASSERT_EQ(file.lines.size(), 3U);
  EXPECT_EQ(file.lines[0].number, 2U);
  EXPECT_EQ(file.lines[0].list.targets,
            (std::vector<Target>{{Kind::Address, "boss", true}, {Kind::Address, "ann@x.example"}}));
  EXPECT_EQ(file.lines[1].list.targets,
            (std::vector<Target>{{Kind::Command, "exec /usr/bin/vacation boss"}}));
  EXPECT_EQ(file.lines[2].number, 5U);
  EXPECT_EQ(file.lines[2].list.mistakes.size(), 1U);
}

TEST(Targets, LimitsHold) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxTargets; ++i) many += "a,";
  EXPECT_EQ(parse_targets(many).mistakes, std::vector<std::string>{"too many targets"});
  EXPECT_EQ(parse_targets(std::string(kMaxTargetOctets + 1, 'a')).targets.size(), 0U);
  EXPECT_EQ(parse_targets(std::string(kMaxTargetOctets, 'a')).targets.size(), 1U);
}

TEST(Targets, AddressesSplitAtTheLastAt) {
  const auto split = [](std::string_view text) {
    const auto [local_part, domain] = split_address(text);
    return local_part + "|" + domain;
  };
  EXPECT_EQ(split("root"), "root|");
  EXPECT_EQ(split("a@b"), "a|b");
  EXPECT_EQ(split("\"a@c\"@b"), "a@c|b");
  EXPECT_EQ(split("\"a \\\"q\\\"\"@b"), "a \"q\"|b");
  EXPECT_EQ(split("a@[192.0.2.1]"), "a|[192.0.2.1]");
}

}  // namespace
}  // namespace mail::alias
