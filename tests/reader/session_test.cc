#include "libmail/reader/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "libmail/store/memory/mail_store.h"
#include "libmail/store/message_source.h"

namespace mail::reader {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// Host in memory: a script of input lines, everything printed in one string, files in a map.
class TestHost final : public Host {
 public:
  explicit TestHost(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] bool is_interactive() const override { return true; }
  [[nodiscard]] std::size_t width() const override { return 80; }
  [[nodiscard]] std::size_t height() const override { return 100; }
  std::optional<std::string> read_line(std::string_view prompt) override {
    output += prompt;
    if (input.empty()) return std::nullopt;
    std::string line = input.front();
    input.erase(input.begin());
    return line;
  }
  void print(std::string_view text) override { output += text; }
  void print_error(std::string_view line) override { output += std::string(line) + '\n'; }
  void page(std::string_view text) override { output += text; }
  Result<int> run_shell(std::string_view command, std::string_view text) override {
    commands.emplace_back(command, text);
    return 0;
  }
  Result<std::string> capture(std::string_view, std::string_view text) override {
    return std::string(text);
  }
  Result<std::string> edit(std::string_view text, std::string_view) override {
    return std::string(text);
  }
  Result<void> send(const Outgoing& outgoing) override {
    if (refuse_sending) return fail(Errc::Unavailable, "not now");
    sent.push_back(outgoing);
    return {};
  }
  Result<std::string> read_file(const std::string& path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Errc::NotFound, "Not found", path + ": not there");
    return found->second;
  }
  Result<bool> append_file(const std::string& path, std::string_view octets) override {
    const bool made = files.count(path) == 0;
    files[path] += octets;
    return made;
  }
  Result<void> change_directory(const std::string&) override { return {}; }
  [[nodiscard]] std::string home() const override { return "/home/root"; }
  [[nodiscard]] std::string user_address() const override { return "root@linuxprobe.com"; }
  [[nodiscard]] WallTime now() const override { return clock_.now(); }

  std::vector<std::string> input;
  std::string output;
  std::map<std::string, std::string> files;
  std::vector<std::pair<std::string, std::string>> commands;
  std::vector<Outgoing> sent;
  bool refuse_sending = false;

 private:
  const Clock& clock_;
};

class SessionTest : public ::testing::Test {
 protected:
  void add(std::string octets, bool old = false) {
    auto box = store_.open("INBOX").value();
    store::StringSource source(octets);
    store::AppendOptions options;
    options.envelope_sender = "boss@linuxprobe.com";
    ASSERT_TRUE(box->append(source, options));
    if (!old) return;
    ASSERT_TRUE(box->change([](const store::Snapshot& now) {
      store::Change change;
      now.for_each([&](const store::MessageInfo& info) { change.uid = info.uid; });
      change.mark_old = true;
      return std::vector{change};
    }));
  }
  static std::string simple(const std::string& subject,
                            const std::string& from = "Boss <boss@linuxprobe.com>") {
    return "From: " + from + "\nTo: root@linuxprobe.com\nSubject: " + subject +
           "\nMessage-ID: <1@x>\n\nbody of " + subject + "\n";
  }
  // Runs the commands and gives what was printed.
  std::string run(std::vector<std::string> commands) {
    host_.input = std::move(commands);
    host_.output.clear();
    auto folder = Folder::load(store_.open("INBOX").value(), "/var/mail/root").value();
    Session session(host_, variables_, FieldFilter::shipped());
    Start start;
    start.banner = "Tubepost mail-reader version X.  Type ? for help.";
    status_ = session.run(std::move(folder), start, [](std::string_view) -> Result<Folder> {
      return fail(Errc::NotFound, "no other folder");
    });
    return host_.output;
  }
  std::vector<store::MessageInfo> messages() {
    return store_.open("INBOX").value()->since(store::ModSeq{}).value().messages;
  }

