#include "libmail/alias/aliases_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libmail/alias/compile.h"

namespace mail::alias {
namespace {

std::string read(const std::string& name) {
  std::ifstream in(TUBEPOST_SOURCE_DIR "/tests/alias/" + name);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> mistakes_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto& mistake : check_aliases(text).file.mistakes) {
    lines.push_back(std::to_string(mistake.line) + ": " + mistake.text);
  }
  return lines;
}

TEST(AliasesFile, TheChaptersLoads) {
  const auto checked = check_aliases(read("chapter.aliases"));
  EXPECT_TRUE(checked.file.mistakes.empty());
  EXPECT_TRUE(checked.warnings.empty());
  EXPECT_EQ(checked.file.aliases.size(), 76U);
  EXPECT_EQ(checked.file.aliases.front().name, "mailer-daemon");
  EXPECT_EQ(checked.file.aliases.front().line, 10U);
  EXPECT_EQ(checked.file.aliases.back().name, "decode");
}

TEST(AliasesFile, NamesAndContinuations) {
  const auto file = parse_aliases(
      "Boss: Ann,\n# comment\n\tbob@x.example\n\n\"Odd: Name\" : root\nspace  :   root\nlast:x");
  EXPECT_TRUE(file.mistakes.empty());
  ASSERT_EQ(file.aliases.size(), 4U);
  EXPECT_EQ(file.aliases[0].name, "boss");
  EXPECT_EQ(file.aliases[0].line, 1U);
  EXPECT_EQ(file.aliases[0].targets.size(), 2U);
  EXPECT_EQ(file.aliases[1].name, "odd: name");
  EXPECT_EQ(file.aliases[1].line, 5U);
  EXPECT_EQ(file.aliases[2].name, "space");
  EXPECT_EQ(file.aliases[3].written, "x");
}

TEST(AliasesFile, EveryMistakeHasItsLine) {
  EXPECT_EQ(mistakes_of(" orphan: x\n"
                        "no colon here\n"
                        ": root\n"
                        "a b: root\n"
                        "user@domain: root\n"
                        "empty:\n"
                        "dup: root\n"
                        "bad: ok, |\n"
                        "DUP: other\n"
                        "\"open: x\n"),
            (std::vector<std::string>{
                "1: line starts with white space, but there is none before it to continue",
                "2: no ':' after the alias name: no colon here",
                "3: no alias name before ':'",
                "4: white space in alias name (write \"a b\": in quotes)",
                "5: alias name holds '@'; a name stands without its domain: user@domain",
                "6: empty: no target after ':'",
                "8: bad: command is empty: |",
                "9: duplicate alias dup (first in line 7)",
                "10: no ':' after the alias name: \"open: x",
            }));
}

TEST(AliasesFile, LoopsAreFound) {
  EXPECT_EQ(mistakes_of("a: b\nb: c, root\nc: A\nd: a\n"),
            std::vector<std::string>{"1: alias loop: a -> b -> c -> a"});
  // An alias that names itself is its own mailbox; \name ends the way; a domain leaves the file.
  EXPECT_TRUE(mistakes_of("a: a, b\nb: \\a\nc: d\nd: c@x.example\n").empty());
  EXPECT_EQ(mistakes_of("a: b\nb: a\nc: d\nd: c\n").size(), 2U);
  std::string chain;
  for (int i = 0; i < 20000; ++i) {
    chain += "a" + std::to_string(i) + ": a" + std::to_string(i + 1) + "\n";
  }
  EXPECT_TRUE(mistakes_of(chain).empty());
  EXPECT_EQ(mistakes_of(chain + "a20000: a0\n").size(), 1U);
}

TEST(AliasesFile, WarnsWhereTheTwoNamesAreMissing) {
  const auto missing = [](std::string_view text) {
    std::vector<std::string> names;
    for (const auto& warning : check_aliases(text).warnings) names.push_back(warning.text);
    return names;
  };
  EXPECT_EQ(missing("a: b\n"), (std::vector<std::string>{"alias mailer-daemon is missing",
                                                         "alias postmaster is missing"}));
  EXPECT_EQ(missing("PostMaster: root\n"),
            std::vector<std::string>{"alias mailer-daemon is missing"});
  EXPECT_TRUE(missing("postmaster: root\nMailer-Daemon: postmaster\n").empty());
}

TEST(AliasesFile, SummaryHasSendmailsShape) {
  // Longest right-hand side; names and right-hand sides together (sendmail's newaliases).
  const auto checked = check_aliases("mailer-daemon: postmaster\npostmaster: root\nbin: root\n");
  EXPECT_EQ(to_string("/etc/aliases", checked.summary),
            "/etc/aliases: 3 aliases, longest 10 bytes, 44 bytes total");
}

}  // namespace
}  // namespace mail::alias
