// Every script of tests/transcripts/lmtp against the session.
//
//   @ deliver boss later      the answer after the dot: later, full, failed, unresolved, forwarded
//   @ check boss full         the answer at RCPT
//   @ stored boss 1, @ queued 1   what is there at the end
#include <gtest/gtest.h>

#include <sstream>

#include "libmail/lmtp/session.h"
#include "libmail/local/memory_conversation.h"
#include "libmail/queue/memory/memory_queue.h"
#include "tests/support/transcript.h"

namespace mail::lmtp {
namespace {

local::Verdict verdict(const std::string& word) {
  using local::Answer;
  if (word == "full") return {Answer::Full, {4, 2, 2}, "Mailbox full", {}, false};
  if (word == "later") return {Answer::Later, {4, 2, 1}, "Locked", {}, false};
  if (word == "failed") return {Answer::Failed, {5, 3, 0}, "Command died", {}, false};
  if (word == "unresolved") return {Answer::Unresolved, {4, 3, 0}, "No answer", {}, false};
  if (word == "forwarded") return {Answer::Forwarded, {2, 0, 0}, "forwarded", {{}}, false};
  ADD_FAILURE() << "no such verdict: " << word;
  return {};
}

Result<alias::Expansion> expand(std::string_view local_part, std::string_view original) {
  alias::Expansion expansion;
  const auto add = [&](alias::Kind kind, std::string target) {
    alias::EndPoint end_point;
    end_point.kind = kind;
    end_point.target = std::move(target);
    end_point.original_to = original;
    expansion.end_points.push_back(std::move(end_point));
  };
  if (local_part == "boss" || local_part == "root") {
    add(alias::Kind::User, std::string(local_part));
  } else if (local_part == "away") {
    add(alias::Kind::Remote, "ann@elsewhere.example");
  } else if (local_part == "team") {
    add(alias::Kind::User, "boss");
    add(alias::Kind::User, "root");
  } else {
    return fail(Errc::NotFound, EnhancedStatus{5, 1, 1}, "unknown");
  }
  return expansion;
}

class World {
 public:
  explicit World(const test::Script& script) : script_(script), policy_(make_policy()) {
    settings_.myhostname = "mail.linuxprobe.com";
    settings_.message_size_limit = 1000;
    for (const auto& [name, value] : script.settings) {
      std::istringstream words(value);
      std::string target;
      std::string answer;
      words >> target >> answer;
      if (name == "check") local_.on_check(target, verdict(answer));
      if (name == "deliver") local_.on_deliver(target, verdict(answer));
    }
    session_ = std::make_unique<Session>(settings_, "", Services{policy_, queue_, local_, clock_});
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    for (const auto& [name, value] : script_.settings) {
      const auto space = value.find(' ');
      if (name == "queued") {
        EXPECT_EQ(std::to_string(queue_.stored().size()), value) << script_.path;
      }
      if (name == "stored") {
        EXPECT_EQ(std::to_string(local_.stored_for(value.substr(0, space)).size()),
                  value.substr(space + 1))
            << script_.path << ": mailbox of " << value;
      }
    }
  }

  [[nodiscard]] net::Want want() const {
    return session_->want() == Session::Want::Close ? net::Want::Close : net::Want::Input;
  }
  std::string take_output() { return session_->take_output(); }
  [[nodiscard]] MonotonicTime deadline() const { return session_->deadline(); }
  void receive(std::string_view octets) { session_->receive(octets); }
  void timed_out() { session_->timed_out(); }
  void terminate() { session_->terminate(); }
  void tls_started(const net::Transport& /*io*/) {}
  [[nodiscard]] static int event_fd() { return -1; }
  [[nodiscard]] MonotonicTime wait_until() const { return session_->deadline(); }
  void woken(net::Woken /*why*/) {}

 private:
  static policy::RecipientPolicy make_policy() {
    policy::Settings settings;
    settings.myorigin = "linuxprobe.com";
    settings.mydestination = {"linuxprobe.com"};
    return *policy::RecipientPolicy::open(settings, expand);
  }

  test::Script script_;
  ManualClock clock_;
  queue::MemoryQueue queue_{clock_};
  local::MemoryConversation local_;
  policy::RecipientPolicy policy_;
  smtp::Settings settings_;
  std::unique_ptr<Session> session_;
};

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, IsFollowed) {
  log::open("deliver", log::Sink::Discard);
  test::run_script(test::load_script(GetParam()),
                   [](const test::Script& script) { return std::make_unique<World>(script); });
}

INSTANTIATE_TEST_SUITE_P(Lmtp, Transcript, testing::ValuesIn(test::script_files("lmtp")),
                         test::name_of);

}  // namespace
}  // namespace mail::lmtp
