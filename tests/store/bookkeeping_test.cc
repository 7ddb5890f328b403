// The fields that an mbox keeps of a message, in its header section.
#include "libmail/store/mbox/bookkeeping.h"

#include <gmock/gmock.h>

#include "libmail/store/view.h"

namespace mail::store::mbox {
namespace {

std::string after(const std::string& header, const std::vector<Field>& fields, Room room) {
  const auto splice = set_fields(header, 1000, fields, room);
  if (!splice) return header;
  std::string now = header;
  return now.replace(static_cast<std::size_t>(splice->begin - 1000),
                     static_cast<std::size_t>(splice->end - splice->begin), splice->with);
}

std::vector<Field> fields(std::string status, std::string x_status = {},
                          std::string keywords = {}) {
  return {{"Status", std::move(status)},
          {"X-Status", std::move(x_status)},
          {"X-Keywords", std::move(keywords)}};
}

TEST(Bookkeeping, FieldsAreReplacedWhereTheyStandAndAddedAtTheEnd) {
  EXPECT_EQ(after("A: 1\n", fields("RO", "F", "a b"), Room::None),
            "A: 1\nStatus: RO\nX-Status: F\nX-Keywords: a b\n");
  EXPECT_EQ(after("status: O\nA: 1\n", fields("RO"), Room::None), "Status: RO\nA: 1\n");
  EXPECT_EQ(after("A: 1\r\n", fields("R"), Room::None), "A: 1\r\nStatus: R\r\n");
  EXPECT_EQ(after("Status: O\nA: 1\nStatus: R\n", fields("O"), Room::None), "Status: O\nA: 1\n");
  EXPECT_EQ(after("X-Status: F\nA: 1\n", fields(""), Room::None), "A: 1\n");
  EXPECT_EQ(after(" Status: R\nA: 1\n", fields("R"), Room::None), " Status: R\nA: 1\nStatus: R\n");
  EXPECT_EQ(after("Status\nA: 1\n", fields("R"), Room::None), "Status\nA: 1\nStatus: R\n");
  EXPECT_EQ(after("A: 1\nX-UID: 3\n", {{"X-IMAPbase", "1 2"}, {"X-UID", "3"}}, Room::None),
            "X-IMAPbase: 1 2\nA: 1\nX-UID: 3\n");
  EXPECT_EQ(after("X-UID: 3\nA: 1\nX-IMAPbase: 1 2\n", {{"X-IMAPbase", "1 2"}, {"X-UID", "3"}},
                  Room::None),
            "X-IMAPbase: 1 2\nX-UID: 3\nA: 1\n");
}

TEST(Bookkeeping, NamesEndAtTheColonWithinSixtyFourOctets) {
  const auto blanks = [](std::size_t count) { return std::string(count, ' '); };
  EXPECT_EQ(field_name_of("Status: R\n"), "Status");
  EXPECT_EQ(field_name_of("Status\t : R"), "Status");
  EXPECT_EQ(field_name_of("Status" + blanks(57) + ": R"), "Status");
  for (const std::string& line : {std::string{}, std::string(":"), std::string("Status\n:"),
                                  std::string(" Status: R"), "Status" + blanks(58) + ": R"}) {
    EXPECT_EQ(field_name_of(line), "") << line;
  }
  EXPECT_EQ(after("Status" + blanks(57) + ": O\n", fields("R"), Room::None), "Status: R\n");
  const std::string own = "Status" + blanks(58) + ": O\n";
  EXPECT_EQ(after(own, fields("R"), Room::None), own + "Status: R\n");
}

TEST(Bookkeeping, WhatSaysTheSameIsLeft) {
  for (const Room room : {Room::None, Room::Leave}) {
    EXPECT_FALSE(set_fields("A: 1\n", 0, fields(""), room));
    EXPECT_FALSE(set_fields("Status: RO  \nX-Keywords:    \n", 0, fields("RO"), room));
  }
}

TEST(Bookkeeping, TheHeaderKeepsItsLengthWhereThereIsRoom) {
  const std::string first = after("A: 1\n", fields("O"), Room::Leave);
  EXPECT_EQ(first, "A: 1\nStatus: O" + std::string(32, ' ') + "\n");
  std::string header = first;
  for (const auto& wanted : {fields("RO"), fields("RO", "FA", "work"), fields("", "", "work"),
                             fields("RO", "FADT"), fields("", ""), fields("O")}) {
    header = after(header, wanted, Room::Leave);
    EXPECT_EQ(header.size(), first.size()) << header;
    for (const Field& field : wanted) {
      if (field.value.empty()) continue;
      EXPECT_THAT(header, testing::HasSubstr("\n" + std::string(field.name) + ": " + field.value));
    }
  }
  // Dovecot's, and what does not fit.
  EXPECT_EQ(after("Status: \nX-Keywords:                    \n", fields("R", "F"), Room::Leave),
            "Status: R\nX-Keywords:       \nX-Status: F\n");
  EXPECT_EQ(after("X-Keywords: \n", fields("R"), Room::Leave),
            "X-Keywords: " + std::string(32, ' ') + "\nStatus: R\n");
}

}  // namespace
}  // namespace mail::store::mbox
