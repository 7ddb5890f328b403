#include "libmail/config/expand.h"

#include <gtest/gtest.h>

#include <map>

namespace mail::config {
namespace {

Expanded expand_with_table(std::string_view text) {
  static const std::map<std::string, std::string, std::less<>> kTable = {
      {"set", "value"},
      {"empty", ""},
      {"other", "<$set>"},
      {"loop", "x$loop"},
      {"a", "$b"},
      {"b", "$a"},
      {"two", "2"},
      {"level", "3.6"},
      {"deep", "$other$other"},
      {"this", "$this"},
      {"compatibility_level", "3.6"}};
  return expand("this", text, [](std::string_view name) -> std::optional<std::string> {
    const auto found = kTable.find(name);
    if (found == kTable.end()) return std::nullopt;
    return found->second;
  });
}

struct Case {
  const char* text;
  const char* expected;
};

// Every line was compared with `postconf -xh` of Postfix 3.7.11 where that can show it.
TEST(Expand, GivesWhatPostfixGives) {
  const Case cases[] = {
      {"plain", "plain"},
      {"$set", "value"},
      {"${set}", "value"},
      {"$(set)", "value"},
      {"$set.x", "value.x"},
      {"a$$b $$set", "a$b $set"},
      {"$other", "<value>"},
      {"$deep", "<value><value>"},
      {"${set?x}", "x"},
      {"${empty?x}", ""},
      {"${nope?x}", ""},
      {"${set:x}", ""},
      {"${empty:x}", "x"},
      {"${nope:x}", "x"},
      {"${set?x:y}", "x:y"},
      {"${empty?x:y}", ""},
      {"${set:x:y}", ""},
      {"${empty:x:y}", "x:y"},
      {"${set?{x}:y}", "x"},
      {"${empty?{x}:y}", "y"},
      {"${set?{x}:{y}}", "x"},
      {"${empty?{x}:{y}}", "y"},
      {"${nope?{x}:{y}}", "y"},
      {"${set? {x} : {y} }", "x"},
      {"${set?a{b}c}", "a{b}c"},
      {"${set?{[$other]}:{$loop}}", "[<value>]"},
      {"${empty?{10}:{300}}s", "300s"},
      {"${empty?{$loop}}", ""},
      {"${{a}=={a}?{x}:{y}}", "x"},
      {"${{a} != {a} ? {x} : {y}}", "y"},
      {"${{$set} == {value} ? {x} : {y}}", "x"},
      {"${{2}<{10}?{lt}}", "lt"},
      {"${{$two} >= {3} ? {x} : {y}}", "y"},
      {"${{b} < {a} ? {x} : {y}}", "y"},
      {"${{$compatibility_level} <level {3.6} ? {no} : {yes}}", "yes"},
      {"${{$compatibility_level} <level {3.10} ? {no} : {yes}}", "no"},
      {"${{3.6} ==level {3.6.0} ? {same}}", "same"},
  };
  for (const auto& [text, expected] : cases) {
    const auto result = expand_with_table(text);
    EXPECT_EQ(result.text, expected) << text;
    EXPECT_TRUE(result.mistakes.empty()) << text << ": " << result.mistakes.front();
  }
}

TEST(Expand, SaysWhatIsWrong) {
  const Case cases[] = {
      {"$loop", "parameter refers to itself: $this -> $loop -> $loop"},
      {"$a", "parameter refers to itself: $this -> $a -> $b -> $a"},
      {"$this", "parameter refers to itself: $this -> $this"},
      {"x $", "'$' without a parameter name (write $$ for a '$')"},
      {"100$ a", "'$' without a parameter name (write $$ for a '$')"},
      {"${set", "reference without its closing brace"},
      {"$(set", "reference without its closing brace"},
      {"${}", "reference without a parameter name: ${}"},
      {"${set!x}", "cannot understand ${set!x}"},
      {"${set?{x}{y}}", "cannot understand ${set?{x}{y}}"},
      {"${{a} ~ {b} ? {x}}", "cannot understand the comparison; write {a} == {b} ? {x} : {y}"},
      {"${{a} == b ? {x}}", "cannot understand the comparison; write {a} == {b} ? {x} : {y}"},
      {"${{a} == {b}}", "cannot understand the comparison; write {a} == {b} ? {x} : {y}"},
  };
  for (const auto& [text, expected] : cases) {
    const auto result = expand_with_table(text);
    ASSERT_EQ(result.mistakes.size(), 1U) << text;
    EXPECT_EQ(result.mistakes.front(), expected) << text;
  }
}

TEST(Expand, NamesUndefinedParameters) {
  const auto result = expand_with_table("a $nope ${nada} ${nil?x}");
  EXPECT_EQ(result.text, "a   ");
  EXPECT_EQ(result.undefined, (std::vector<std::string>{"nope", "nada"}));
}

TEST(Expand, IsBounded) {
  // Each level doubles: 2^40 octets if it were followed to the end.
  const auto result = expand("p0", "$p1$p1", [](std::string_view name) {
    const auto next = std::to_string(std::stoi(std::string(name.substr(1))) + 1);
    if (next == "41") return std::optional<std::string>("xxxx");
    return std::optional<std::string>("$p" + next + "$p" + next);
  });
  ASSERT_EQ(result.mistakes.size(), 1U);
  const auto deep = expand("p0", "$p1", [](std::string_view name) {
    return std::optional<std::string>("$p" +
                                      std::to_string(std::stoi(std::string(name.substr(1))) + 1));
  });
  EXPECT_EQ(deep.mistakes, std::vector<std::string>{"references are nested too deep"});
}

TEST(Expand, ListsReferencedNames) {
  EXPECT_EQ(referenced_names("$a ${b?{$c}:{x}} $(d) $$e ${{$f} == {1} ? {$g}}"),
            (std::vector<std::string>{"a", "b", "c", "d", "f", "g"}));
}

}  // namespace
}  // namespace mail::config
