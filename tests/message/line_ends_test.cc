#include "libmail/message/line_ends.h"

#include <gtest/gtest.h>

namespace mail::message {
namespace {

template <class Converter>
std::string run(std::string_view octets, std::size_t piece) {
  Converter converter;
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    converter.feed(octets.substr(at, piece), out);
  }
  if constexpr (requires { converter.finish(out); }) converter.finish(out);
  return out;
}

// With so much room for what comes out at a time.
std::string to_crlf(std::string_view octets, std::size_t piece, std::size_t room) {
  ToCrlf converter;
  std::string out;
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    for (auto rest = octets.substr(at, piece); !rest.empty();) {
      std::string given(room, '\0');
      const std::size_t count = converter.feed(rest, given);
      EXPECT_TRUE(rest.empty() || count == room);
      out += given.substr(0, count);
    }
  }
  return out;
}

struct Case {
  std::string_view in, out;
};

TEST(LineEnds, AnyChunkingGivesTheSame) {
  const Case to_crlf_cases[] = {{"", ""},
                                {"a\nb", "a\r\nb"},
                                {"a\r\nb\n", "a\r\nb\r\n"},
                                {"\n\n", "\r\n\r\n"},
                                {"a\rb\r", "a\rb\r"},
                                {"\r\r\n", "\r\r\n"}};
  const Case to_lf_cases[] = {
      {"", ""},           {"a\r\nb", "a\nb"},  {"a\nb\r\n", "a\nb\n"}, {"a\rb\r", "a\rb\r"},
      {"\r\r\n", "\r\n"}, {"\r\n\r\n", "\n\n"}};
  const Case quote_cases[] = {{"", ""},
                              {"From x\n", ">From x\n"},
                              {"a\nFrom x", "a\n>From x\n"},
                              {">From x\n", ">From x\n"},
                              {"From:\nFro", "From:\nFro\n"},
                              {"From \n\nFrom ", ">From \n\n>From \n"},
                              {"FromFrom x\n", "FromFrom x\n"},
                              {"FFrom x\n", "FFrom x\n"},
                              {"a", "a\n"}};
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 100U}) {
    for (const auto& [in, out] : to_crlf_cases) {
      for (const std::size_t room : {1U, 2U, 3U, 100U}) EXPECT_EQ(to_crlf(in, piece, room), out);
      EXPECT_EQ(message::to_crlf(in), out);
    }
    for (const auto& [in, out] : to_lf_cases) EXPECT_EQ(run<ToLf>(in, piece), out) << piece;
    for (const auto& [in, out] : quote_cases)
      EXPECT_EQ(run<FromQuoter>(in, piece), out) << in << piece;
    LineCounter counter;
    const std::string_view octets = "a\r\nb\n\r\n\nlast";
    for (std::size_t at = 0; at < octets.size(); at += piece)
      counter.feed(octets.substr(at, piece));
    EXPECT_EQ(counter.octets(), 12U);
    EXPECT_EQ(counter.crlf_octets(), 14U);
    EXPECT_EQ(counter.lines(), 4U);
    EXPECT_FALSE(counter.ends_in_line_end());
  }
}

TEST(LineEnds, DotsThatBeginALineAreTold) {
  struct Dots {
    std::string_view octets;
    bool has;
  };
  for (const auto& [octets, has] :
       {Dots{".", true}, Dots{"a.b.\n", false}, Dots{"a\n.b", true}, Dots{"a\r\n.\r\n", true},
        Dots{"\n\n.", true}, Dots{"a\r.\n..", true}, Dots{"a\r.\n", false}, Dots{"", false}}) {
    for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
      for (const std::size_t room : {1U, 2U, 100U}) {
        ToCrlf converter;
        bool met = false;
        for (std::size_t at = 0; at < octets.size(); at += piece) {
          for (auto rest = octets.substr(at, piece); !rest.empty();) {
            std::string given(room, '\0');
            converter.feed(rest, given);
            met = converter.has_met_dot() || met;
          }
        }
        EXPECT_EQ(met, has) << octets << piece << room;
        EXPECT_FALSE(converter.has_met_dot());
      }
    }
  }
}

}  // namespace
}  // namespace mail::message
