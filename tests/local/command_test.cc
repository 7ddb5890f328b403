// Commands of users: what they get, and what their end means.
#include "libmail/local/command.h"

#include "tests/local/place_fixture.h"

namespace mail::local {
namespace {

using testing::HasSubstr;

TEST(NeedsShell, Commands) {
  const struct {
    std::string command;
    bool needs;
  } cases[] = {
      {"/usr/bin/procmail -a x", false},
      {"/usr/bin/filter --to=a+b@c_d %x", false},
      {"filter", false},
      {"", true},
      {"   ", true},
      {"exit 75", true},
      {"exec /bin/cat", true},
      {"cd /tmp", true},
      {"A=b filter", true},
      {"filter A=b", false},
      {"filter 'a b'", true},
      {"a|b", true},
      {"a;b", true},
      {"a > b", true},
      {"echo $HOME", true},
      {"cat *", true},
      {"cat ~", true},
      {"caf\xc3\xa9", true},
  };
  for (const auto& [command, needs] : cases) EXPECT_EQ(needs_shell(command), needs) << command;
}

TEST(VerdictOfExit, Sysexits) {
  const struct {
    int exit_status;
    Answer answer;
    EnhancedStatus status;
    std::string text;
  } cases[] = {
      {0, Answer::Ok, {2, 0, 0}, "delivered to command"},
      {1, Answer::Failed, {5, 3, 0}, "Command died with status 1"},
      {64, Answer::Failed, {5, 3, 0}, "command line usage error"},
      {65, Answer::Failed, {5, 6, 0}, "data format error"},
      {66, Answer::Failed, {5, 3, 0}, "cannot open input"},
      {67, Answer::Failed, {5, 1, 1}, "user unknown"},
      {68, Answer::Failed, {5, 1, 2}, "host name unknown"},
      {69, Answer::Failed, {5, 3, 0}, "service unavailable"},
      {70, Answer::Failed, {5, 3, 0}, "internal software error"},
      {71, Answer::Later, {4, 3, 0}, "system resource problem"},
      {72, Answer::Failed, {5, 3, 0}, "critical OS file missing"},
      {73, Answer::Failed, {5, 2, 0}, "can't create user output file"},
      {74, Answer::Failed, {5, 3, 0}, "input/output error"},
      {75, Answer::Later, {4, 3, 0}, "temporary failure"},
      {76, Answer::Failed, {5, 5, 0}, "remote error in protocol"},
      {77, Answer::Failed, {5, 7, 0}, "permission denied"},
      {78, Answer::Failed, {5, 3, 5}, "local configuration error"},
      {79, Answer::Failed, {5, 3, 0}, "Command died with status 79"},
      {127, Answer::Failed, {5, 3, 0}, "Command died with status 127"},
      {255, Answer::Failed, {5, 3, 0}, "Command died with status 255"},
  };
  for (const auto& [exit_status, answer, status, text] : cases) {
    const Verdict verdict = verdict_of_exit(exit_status, "");
    EXPECT_EQ(verdict.answer, answer) << exit_status;
    EXPECT_EQ(verdict.status, status) << exit_status;
    EXPECT_EQ(verdict.text, text) << exit_status;
  }
}

TEST(VerdictOfExit, OutputGivesStatusAndText) {
  const struct {
    int exit_status;
    std::string output;
    EnhancedStatus status;
    std::string text;
  } cases[] = {
      {77, "go away\n", {5, 7, 0}, "permission denied. Command output: go away"},
      {77, "5.1.1 no such user", {5, 1, 1}, "permission denied. Command output: no such user"},
      // The exit status decides between now and later, whatever is printed.
      {75, "5.1.1 later", {4, 1, 1}, "temporary failure. Command output: later"},
      {77, "4.2.2 full", {5, 2, 2}, "permission denied. Command output: full"},
      {77, "5.1.1", {5, 1, 1}, "permission denied"},
      {77, "5.1.1x", {5, 7, 0}, "permission denied. Command output: 5.1.1x"},
      {77, "5.1", {5, 7, 0}, "permission denied. Command output: 5.1"},
      {77, "55.1.1 x", {5, 7, 0}, "permission denied. Command output: 55.1.1 x"},
      {77, "5.1000.1 x", {5, 7, 0}, "permission denied. Command output: 5.1000.1 x"},
      {0, "chatty", {2, 0, 0}, "delivered to command"},
  };
  for (const auto& [exit_status, output, status, text] : cases) {
    const Verdict verdict = verdict_of_exit(exit_status, output);
    EXPECT_EQ(verdict.status, status) << output;
    EXPECT_EQ(verdict.text, text) << output;
  }
  EXPECT_LE(verdict_of_exit(77, std::string(5000, 'x')).text.size(), 512U);
  EXPECT_EQ(verdict_of_exit(77,
                            "a\r\nb\x01"
                            "c")
                .text.find_first_of("\r\n\x01"),
            std::string::npos);
}

class CommandTest : public PlaceFixture {
 protected:
  Verdict run(const std::string& command, const std::string& octets = kMessage) {
    const auto message = open_message(octets);
    Delivery what = delivery();
    what.end_point.original_to = "boss+lists@linuxprobe.com";
    return run_command(world_.settings, boss_, command, what, message);
  }
};

TEST_F(CommandTest, GetsTheMessageWithItsFields) {
  EXPECT_EQ(run("cat > got").answer, Answer::Ok);  // in the home
  const std::string got = slurp(home("got"));
  EXPECT_EQ(got.substr(0, got.find('\n') + 1), "From ann@example.org  Fri Jul 14 02:40:00 2017\n");
  EXPECT_EQ(got.substr(got.find('\n') + 1),
            "Return-Path: <ann@example.org>\nX-Original-To: boss+lists@linuxprobe.com\n"
            "Delivered-To: boss+lists@linuxprobe.com\n" +
                kMessage);
}

TEST_F(CommandTest, HasAnEnvironmentOfItsOwn) {
  ::setenv("SECRET_OF_DELIVER", "x", 1);
  EXPECT_EQ(run("env > got").answer, Answer::Ok);
  ::unsetenv("SECRET_OF_DELIVER");
  const std::string got = slurp(home("got"));
  for (const std::string& line :
       {"HOME=" + boss_.home, std::string("USER=boss"), std::string("LOGNAME=boss"),
        std::string("SHELL=/bin/sh"), std::string("SENDER=ann@example.org"),
        std::string("RECIPIENT=boss+lists@linuxprobe.com"), std::string("LOCAL=boss+lists"),
        std::string("EXTENSION=lists"), std::string("DOMAIN=linuxprobe.com"),
        std::string("QUEUE_ID=Q1")}) {
    EXPECT_THAT("\n" + got, HasSubstr("\n" + line + "\n"));
  }
  EXPECT_EQ(got.find("SECRET_OF_DELIVER"), std::string::npos);
}

TEST_F(CommandTest, HoldsNoDescriptorOfOurs) {
  const auto ours = sys::open("/dev/null", O_RDONLY);
  const auto number = std::to_string(ours->get());
  EXPECT_EQ(run("test ! -e /proc/self/fd/" + number + " && echo yes > got").answer, Answer::Ok);
  EXPECT_EQ(slurp(home("got")), "yes\n");
}

TEST_F(CommandTest, NeedNotReadItsMessage) {
  EXPECT_EQ(run("true", kMessage + std::string(1'000'000, 'x')).answer, Answer::Ok);
  EXPECT_EQ(
      run("exec 0<&-; sleep 0.1; echo no thanks; exit 77", kMessage + std::string(1'000'000, 'x'))
          .text,
      "permission denied. Command output: no thanks");
}

TEST_F(CommandTest, MayPrintMuchWhileItReads) {
  const Verdict verdict =
      run("cat; exit 77", std::string(3'000'000, 'y'));  // would deadlock if one waited
  EXPECT_EQ(verdict.answer, Answer::Failed);
  EXPECT_LE(verdict.text.size(), 512U);
}

TEST_F(CommandTest, IsKilledWithItsChildrenAtTheTimeLimit) {
  world_.settings.command_time_limit = std::chrono::milliseconds(150);
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string command :
       {"sleep 30", "sleep 30 & sleep 30; true", "trap '' TERM; cat; sleep 30"}) {
    const Verdict verdict = run(command);
    EXPECT_EQ(verdict.answer, Answer::Failed) << command;
    EXPECT_EQ(verdict.status, (EnhancedStatus{5, 3, 0}));
    EXPECT_EQ(verdict.text, "Command time limit exceeded");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(CommandTest, ThatCannotBeExecutedFails) {
  const Verdict verdict = run("/nonexistent/filter -a");
  EXPECT_EQ(verdict.answer, Answer::Failed);
  EXPECT_EQ(verdict.text, "service unavailable. Command output: command cannot be executed");
  EXPECT_EQ(run(boss_.home).answer, Answer::Failed);  // a directory
}

TEST_F(CommandTest, DeathBySignalIsLater) {
  for (const int signal : {6, 9, 11, 15}) {
    const Verdict verdict = run("kill -" + std::to_string(signal) + " $$");
    EXPECT_EQ(verdict.answer, Answer::Later);
    EXPECT_EQ(verdict.text, "Command died with signal " + std::to_string(signal));
  }
}

TEST_F(CommandTest, WithoutAHomeRunsAtTheRoot) {
  std::filesystem::remove_all(boss_.home);
  EXPECT_EQ(run("test `pwd` = /").answer, Answer::Ok);
}

TEST_F(CommandTest, GetsTheShellThatIsConfigured) {
  world_.settings.local_command_shell = "/bin/sh -e -c";
  EXPECT_EQ(run("false; exit 0").text, "Command died with status 1");
}

}  // namespace
}  // namespace mail::local
