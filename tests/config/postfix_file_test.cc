#include "libmail/config/postfix_file.h"

#include <gtest/gtest.h>

namespace mail::config {
namespace {

struct Case {
  const char* name;
  const char* text;
  std::vector<std::pair<std::string, std::string>> settings;  // name, value
  std::vector<std::string> mistakes;                          // "line: text"
};

class PostfixFile : public ::testing::TestWithParam<Case> {};

TEST_P(PostfixFile, Parses) {
  Reading reading;
  parse_postfix(GetParam().text, "main.cf", reading);
  std::vector<std::pair<std::string, std::string>> settings;
  for (const auto& setting : reading.assignments)
    settings.emplace_back(setting.name, setting.value);
  EXPECT_EQ(settings, GetParam().settings);
  std::vector<std::string> mistakes;
  for (const auto& mistake : reading.mistakes) {
    mistakes.push_back(std::to_string(mistake.origin.line) + ": " + mistake.text);
  }
  EXPECT_EQ(mistakes, GetParam().mistakes);
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, PostfixFile,
    ::testing::Values(
        Case{"Simple", "a = b\n", {{"a", "b"}}, {}}, Case{"NoSpaces", "a=b", {{"a", "b"}}, {}},
        Case{"EqualsInValue", "a = b=c = d\n", {{"a", "b=c = d"}}, {}},
        Case{"EmptyValue", "a =\nb = \n", {{"a", ""}, {"b", ""}}, {}},
        Case{"Comments",
             "# x = y\n\n   \n  # indented\na = b # not a comment\n",
             {{"a", "b # not a comment"}},
             {}},
        Case{"Continuation", "a = b,\n    c,\n\td\n", {{"a", "b,    c,\td"}}, {}},
        Case{"CommentInContinuation",
             "a = b,\n# comment\n  # another\n\n    c\nd = e\n",
             {{"a", "b,    c"}, {"d", "e"}},
             {}},
        Case{"ContinuesAfterName", "a\n = b\n", {{"a", "b"}}, {}},
        Case{"CarriageReturns", "a = b\r\n  c\r\n", {{"a", "b  c"}}, {}},
        Case{"ByteOrderMark",
             "\xEF\xBB\xBF"
             "a = b\n",
             {{"a", "b"}},
             {}},
        Case{"EightBit", "# 定义主机名称\na = 值 # 1\n", {{"a", "值 # 1"}}, {}},
        Case{"SpaceBeforeComma",
             "mydestination = $myhostname , $mydomain\n",
             {{"mydestination", "$myhostname , $mydomain"}},
             {}},
        Case{"PathWithSpace",
             "namespace/inbox/mailbox/Sent Items/auto = create\n",
             {{"namespace/inbox/mailbox/Sent Items/auto", "create"}},
             {}},
        Case{"Orphan",
             "  a = b\nc = d\n",
             {{"c", "d"}},
             {"1: line starts with white space, but there is none before it to continue"}},
        Case{"NoEquals",
             "hello world\na = b\n",
             {{"a", "b"}},
             {"1: no '=' after the parameter name: hello world"}},
        Case{"NoName", "= b\n", {}, {"1: no parameter name before '='"}},
        Case{"SpaceInName",
             "my hostname = b\n",
             {},
             {"1: no '=' after the parameter name: my hostname"}},
        Case{"AllAtOnce",
             "x\n\n= y\nq r = s\n",
             {},
             {"1: no '=' after the parameter name: x", "3: no parameter name before '='",
              "4: no '=' after the parameter name: q r"}}),
    [](const auto& instance) { return instance.param.name; });

TEST(PostfixFile, NamesGoToTheNamespaceThatKnowsThem) {
  Reading reading;
  parse_postfix(
      "myhostname = a\nmail_location = b\nrecipient_delimiter = c\nnamespace/inbox/prefix = d\n"
      "own_name = e\n",
      "main.cf", reading);
  std::vector<Space> spaces;
  for (const auto& setting : reading.assignments) spaces.push_back(setting.space);
  EXPECT_EQ(spaces, (std::vector{Space::Postfix, Space::Dovecot, Space::Postfix, Space::Dovecot,
                                 Space::Postfix}));
}

}  // namespace
}  // namespace mail::config
