// Job and result lines (docs/worker-protocol.md), there and back, and what is refused.
#include <gtest/gtest.h>

#include "libmail/relay/destination_worker.h"

namespace mail::relay {
namespace {

TEST(JobLine, ThereAndBack) {
  struct {
    std::string destination, line;
  } const cases[] = {
      {"example.org", "example.org A1,A2-F0\n"},
      {"[mail.example.org]:2525", "[mail.example.org]:2525 A1,A2-F0\n"},
      {"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1] A1,A2-F0\n"},
      // Whatever an administrator writes or an address holds, a line stays a line of two words.
      {"[a b]", "[a%20b] A1,A2-F0\n"},
      {"a\nb%20\xff", "a%0ab%2520%ff A1,A2-F0\n"},
  };
  for (const auto& one : cases) {
    const Job job{one.destination, {{"A1"}, {"A2-F0"}}};
    const std::string line = format_job(job);
    EXPECT_EQ(line, one.line);
    const auto parsed = parse_job(std::string_view(line).substr(0, line.size() - 1));
    ASSERT_TRUE(parsed) << one.line;
    EXPECT_EQ(parsed->destination, one.destination);
    EXPECT_EQ(parsed->ids, job.ids);
  }
}

TEST(JobLine, Refused) {
  for (const char* line :
       {"", "d", "d ", "d A B", "d A,", "d ,A", "d ../A", "d -A", "%2 A", "%zz A", "% A"}) {
    EXPECT_FALSE(parse_job(line)) << line;
  }
}

TEST(ResultLineTest, ThereAndBack) {
  using Kind = ResultLine::Kind;
  const WallTime time{std::chrono::microseconds{1'500'000'000'123'456}};
  struct {
    ResultLine result;
    std::string line;
  } const cases[] = {
      {{Kind::Removed, "A1", {}, false, ""}, "removed A1\n"},
      {{Kind::Done, "A1", {}, false, ""}, "done A1\n"},
      {{Kind::Gone, "A1", {}, false, ""}, "gone A1\n"},
      {{Kind::Pending, "A1", time, false, ""}, "pending A1 1500000000123456\n"},
      {{Kind::Pending, "A1", time, true, ""}, "pending A1 1500000000123456 unknown\n"},
      {{Kind::Up, "[a b]:25", {}, false, ""}, "up [a%20b]:25\n"},
      {{Kind::Down, "example.org", {}, false, "connect to mx: refused"},
       "down example.org connect to mx: refused\n"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(format_result(one.result), one.line);
    const auto parsed = parse_result(std::string_view(one.line).substr(0, one.line.size() - 1));
    ASSERT_TRUE(parsed) << one.line;
    EXPECT_EQ(parsed->kind, one.result.kind);
    EXPECT_EQ(parsed->subject, one.result.subject);
    EXPECT_EQ(parsed->next_try, one.result.next_try);
    EXPECT_EQ(parsed->is_unknown, one.result.is_unknown);
    EXPECT_EQ(parsed->reason, one.result.reason);
  }
  const ResultLine two_lines{Kind::Down, "d", {}, false, "a\nremoved A2"};
  EXPECT_EQ(format_result(two_lines).find('\n'), format_result(two_lines).size() - 1);
}

TEST(ResultLineTest, Refused) {
  for (const char* line :
       {"", "removed", "perhaps A1", "pending A1", "pending A1 soon", "pending A1 -5",
        "pending A1 5 maybe", "pending A1 5 unknown x", "up %2"}) {
    EXPECT_FALSE(parse_result(line)) << line;
  }
}

}  // namespace
}  // namespace mail::relay
