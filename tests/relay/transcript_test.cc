// Every script of tests/transcripts/relay against the client. Here the program under test is the
// client, so the letters stand the other way round than in tests/support/transcript.h says:
//
//   S: what the server (the script) sends       C: what our client must say
//   ! close     the server closes here          ! timeout   it says nothing until the deadline
//
//   @ from PATH, @ to PATH       envelope (one @ to for each recipient); default ann@, bob@
//   @ body TEXT                  the message, with \n and the other escapes; default "Hello\n"
//   @ block N                    octets that each read of the message gives
//   @ body_fails                 the message cannot be read
//   @ size N, @ smtputf8, @ 8bit as the envelope says
//   @ messages N                 the same message N times over the connection
//   @ greet STATUS TEXT          greet() fails so; nothing is sent then
//   @ result OUTCOME STATUS TEXT of each recipient, in order ('*' for any octets)
//   @ reply TEXT                 its server's own words, in order; "-" for none. May be left out.
//   @ left open                  the connection can be used on; without it: the same, before QUIT
//   @ left broken
//
// The replies arrive as written, octet by octet, and split at random.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libmail/relay/client.h"
#include "tests/support/transcript.h"

namespace mail::relay {
namespace {

test::Script load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream swapped;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("S:") || line.starts_with("S~")) {
      line.front() = 'C';
    } else if (line.starts_with("C:") || line.starts_with("C~")) {
      line.front() = 'S';
    }
    swapped << line << '\n';
  }
  return test::parse_script(swapped, path);
}

std::vector<std::string> values(const test::Script& script, const std::string& name) {
  std::vector<std::string> found;
  const auto [begin, end] = script.settings.equal_range(name);
  for (auto one = begin; one != end; ++one) found.push_back(one->second);
  return found;
}

std::string describe(const RecipientResult& result) {
  constexpr const char* kOutcomes[] = {"sent", "deferred", "failed", "unknown"};
  return std::string(kOutcomes[static_cast<int>(result.outcome)]) + ' ' + to_string(result.status) +
         ' ' + result.text;
}

void run_client(const test::Script& script, net::Transport& io, const std::string& where) {
  const auto has = [&](const char* name) { return script.settings.count(name) != 0; };
  const std::string body = test::unescape(script.setting("body", "Hello\\n"));
  const auto block = ascii::to_number<std::size_t>(script.setting("block")).value_or(body.size());
  Message message;
  message.reverse_path = script.setting("from", "ann@linuxprobe.com");
  if (message.reverse_path == "<>") message.reverse_path.clear();
  for (const auto& to : values(script, "to")) message.recipients.push_back(test::unescape(to));
  if (message.recipients.empty()) message.recipients = {"bob@peer.example"};
  message.size = ascii::to_number<std::uint64_t>(script.setting("size")).value_or(body.size());
  message.smtputf8 = has("smtputf8");
  message.body_8bit = has("8bit");
  message.read = [&](std::uint64_t offset) -> Result<std::string> {
    if (has("body_fails") && offset != 0) return fail(Errc::Io, "EIO");
    return offset < body.size() ? body.substr(static_cast<std::size_t>(offset), block) : "";
  };

  Settings settings;
  settings.myhostname = "mail.linuxprobe.com";
  const ManualClock clock;
  Client client(io, settings, clock);
  const auto greeted = client.greet();
  EXPECT_EQ(!greeted, has("greet")) << where;
  if (!greeted) {
    const std::string said = to_string(greeted.error().status) + ' ' + greeted.error().public_text;
    EXPECT_TRUE(test::matches(script.setting("greet"), said)) << where << ": greet() says " << said;
    EXPECT_FALSE(client.is_open()) << where;
    return;
  }
  std::vector<RecipientResult> results;
  const auto messages = ascii::to_number<unsigned>(script.setting("messages")).value_or(1);
  for (unsigned i = 0; i < messages; ++i) {
    for (auto& result : client.send(message)) results.push_back(std::move(result));
  }
  const auto expected = values(script, "result");
  ASSERT_EQ(results.size(), expected.size()) << where;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(test::matches(expected[i], describe(results[i])))
        << where << "\n  expected " << expected[i] << "\n  got      " << describe(results[i]);
  }
  const auto replies = values(script, "reply");
  for (std::size_t i = 0; i < replies.size(); ++i) {
    EXPECT_EQ(results.at(i).reply, replies[i] == "-" ? "" : replies[i]) << where;
  }
  EXPECT_EQ(client.is_open(), script.setting("left", "open") == "open") << where;
  client.quit();
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsFollowed) {
  const auto script = load(GetParam());
  std::vector<test::ExpectedLine> all;
  for (const auto& exchange : script.exchanges) {
    all.insert(all.end(), exchange.before.begin(), exchange.before.end());
  }
  all.insert(all.end(), script.last.begin(), script.last.end());

  // Pieces never reach over what the client says between: a server cannot answer before it is
  // asked.
  const auto play = [&](const std::function<std::size_t()>& next_size, const std::string& how) {
    std::deque<test::Step> steps;
    std::vector<std::size_t> first_piece;
    for (const auto& exchange : script.exchanges) {
      test::Script one;
      one.exchanges.push_back(exchange);
      first_piece.push_back(steps.size());
      for (auto& step : test::cut(one, next_size)) steps.push_back(std::move(step));
    }
    const std::string where = std::filesystem::path(script.path).filename().string() + ", " + how;
    test::ScriptTransport io(std::move(steps), [] {});
    run_client(script, io, where);
    std::string output;
    for (const auto& part : io.outputs()) output += part;
    test::expect_lines(output, all, where);
    EXPECT_FALSE(io.read_past_end()) << where << ": it waits for more than the server has to say";
    EXPECT_TRUE(!io.has_steps() || script.setting("left") == "broken")
        << where << ": it did not read all that the server said";
    if (testing::Test::HasFailure()) return;
    for (std::size_t i = 0; i < script.exchanges.size(); ++i) {
      test::expect_lines(io.outputs().at(first_piece[i]), script.exchanges[i].before,
                         where + ", before reply " + std::to_string(i + 1));
    }
  };
  play([] { return std::string::npos; }, "as written");
  if (HasFailure()) return;
  play([] { return std::size_t{1}; }, "octet by octet");
  const unsigned seed = test::chosen_seed();
  std::mt19937 random{seed};
  for (int round = 0; round < 3 && !HasFailure(); ++round) {
    play([&] { return std::size_t{1} + random() % 17; },
         "split at random, TUBEPOST_SEED=" + std::to_string(seed));
  }
}

INSTANTIATE_TEST_SUITE_P(Relay, Transcript, testing::ValuesIn(test::script_files("relay")),
                         test::name_of);

}  // namespace
}  // namespace mail::relay
