// Transcripts: dialogues as scripts, run against a session in memory (STYLE.md section 10). Each is
// run in lock step (a group of C lines is one write), whole, octet by octet, and split at random
// (the seed is in the failure; TUBEPOST_SEED repeats it); the output must be the same each time.
//
//   # RFC 5321 section 4.1.4: what this script shows.
//   @ client 192.0.2.1        a setting for the maker of the session
//   S: 220 mx.example ESMTP   what the server says, octet for octet, CRLF added
//   S~ 250 2.0.0 Ok: queued as *    the same with '*' for any run of octets
//   C: EHLO client.example    what the client sends, CRLF added
//   C~ bare\n                 the same without CRLF; \r \n \t \\ \0 \xHH are octets
//   ! timeout                 the deadline passes
//   ! terminate               SIGTERM comes (while the session waits for input)
//   ! tls                     the handshake: input before and after it is never one piece
//   ! close                   the client closes here (it does so at the end of a script, too)
//   ! closed                  last line: the server closes by itself
//
// The session is anything net::serve() takes. Reading past the end of the script gives "closed".
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/net/serve.h"

namespace mail::test {

enum class Act : std::uint8_t { Send, Timeout, Terminate, Tls, Close };

struct Step {
  Act act = Act::Send;
  std::string octets;  // of Send
};

struct ExpectedLine {
  std::string text;
  bool is_pattern = false;
};

// One write of the client (or event), and what the server says before it.
struct Exchange {
  std::vector<ExpectedLine> before;
  Step step;
};

struct Script {
  std::string path;
  std::multimap<std::string, std::string> settings;
  std::vector<Exchange> exchanges;
  std::vector<ExpectedLine> last;  // after everything
  bool server_closes = false;

  [[nodiscard]] std::string setting(const std::string& name, std::string fallback = {}) const {
    const auto found = settings.find(name);
    return found == settings.end() ? fallback : found->second;
  }
};

inline std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'x':
        out += ascii::from_hex(text.substr(i + 1, 2)).value();
        i += 2;
        break;
      default:
        out += text[i];
    }
  }
  return out;
}

inline Script parse_script(std::istream& in, std::string path) {
  Script script;
  script.path = std::move(path);
  std::vector<ExpectedLine> said;
  std::size_t number = 0;
  const auto act = [&](Act what, std::string octets = {}) {
    // Lines sent without anything expected between them are one write.
    if (what == Act::Send && said.empty() && !script.exchanges.empty() &&
        script.exchanges.back().step.act == Act::Send) {
      script.exchanges.back().step.octets += octets;
      return;
    }
    script.exchanges.push_back({std::exchange(said, {}), {what, std::move(octets)}});
  };
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const std::string head = line.substr(0, 2);
    const std::string text = line.size() > 3 ? line.substr(3) : "";
    if (script.server_closes) throw std::runtime_error(script.path + ": nothing follows ! closed");
    if (head == "S:") {
      said.push_back({text, false});
    } else if (head == "S~") {
      said.push_back({text, true});
    } else if (head == "C:") {
      act(Act::Send, text + "\r\n");
    } else if (head == "C~") {
      act(Act::Send, unescape(text));
    } else if (head == "@ ") {
      const std::string setting = line.substr(2);
      const std::size_t space = setting.find(' ');
      script.settings.emplace(setting.substr(0, space),
                              space == std::string::npos ? "" : setting.substr(space + 1));
    } else if (line == "! timeout") {
      act(Act::Timeout);
    } else if (line == "! terminate") {
      act(Act::Terminate);
    } else if (line == "! tls") {
      act(Act::Tls);
    } else if (line == "! close") {
      act(Act::Close);
    } else if (line == "! closed") {
      script.server_closes = true;
    } else {
      throw std::runtime_error(script.path + ":" + std::to_string(number) +
                               ": cannot read: " + line);
    }
  }
  script.last = std::move(said);
  return script;
}

inline Script load_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("no script " + path);
  return parse_script(file, path);
}

// Scripts of tests/transcripts/PROTOCOL, by name.
inline std::vector<std::string> script_files(const std::string& protocol) {
  std::vector<std::string> paths;
  const std::string folder = std::string(TUBEPOST_SOURCE_DIR) + "/tests/transcripts/" + protocol;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// The name of its test.
inline std::string name_of(const testing::TestParamInfo<std::string>& file) {
  std::string name = std::filesystem::path(file.param).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !ascii::is_alnum(c); }, '_');
  return name;
}

// '*' stands for any run of octets, also none.
inline bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

inline void expect_lines(std::string_view output, const std::vector<ExpectedLine>& expected,
                         const std::string& where) {
  std::vector<std::string> lines;
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    lines.emplace_back(output.substr(0, end));
    if (end == std::string_view::npos) {
      lines.back() += " (without CRLF)";
      break;
    }
    output.remove_prefix(end + 2);
  }
  for (std::size_t i = 0; i < std::max(lines.size(), expected.size()); ++i) {
    const std::string got = i < lines.size() ? lines[i] : "(nothing)";
    const std::string want = i < expected.size() ? expected[i].text : "(nothing)";
    const bool same = i < lines.size() && i < expected.size() &&
                      (expected[i].is_pattern ? matches(want, got) : want == got);
    if (same) continue;
    ADD_FAILURE() << where << ", line " << i + 1
                  << " of what the server says\n  expected S: " << log::escape(want, 2000)
                  << "\n  got      S: " << log::escape(got, 2000);
    return;
  }
}