  ManualClock clock_;
  std::shared_ptr<store::memory::World> world_ = std::make_shared<store::memory::World>(clock_);
  store::memory::MemoryMailStore store_{world_};
  TestHost host_{clock_};
  Variables variables_ = Variables::shipped();
  int status_ = 0;
};

TEST_F(SessionTest, UnreadCountsNewOnesAndIsToldOnlyWhenItSaysMore) {
  add(simple("one"), true);
  add(simple("two"));
  EXPECT_THAT(run({"x"}), HasSubstr("\"/var/mail/root\": 2 messages 1 new 2 unread\n"));
}

TEST_F(SessionTest, NewAloneIsToldAlone) {
  add(simple("one"));
  EXPECT_THAT(run({"x"}), HasSubstr("\"/var/mail/root\": 1 message 1 new\n"));
}

TEST_F(SessionTest, PointerIsOnTheFirstNewThenTheFirstUnread) {
  add(simple("one"), true);
  add(simple("two"));
  EXPECT_THAT(run({"x"}), HasSubstr(">N  2 Boss"));
  run({"q"});
  EXPECT_THAT(run({"x"}), HasSubstr(">U  1 Boss"));
}

TEST_F(SessionTest, ReadingMarksSeenAndOldOnQuitOnly) {
  add(simple("one"));
  add(simple("two"));
  EXPECT_THAT(run({"2", "x"}), HasSubstr("Message  2:\nFrom boss@linuxprobe.com  "));
  EXPECT_FALSE(messages().at(1).flags.has(store::Flag::Seen));
  EXPECT_FALSE(messages().at(1).old);
  EXPECT_THAT(run({"2", "q"}), EndsWith("& Held 2 messages in /var/mail/root\n"));
  EXPECT_TRUE(messages().at(1).flags.has(store::Flag::Seen));
  EXPECT_FALSE(messages().at(0).flags.has(store::Flag::Seen));
  EXPECT_TRUE(messages().at(0).old);
}

TEST_F(SessionTest, IgnoredFieldsAreHiddenAndStatusIsShown) {
  add(simple("one"));
  const std::string shown = run({"p", "x"});
  EXPECT_THAT(shown, Not(HasSubstr("Message-ID")));
  EXPECT_THAT(shown, HasSubstr("Subject: one\nStatus: R\n\nbody of one\n"));
  EXPECT_THAT(run({"P", "x"}), HasSubstr("Message-ID: <1@x>"));
}

TEST_F(SessionTest, DeletedMessagesGoOnQuit) {
  for (const char* subject : {"one", "two", "three"}) add(simple(subject));
  EXPECT_THAT(run({"d 1-2", "u 1", "q"}), EndsWith("Held 2 messages in /var/mail/root\n"));
  EXPECT_EQ(messages().size(), 2U);
  EXPECT_THAT(run({"d *", "q"}), EndsWith("& & "));
  EXPECT_TRUE(messages().empty());
}

TEST_F(SessionTest, WithoutHoldReadMailGoesToMbox) {
  add(simple("one"));
  add(simple("two"));
  variables_.unset("hold");
  const std::string printed = run({"1", "q"});
  EXPECT_THAT(printed, HasSubstr("Saved 1 message in mbox\nHeld 1 message in /var/mail/root\n"));
  EXPECT_EQ(messages().size(), 1U);
  EXPECT_THAT(host_.files["mbox"], HasSubstr("Subject: one\n"));
  EXPECT_THAT(host_.files["mbox"], HasSubstr("Status: RO\n\nbody"));
}

