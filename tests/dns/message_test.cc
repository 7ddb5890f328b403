// DNS answers, made by hand: what is read out of them, and which are refused.
#include "libmail/dns/message.h"

#include <gmock/gmock.h>

#include "tests/dns/octets.h"

namespace mail::dns {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

const std::string kOwner = pointer(kQuestionAt);

std::string describe(const std::vector<Record>& records) {
  std::string out;
  for (const auto& one : records) {
    if (!out.empty()) out += "; ";
    if (one.type == Type::Mx) out += std::to_string(one.preference) + ' ';
    out += one.data.empty() ? "." : one.data;
  }
  return out;
}

struct Found {
  const char* shows;
  Made made;
  std::string records;  // of the type asked for
};

class Finds : public testing::TestWithParam<Found> {};

TEST_P(Finds, Records) {
  const auto& want = GetParam();
  const auto answer = parse_answer(message(want.made));
  ASSERT_TRUE(answer) << want.shows << ": " << answer.error().log_text;
  EXPECT_EQ(answer->rcode, want.made.rcode) << want.shows;
  EXPECT_EQ(answer->question, ascii::to_lower(want.made.question)) << want.shows;
  EXPECT_EQ(describe(find_records(*answer, want.made.type)), want.records) << want.shows;
}

INSTANTIATE_TEST_SUITE_P(
    Dns, Finds,
    testing::Values(
        Found{"one MX", {.answers = {mx(kOwner, 10, name("mx.example.org"))}}, "10 mx.example.org"},
        Found{"several, in the server's order, with compression in the exchange",
              {.answers = {mx(kOwner, 20, std::string("\1b") + pointer(kQuestionAt)),
                           mx(kOwner, 10, std::string("\1a") + pointer(kQuestionAt))}},
              "20 b.example.org; 10 a.example.org"},
        Found{"case does not matter",
              {.question = "Example.ORG", .answers = {mx(name("eXAMPLE.org"), 5, name("MX.A"))}},
              "5 mx.a"},
        Found{"null MX, RFC 7505 section 3", {.answers = {mx(kOwner, 0, name(""))}}, "0 ."},
        Found{"preference 65535", {.answers = {mx(kOwner, 65535, name("x"))}}, "65535 x"},
        Found{"the name exists, nothing of the type", {.answers = {}}, ""},
        Found{"NXDOMAIN", {.rcode = 3}, ""}, Found{"SERVFAIL", {.rcode = 2}, ""},
        Found{"REFUSED", {.rcode = 5}, ""},
        Found{"A",
              {.question = "mx.example.org",
               .type = Type::A,
               .answers = {a(kOwner, "192.0.2.1"), a(kOwner, "198.51.100.255")}},
              "192.0.2.1; 198.51.100.255"},
        Found{"AAAA",
              {.question = "mx.example.org",
               .type = Type::Aaaa,
               .answers = {aaaa(kOwner, "2001:db8::25")}},
              "2001:db8::25"},
        Found{"CNAME to a name with records",
              {.type = Type::A,
               .answers = {cname(kOwner, name("www.example.net")),
                           a(name("www.example.net"), "192.0.2.7")}},
              "192.0.2.7"},
        Found{"a chain of three, records out of order",
              {.type = Type::A,
               .answers = {a(name("c.example"), "192.0.2.3"),
                           cname(name("b.example"), name("c.example")),
                           cname(name("a.example"), name("b.example")),
                           cname(kOwner, name("a.example"))}},
              "192.0.2.3"},
        Found{"a chain that ends without records",
              {.type = Type::A, .answers = {cname(kOwner, name("gone.example"))}},
              ""},
        Found{"a chain that comes back to itself",
              {.type = Type::A,
               .answers = {cname(kOwner, name("b.example")),
                           cname(name("b.example"), name("example.org"))}},
              ""},
        Found{"a name that is its own alias",
              {.type = Type::A, .answers = {cname(kOwner, name("example.org"))}},
              ""},
        Found{"another name's records are nobody's answer",
              {.answers = {mx(name("victim.example"), 1, name("evil.example")),
                           mx(kOwner, 10, name("mx.example.org"))}},
              "10 mx.example.org"},
        Found{"another type's beside it",
              {.answers = {record(kOwner, Type{46}, std::string(30, 's')),
                           mx(kOwner, 10, name("mx.example.org"))}},
              "10 mx.example.org"},
        Found{"class CHAOS is not ours, whatever its length",
              {.type = Type::A, .answers = {record(kOwner, Type::A, "\1c\0\0\7", 3)}},
              ""},
        Found{"the authority section is not read",
              {.answers = {}, .authority = {mx(kOwner, 10, name("mx.example.org"))}},
              ""},
        Found{"a dot, a control and an octet beyond ASCII inside a label make no other name",
              {.answers = {mx(kOwner, 1, std::string("\5a.b\n\xff") + name("example.org"))}},
              "1 a?b??.example.org"}),
    [](const auto& one) { return "case" + std::to_string(one.index); });

// A name of 255 octets on the wire is the longest (RFC 1035 section 2.3.4).
std::string name_of(std::size_t wire_octets) {
  std::string out;
  for (std::size_t left = wire_octets - 1; left > 0;) {
    const std::size_t label = std::min<std::size_t>(left - 1, left == 65 ? 62 : 63);
    out += static_cast<char>(label) + std::string(label, 'x');
    left -= label + 1;
  }
  return out + '\0';
}

TEST(DnsMessage, LongestName) {
  ASSERT_EQ(name_of(255).size(), 255U);
  const auto longest = parse_answer(message({.answers = {mx(kOwner, 1, name_of(255))}}));
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->records.front().data.size(), 253U);
  ASSERT_EQ(name_of(256).size(), 256U);
  EXPECT_FALSE(parse_answer(message({.answers = {mx(kOwner, 1, name_of(256))}})));
}