// Plays the client's part, in pieces. terminate() is called on the session at its step, in place of
// the signal.
class ScriptTransport final : public net::Transport {
 public:
  ScriptTransport(std::deque<Step> steps, std::function<void()> terminate)
      : steps_(std::move(steps)), terminate_(std::move(terminate)) {}

  Result<std::string_view> read_some(MonotonicTime /*deadline*/) override {
    outputs_.emplace_back();
    if (steps_.empty()) {
      read_past_end_ = true;
      return std::string_view{};
    }
    current_ = std::move(steps_.front());
    steps_.pop_front();
    switch (current_.act) {
      case Act::Send:
        return std::string_view{current_.octets};
      case Act::Timeout:
        return fail(Errc::Timeout, "timeout");
      case Act::Terminate:
        terminate_();
        return fail(Errc::InUse, "interrupted");
      case Act::Tls:
        return fail(Errc::Internal, "the script wants TLS, the session does not");
      case Act::Close:
        break;
    }
    return std::string_view{};
  }
  Result<void> write_all(std::string_view octets) override {
    outputs_.back() += octets;
    return {};
  }
  Result<net::Woken> wait(int /*event_fd*/, MonotonicTime /*until*/) override {
    if (steps_.empty() || steps_.front().act != Act::Timeout) return net::Woken::Input;
    steps_.pop_front();
    return net::Woken::Time;
  }
  Result<void> start_tls() override {
    if (steps_.empty() || steps_.front().act != Act::Tls) {
      return fail(Errc::Unsupported, "the session wants TLS, the script does not");
    }
    steps_.pop_front();
    outputs_.emplace_back();
    is_tls_ = true;
    return {};
  }
  [[nodiscard]] bool is_tls() const override { return is_tls_; }
  [[nodiscard]] std::string tls_description() const override {
    return is_tls_ ? "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" : "";
  }

  // outputs()[i]: said before step i.
  [[nodiscard]] const std::vector<std::string>& outputs() const { return outputs_; }
  [[nodiscard]] bool read_past_end() const { return read_past_end_; }
  [[nodiscard]] bool has_steps() const { return !steps_.empty(); }

 private:
  std::deque<Step> steps_;
  std::function<void()> terminate_;
  Step current_;
  std::vector<std::string> outputs_{1};
  bool is_tls_ = false;
  bool read_past_end_ = false;
};

// The client's part with neighbouring writes joined and cut anew; `next_size` says how long a piece
// may be.
inline std::deque<Step> cut(const Script& script, const std::function<std::size_t()>& next_size) {
  std::deque<Step> joined;
  for (const auto& exchange : script.exchanges) {
    if (exchange.step.act == Act::Send && !joined.empty() && joined.back().act == Act::Send) {
      joined.back().octets += exchange.step.octets;
    } else {
      joined.push_back(exchange.step);
    }
  }
  std::deque<Step> steps;
  for (const auto& step : joined) {
    if (step.act != Act::Send) {
      steps.push_back(step);
      continue;
    }
    for (std::size_t at = 0; at < step.octets.size();) {
      const std::size_t size = std::max<std::size_t>(1, next_size());
      steps.push_back({Act::Send, step.octets.substr(at, size)});
      at += std::min(size, step.octets.size() - at);
    }
  }
  return steps;
}

// What TUBEPOST_SEED says, or one of chance.
inline unsigned chosen_seed() {
  const char* given = std::getenv("TUBEPOST_SEED");
  return given == nullptr ? std::random_device{}() : ascii::to_number<unsigned>(given).value_or(0);
}

// `make(script)` gives a std::unique_ptr to a new session in a new world.
template <class Make>
void run_script(const Script& script, const Make& make) {
  std::vector<ExpectedLine> all;
  for (const auto& exchange : script.exchanges) {
    all.insert(all.end(), exchange.before.begin(), exchange.before.end());
  }
  all.insert(all.end(), script.last.begin(), script.last.end());

  const auto play = [&](std::deque<Step> steps, const std::string& how, bool lock_step) {
    const std::string where = std::filesystem::path(script.path).filename().string() + ", " + how;
    auto session = make(script);
    ScriptTransport io{std::move(steps), [&session] { session->terminate(); }};
    const auto served = net::serve(io, *session);
    if (!served) ADD_FAILURE() << where << ": serve() failed: " << served.error().log_text;
    std::string output;
    for (const auto& part : io.outputs()) output += part;
    expect_lines(output, all, where);
    EXPECT_EQ(io.read_past_end(), !script.server_closes)
        << where << ": the server " << (script.server_closes ? "did not close" : "closed");
    if (!lock_step || testing::Test::HasFailure()) return;
    for (std::size_t i = 0; i < script.exchanges.size(); ++i) {
      expect_lines(i < io.outputs().size() ? io.outputs()[i] : "", script.exchanges[i].before,
                   where + ", before write " + std::to_string(i + 1));
    }
  };

  std::deque<Step> as_written;
  for (const auto& exchange : script.exchanges) as_written.push_back(exchange.step);
  play(as_written, "in lock step", true);
  play(cut(script, [] { return std::string::npos; }), "whole", false);
  play(cut(script, [] { return std::size_t{1}; }), "octet by octet", false);
  const unsigned seed = chosen_seed();
  std::mt19937 random{seed};
  for (int round = 0; round < 3; ++round) {
    play(cut(script, [&] { return std::size_t{1} + random() % 17; }),
         "split at random, TUBEPOST_SEED=" + std::to_string(seed), false);
  }
}

}  // namespace mail::test