TEST_F(SessionTest, ListsOfMessages) {
  add(simple("apple", "Ann <ann@x.example>"), true);
  add(simple("pear"));
  add(simple("Apple pie"));
  const struct {
    const char* command;
    const char* printed;
  } cases[] = {
      {"= 1-2", "1\n2\n"},
      {"= *", "1\n2\n3\n"},
      {"= $", "3\n"},
      {"= /apple", "1\n3\n"},
      {"= ann", "1\n"},
      {"= ann@x.example", "1\n"},
      {"= :n", "2\n3\n"},
      {"= :o", "1\n"},
      {"= :u", "1\n2\n3\n"},
      {"= +", "3\n"},
      {"= -", "1\n"},
      {"= /from:ann", "1\n"},
      {"= 99", "99: Invalid message number\n"},
      {"= :d", "No messages satisfy :d\n"},
      {"= 3-1", "No applicable messages\n"},
      {"nosuch", "Unknown command: \"nosuch\"\n"},
  };
  for (const auto& [command, printed] : cases) {
    EXPECT_THAT(run({command, "x"}), HasSubstr(std::string("& ") + printed)) << command;
  }
}

TEST_F(SessionTest, SaveMarksAndRemovesCopyDoesNot) {
  add(simple("one"));
  add(simple("two"));
  EXPECT_THAT(run({"s 1 f", "c 2 f", "q"}), HasSubstr("\"f\" [New file] "));
  EXPECT_THAT(host_.output, HasSubstr("\"f\" [Appended] "));
  EXPECT_EQ(messages().size(), 1U);
  EXPECT_THAT(host_.files["f"], HasSubstr("Subject: one\n"));
}

TEST_F(SessionTest, ReplyQuotesAndKeepsTheThread) {
  add(simple("one"));
  run({"r", "fine", ".", "x"});
  ASSERT_EQ(host_.sent.size(), 1U);
  EXPECT_THAT(host_.sent.front().recipients, ElementsAre("boss@linuxprobe.com"));
  const std::string& text = host_.sent.front().message;
  EXPECT_THAT(text, HasSubstr("Subject: Re: one\n"));
  EXPECT_THAT(text, HasSubstr("In-Reply-To: <1@x>\n"));
  EXPECT_THAT(text, HasSubstr("Boss wrote:\n\n> body of one\nfine\n"));
}

TEST_F(SessionTest, MailThatCannotBeSentIsKept) {
  add(simple("one"));
  host_.refuse_sending = true;
  run({"mail ann@x.example", "Hello", "text", ".", "x"});
  EXPECT_THAT(host_.files["/home/root/dead.letter"], HasSubstr("text\n"));
  EXPECT_NE(status_, 0);
}

TEST_F(SessionTest, TildeEscapes) {
  add(simple("one"));
  host_.files["note"] = "from a file\n";
  run({"mail ann@x.example", "", "~s Subject of it", "~c bob@x.example", "~r note", "~m 1",
       "~~tilde", "~.", "x"});
  ASSERT_EQ(host_.sent.size(), 1U);
  const std::string& text = host_.sent.front().message;
  EXPECT_THAT(text, HasSubstr("Subject: Subject of it\n"));
  EXPECT_THAT(text, HasSubstr("Cc: bob@x.example\n"));
  EXPECT_THAT(text, HasSubstr("from a file\n> body of one\n~tilde\n"));
}

TEST_F(SessionTest, NewMailIsAnnouncedAtThePromptAndSurvivesQuit) {
  add(simple("one"));
  auto folder = Folder::load(store_.open("INBOX").value(), "root").value();
  add(simple("late"));
  host_.input = {"q"};
  Session session(host_, variables_, FieldFilter::shipped());
  session.run(std::move(folder), {}, {});
  EXPECT_THAT(host_.output, HasSubstr("New mail has arrived.\nLoaded 1 new message\n N  2 Boss"));
  EXPECT_THAT(host_.output, EndsWith("Held 2 messages in root\n"));
}

TEST_F(SessionTest, TerminalControlsOfAMessageNeverReachTheScreen) {
  add(simple("evil \x1b[2J subject") + "\x1b]0;title\x07\n");
  const std::string printed = run({"p", "x"});
  EXPECT_EQ(printed.find('\x1b'), std::string::npos);
  EXPECT_EQ(printed.find('\x07'), std::string::npos);
}

}  // namespace
}  // namespace mail::reader
