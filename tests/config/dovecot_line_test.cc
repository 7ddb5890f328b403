#include "libmail/config/dovecot_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mail::config {
namespace {

using Form = DovecotLine::Form;

// What each line is was seen with doveconf 2.3.19.1 (tests/interop/dovecot_grammar.py asks it
// anew).
TEST(DovecotLine, Forms) {
  struct Case {
    const char* line;
    Form form;
    const char *key, *value;
  };
  const Case cases[] = {
      {"a = b c", Form::Setting, "a", "b c"},
      {"a=b", Form::Setting, "a", "b"},
      {"a =", Form::Setting, "a", ""},
      {"a == b", Form::Setting, "a", "= b"},
      {"a = \"b \\\" \\\\ \\n\"", Form::QuotedValue, "a", "b \" \\ n"},
      {"a = 'b \\' c'", Form::QuotedValue, "a", "b ' c"},
      {"a = \"b\" c", Form::Setting, "a", "\"b\" c"},
      {"a = \"b\"c\"", Form::QuotedValue, "a", "b\"c"},
      {"a = < /f", Form::FileValue, "a", "</f"},
      {"a = <<f", Form::FileValue, "a", "<<f"},
      {"a = \"<f\"", Form::QuotedValue, "a", "<f"},
      {"a {", Form::SectionBegin, "a", ""},
      {"a b/c {", Form::SectionBegin, "a", "b/c"},
      {"a \"b \\\" c\" {", Form::SectionBegin, "a", "b \" c"},
      {"}", Form::SectionEnd, "", ""},
      {"!include x y", Form::Include, "!include", "x y"},
      {"!include_try *.conf", Form::IncludeTry, "!include_try", "*.conf"},
      {"= b", Form::Wrong, "", "no setting name: = b"},
      {"a", Form::Wrong, "a", "expected '=' or '{' after the name: a"},
      {"a{", Form::Wrong, "a{", "expected '=' or '{' after the name: a{"},
      {"a b c {", Form::Wrong, "a", "expected '=' or '{' after the name: a b c {"},
      {"a \"b", Form::Wrong, "a", "expected '=' or '{' after the name: a \"b"},
      {"a { b = c }", Form::Wrong, "a",
       "a section's '{' ends its line; what follows goes on lines of its own"},
  };
  for (const auto& one : cases) {
    const auto line = parse_dovecot_line(one.line);
    EXPECT_EQ(line.form, one.form) << one.line;
    EXPECT_EQ(line.key, one.key) << one.line;
    EXPECT_EQ(line.value, one.value) << one.line;
  }
}

TEST(DovecotLine, JoiningAndComments) {
  struct Case {
    const char* text;
    std::vector<std::string> lines;
    std::size_t warnings;
  };
  const Case cases[] = {
      {"a = b # c\n\n # d\ne = f", {"a = b", "e = f"}, 0},
      {"a = b#c\n", {"a = b"}, 1},
      {"a = \"b # c\"  # d\n", {"a = \"b # c\""}, 0},
      {"a = users' mail # d\n", {"a = users' mail # d"}, 0},
      {"a = 'b \\' # c' # d\n", {"a = 'b \\' # c'"}, 0},
      {"a = b \\\n  c\\\nd\n", {"a = b c d"}, 0},
      {"a = b \\ # c\nd\n", {"a = b d"}, 0},
      {"a = b \\\n# c\nd = e\n", {"d = e"}, 1},
      {"a = b \\\n\nd = e\n", {"d = e"}, 1},
      {"a {\r\n b = c\r\n}\r\n", {"a {", "b = c", "}"}, 0},
      {"\ta\t=\tb\tc\t \n", {"a\t=\tb\tc"}, 0},
      {"a = b \\", {}, 0},
      {"#", {}, 0},
      {"\\\n\\\n", {}, 0},
  };
  for (const auto& one : cases) {
    const auto joined = join_dovecot_lines(one.text);
    std::vector<std::string> lines;
    for (const auto& line : joined.lines) lines.push_back(line.text);
    EXPECT_EQ(lines, one.lines) << one.text;
    EXPECT_EQ(joined.warnings.size(), one.warnings) << one.text;
  }
  EXPECT_EQ(join_dovecot_lines("\na = b \\\n c\nd = e\n").lines.at(1).number, 4U);
}

}  // namespace
}  // namespace mail::config
