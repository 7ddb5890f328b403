// man/main.cf.5 names every parameter of the tables, with its default and a sentence, and no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/config/parameter.h"

namespace mail::config {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string item_of(const Parameter& row) {
  auto line = ".It Va " + std::string(row.name);
  const std::string fallback =
      row.name == "mail_version" ? "the version" : std::string(row.fallback);
  return fallback.empty() ? line : line + " No \"= " + escape(fallback) + "\"";
}

std::string read_page() {
  auto page = sys::read_file(std::string(TUBEPOST_SOURCE_DIR) + "/man/main.cf.5");
  return page ? *page : std::string{};
}

// The lines of one section of the page.
std::vector<std::string> section_of(const std::string& page, const std::string& title) {
  std::vector<std::string> lines;
  bool inside = false;
  for (const auto line : ascii::split(page, '\n')) {
    if (line.starts_with(".Sh ")) inside = line == ".Sh " + title;
    if (inside) lines.emplace_back(line);
  }
  return lines;
}

void expect_complete(const std::string& title, std::span<const Parameter> rows) {
  const auto lines = section_of(read_page(), title);
  std::vector<std::string> items;
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    if (!lines[i].starts_with(".It ")) continue;
    items.push_back(lines[i]);
    EXPECT_FALSE(lines[i + 1].starts_with('.')) << lines[i] << " has no sentence";
  }
  std::vector<std::string> expected;
  for (const auto& row : rows) expected.push_back(item_of(row));
  std::ranges::sort(items);
  std::ranges::sort(expected);
  EXPECT_THAT(items, testing::ElementsAreArray(expected)) << "see man/main.cf.5, " << title;
}

TEST(ManualTest, EveryPostfixParameterIsDescribed) {
  expect_complete("PARAMETERS OF POSTFIX", postfix_parameters());
}
TEST(ManualTest, EveryDovecotParameterIsDescribed) {
  expect_complete("PARAMETERS OF DOVECOT", dovecot_parameters());
}

// "No effect yet." stands in the page exactly where the table says that nothing obeys.
TEST(ManualTest, WhatHasNoEffectIsSaid) {
  const auto lines = section_of(read_page(), "PARAMETERS OF DOVECOT");
  for (const auto& row : dovecot_parameters()) {
    const auto item = std::ranges::find(lines, item_of(row));
    ASSERT_NE(item, lines.end()) << row.name;
    const auto end =
        std::find_if(item + 1, lines.end(), [](const auto& line) { return line.starts_with('.'); });
    EXPECT_EQ(std::find(item, end, "No effect yet.") == end, row.is_used) << row.name;
  }
}

TEST(ParameterTest, LookUp) {
  struct Case {
    Space space;
    std::string_view name;
    bool has_meaning, known;
  };
  for (const auto& row : std::vector<Case>{
           {Space::Postfix, "myhostname", true, true},
           {Space::Postfix, "2bounce_notice_recipient", false, true},
           {Space::Postfix, "relay_destination_recipient_limit", false, true},
           {Space::Postfix, "myhostnam", false, false},
           {Space::Postfix, "", false, false},
           {Space::Postfix, "mail_location", false, false},
           {Space::Dovecot, "mail_location", true, true},
           {Space::Dovecot, "protocol/imap/mail_location", true, true},
           {Space::Dovecot, "remote/10.0.0.0\\s8/protocol/imap/ssl", true, true},
           {Space::Dovecot, "service/imap-login/inet_listener/imap/port", true, true},
           {Space::Dovecot, "service/imap-login/inet_listener/port", false, false},
           {Space::Dovecot, "plugin/anything/at/all", false, true},
           {Space::Dovecot, "verbose_ssl", false, true},
           {Space::Dovecot, "namespace/inbox", false, false},
       }) {
    EXPECT_EQ(find_parameter(row.space, row.name) != nullptr, row.has_meaning) << row.name;
    EXPECT_EQ(is_known(row.space, row.name), row.known) << row.name;
  }
}

TEST(ParameterTest, TablesAreSortedWithoutDoubles) {
  for (const auto rows : {postfix_parameters(), dovecot_parameters()}) {
    EXPECT_TRUE(std::ranges::is_sorted(rows, std::ranges::less{}, &Parameter::name));
    EXPECT_EQ(std::ranges::adjacent_find(rows, {}, &Parameter::name), rows.end());
  }
}

TEST(ParameterTest, NoNameIsBothUsedAndUnused) {
  for (const auto name : unused_postfix_names()) {
    EXPECT_EQ(find_parameter(Space::Postfix, name), nullptr) << name;
  }
}

TEST(ParameterTest, NearestName) {
  EXPECT_EQ(nearest_name("smptd_banner"), "smtpd_banner");
  EXPECT_EQ(nearest_name("mydestinaton"), "mydestination");
  EXPECT_EQ(nearest_name(Space::Dovecot, "mail_locaton"), "mail_location");
  EXPECT_EQ(nearest_name("something_else_entirely"), "");
  EXPECT_EQ(nearest_name(""), "");
}

}  // namespace
}  // namespace mail::config
