#include "libmail/local/record.h"

#include <gtest/gtest.h>

#include <fstream>

namespace mail::local {
namespace {

Record full_record() {
  Record record;
  record.type = RecordType::Deliver;
  record.kind = alias::Kind::Command;
  record.from_queue = true;
  record.no_forward = true;
  record.size = 0x0102030405060708;
  record.arrived_microseconds = 1'500'000'000'000'000;
  record.delivery_id = "5A1B2C3D4E5F.1";
  record.queue_id = "5A1B2C3D4E5F";
  record.reverse_path = "boss@linuxprobe.com";
  record.target = "exec /usr/bin/filter -a\t'x'";
  record.original_to = "bin@linuxprobe.com";
  record.owner = "owner-list@linuxprobe.com";
  record.runs_as = "daemon";
  record.answer = Answer::Failed;
  record.status = {5, 7, 1};
  record.kept_copy = true;
  record.text = "Kein Ger\xc3\xa4t";
  return record;
}

TEST(Record, comes_back_as_it_went) {
  const auto octets = encode_record(full_record());
  ASSERT_TRUE(octets);
  EXPECT_EQ(octets->size(), kRecordSize);
  const auto back = parse_record(*octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, full_record());
}

TEST(Record, has_its_fields_where_the_document_says) {
  const std::string octets = *encode_record(full_record());
  EXPECT_EQ(octets.substr(0, 4), std::string("\x01\x00\x02\x00", 4));
  EXPECT_EQ(octets[8], static_cast<char>(alias::Kind::Command));
  EXPECT_EQ(octets.substr(16, 8), "\x08\x07\x06\x05\x04\x03\x02\x01");
  EXPECT_EQ(octets.substr(48, 14), "5A1B2C3D4E5F.1");
  EXPECT_EQ(octets.substr(48 + 128, 12), "5A1B2C3D4E5F");
  EXPECT_EQ(octets.substr(48 + 128 + 64, 4), "boss");
}

struct Damage {
  const char* name;
  std::size_t at;
  std::string octets;
};

TEST(Record, refuses_whatever_the_table_does_not_allow) {
  const Damage damages[] = {
      {"version", 0, std::string("\x02", 1)},
      {"type 0", 2, std::string("\x00", 1)},
      {"type 99", 2, "\x63"},
      {"type high octet", 3, "\x01"},
      {"unknown flag", 4, "\x08"},
      {"high flag", 7, "\x80"},
      {"kind", 8, "\x05"},
      {"answer that never travels", 9, "\x08"},
      {"status class 3", 10, "\x03"},
      {"status subject 1000", 12, "\xe8\x03"},
      {"length beyond its field", 32, "\x81"},
      {"length of text hides octets", 32, "\x01"},
      {"NUL inside a text", 48, std::string("\0", 1)},
      {"newline inside a text", 48, "\n"},
      {"DEL", 48, "\x7f"},
      {"octet at the end", kRecordSize - 1, "x"},
  };
  for (const Damage& damage : damages) {
    std::string octets = *encode_record(full_record());
    octets.replace(damage.at, damage.octets.size(), damage.octets);
    EXPECT_FALSE(parse_record(octets)) << damage.name;
  }
  const std::string octets = *encode_record(full_record());
  EXPECT_FALSE(parse_record(octets.substr(1)));
  EXPECT_FALSE(parse_record(octets + "x"));
  EXPECT_FALSE(parse_record(""));
}

TEST(Record, does_not_encode_what_does_not_fit) {
  Record record = full_record();
  record.reverse_path.assign(kMaxPathOctets, 'a');
  EXPECT_TRUE(encode_record(record));
  record.reverse_path += 'a';
  EXPECT_EQ(encode_record(record).error().code, Errc::TooLarge);
  record = full_record();
  record.target = "/tmp/x\nroot";
  EXPECT_EQ(encode_record(record).error().code, Errc::Syntax);
}

TEST(Record, text_of_others_is_cleaned) {
  EXPECT_EQ(clean_text("  a\tb\r\nc\x01 \n"), "a b  c?");
  EXPECT_EQ(clean_text(std::string(1000, 'x')).size(), kMaxText);
}

}  // namespace
}  // namespace mail::local