TEST(DnsMessage, KeepsTimeToLive) {
  const auto answer = parse_answer(
      message({.answers = {record(kOwner, Type::Mx, u16(1) + name("mx"), 1, 0x01020304)}}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->records.front().ttl, 0x01020304U);
  EXPECT_EQ(answer->records.front().name, "example.org");
}

TEST(DnsMessage, TruncationIsTold) {
  EXPECT_TRUE(parse_answer(message({.flags = 0x8380}))->truncated);
  EXPECT_FALSE(parse_answer(message({}))->truncated);
}

TEST(DnsMessage, AnErrorMayComeWithoutTheQuestion) {
  const auto refused = parse_answer(u16(1) + u16(0x8005) + std::string(8, '\0'));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->rcode, 5U);
  EXPECT_EQ(refused->question, "");
}

// Each beginning of a good answer is damaged: whatever is missing is noticed.
TEST(DnsMessage, EveryCutIsRefused) {
  const std::string whole = message(
      {.answers = {cname(kOwner, name("b.example")), mx(name("b.example"), 10, name("mx.b")),
                   a(name("mx.b"), "192.0.2.1"), aaaa(kOwner, "::1")}});
  ASSERT_TRUE(parse_answer(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = parse_answer(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(cut) << size << " octets";
    EXPECT_EQ(cut.error().code, Errc::Corrupt);
    EXPECT_EQ(to_string(cut.error().status), "4.4.3") << "mail must never bounce by it";
  }
}

struct Damaged {
  const char* shows;
  std::string octets;
};
class Refuses : public testing::TestWithParam<Damaged> {};

TEST_P(Refuses, Damaged) {
  const auto answer = parse_answer(GetParam().octets);
  ASSERT_FALSE(answer) << GetParam().shows;
  EXPECT_EQ(answer.error().code, Errc::Corrupt) << GetParam().shows;
}

std::string with_answer(const std::string& octets) { return message({.answers = {octets}}); }
const unsigned kAnswerAt = static_cast<unsigned>(message({}).size());

INSTANTIATE_TEST_SUITE_P(
    Dns, Refuses,
    testing::Values(
        Damaged{"a query, no answer", message({.flags = 0x0100})},
        Damaged{"no question", u16(1) + u16(0x8180) + std::string(8, '\0')},
        Damaged{"two questions", u16(1) + u16(0x8180) + u16(2) + std::string(6, '\0') + name("a") +
                                     u32(0x000f0001) + name("b") + u32(0x000f0001)},
        Damaged{"more answers than there are",
                u16(1) + u16(0x8180) + u16(1) + u16(9) + u32(0) + name("a") + u32(0x000f0001)},
        Damaged{"a pointer to itself", with_answer(mx(pointer(kAnswerAt), 1, name("x")))},
        Damaged{"two pointers to each other",
                with_answer(mx(pointer(kAnswerAt + 2), 1, name("x")))
                    .replace(kAnswerAt, 4, pointer(kAnswerAt + 2) + pointer(kAnswerAt))},
        Damaged{"a label and a pointer back to it: the name has no end",
                with_answer(mx(std::string("\1a") + pointer(kAnswerAt), 1, name("x")))},
        Damaged{"a pointer beyond the end", with_answer(mx(kOwner, 1, pointer(0x3fff)))},
        Damaged{"half a pointer at the end",
                with_answer(kOwner + u16(15) + u16(1) + u32(1) + u16(3) + u16(1) + "\xc0")},
        Damaged{"label type 01 (EDNS0 extended)",
                with_answer(mx(kOwner, 1, std::string("\x41x\0", 3)))},
        Damaged{"label type 10", with_answer(mx(kOwner, 1, std::string("\x81x\0", 3)))},
        Damaged{"a label longer than the rest", with_answer(mx(kOwner, 1, "\x3fx"))},
        Damaged{"A of 3 octets", with_answer(record(kOwner, Type::A, "abc"))},
        Damaged{"A of 16 octets", with_answer(record(kOwner, Type::A, std::string(16, 'a')))},
        Damaged{"AAAA of 4 octets", with_answer(record(kOwner, Type::Aaaa, "abcd"))},
        Damaged{"MX of one octet", with_answer(record(kOwner, Type::Mx, "a"))},
        Damaged{"MX without exchange", with_answer(record(kOwner, Type::Mx, u16(10)))},
        Damaged{"MX with something behind the exchange",
                with_answer(record(kOwner, Type::Mx, u16(10) + name("x") + "rest"))},
        Damaged{"MX whose length ends inside the exchange",
                with_answer(kOwner + u16(15) + u16(1) + u32(1) + u16(4) + u16(10) +
                            name("mx.example"))},
        Damaged{"CNAME with something behind it",
                with_answer(record(kOwner, Type::Cname, name("x") + "y"))},
        Damaged{"an unknown record longer than the message",
                with_answer(kOwner + u16(99) + u16(1) + u32(1) + u16(500) + "short")}),
    [](const auto& one) { return "case" + std::to_string(one.index); });

TEST(DnsMessage, PointersInOneNameAreCounted) {
  // Each name is one label and a pointer to the one before: legal, but a chain without bound is an
  // attack.
  std::string chain = message({});
  const auto count = [](std::string& octets, unsigned answers) {
    octets.replace(6, 2, u16(answers));
  };
  unsigned at = kQuestionAt;
  unsigned answers = 0;
  const auto add = [&] {
    const auto here = static_cast<unsigned>(chain.size());
    chain += record(std::string("\1p") + pointer(at), Type{99}, "");
    at = here;
    count(chain, ++answers);
  };
  while (answers < 32) add();
  EXPECT_TRUE(parse_answer(chain));
  add();
  EXPECT_FALSE(parse_answer(chain));
}

TEST(DnsMessage, RecordsAreBounded) {
  std::string many = message({});
  many.replace(6, 2, u16(5000));
  for (int i = 0; i < 5000; ++i) many += a(kOwner, "192.0.2.1");
  const auto answer = parse_answer(many);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->records.size(), 1000U);
}

}  // namespace
}  // namespace mail::dns
