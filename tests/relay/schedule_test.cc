// The schedule by a clock that stands until told.
#include "libmail/relay/schedule.h"

#include <gtest/gtest.h>

namespace mail::relay {
namespace {

using std::chrono::seconds;
using Kind = ResultLine::Kind;

class ScheduleTest : public testing::Test {
 protected:
  ScheduleTest() {
    settings.probe_first = seconds(2);
    settings.probe_last = seconds(60);
  }
  void add(const std::string& id, const std::set<std::string>& destinations,
           seconds in = seconds(0)) {
    schedule.add({id}, destinations, clock.now() + in);
  }
  // The next job as "destination id,id"; "" for none. It is kept in `jobs`, the newest last.
  std::string next() {
    auto job = schedule.next_job(clock.now());
    if (!job) return "";
    jobs.push_back(*job);
    std::string line = format_job(*job);
    line.pop_back();
    return line;
  }
  void say(const Job& job, Kind kind, const std::string& subject, seconds in = seconds(0),
           bool unknown = false) {
    schedule.took({kind, subject, clock.now() + in, unknown, ""}, job, clock.now());
  }
  void end(const Job& job) { schedule.ended(job, clock.now()); }
  // A whole job: every id pending for `in`, then up or down.
  void finish(Job job, Kind last, seconds in) {
    for (const auto& id : job.ids) say(job, Kind::Pending, id.value, in);
    say(job, last, job.destination);
    end(job);
  }
  // Seconds until the schedule wants to be asked again; -1 for never.
  long wait() {
    const auto next_time = schedule.next_time(clock.now());
    return next_time ? std::chrono::duration_cast<seconds>(*next_time - clock.now()).count() : -1;
  }
  // Brings d down: its first probe is due in 2 s.
  void bring_down() {
    ASSERT_NE(next(), "");
    finish(jobs.back(), Kind::Down, seconds(300));
  }

  queue::Settings settings;
  ManualClock clock;
  Schedule schedule{settings, {4, 2, 3, 1}};
  std::vector<Job> jobs;
};

TEST_F(ScheduleTest, EmptyHasNothing) {
  EXPECT_TRUE(schedule.is_empty());
  EXPECT_TRUE(schedule.is_idle());
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), -1);
}

TEST_F(ScheduleTest, DueMessagesOfADestinationAreOneJob) {
  add("A", {"d"});
  add("B", {"d"});
  add("C", {"d"}, seconds(10));
  EXPECT_TRUE(schedule.knows({"A"}));
  EXPECT_EQ(next(), "d A,B");
  EXPECT_FALSE(schedule.is_idle());
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), 10);
  clock.advance(seconds(10));
  EXPECT_EQ(next(), "d C");  // a second connection
}

TEST_F(ScheduleTest, JobsAreBounded) {
  for (const char* id : {"A", "B", "C", "D", "E", "F", "G"}) add(id, {"d"});
  EXPECT_EQ(next(), "d A,B,C");
  EXPECT_EQ(next(), "d D,E,F");
  // Two connections to one destination; only news of one of them helps, so nobody need wake up.
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), -1);
  finish(jobs.front(), Kind::Up, seconds(300));
  EXPECT_EQ(wait(), 0);
  EXPECT_EQ(next(), "d G");
}

TEST_F(ScheduleTest, WorkersAreBounded) {
  for (const char* destination : {"a", "b", "c", "d", "e"})
    add(std::string("M") + destination, {destination});
  for (int i = 0; i < 4; ++i) EXPECT_NE(next(), "");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), -1);
  finish(jobs.front(), Kind::Up, seconds(300));
  EXPECT_NE(next(), "");
}

TEST_F(ScheduleTest, ALargeDestinationStarvesNobody) {
  for (const char* id : {"A", "B", "C", "D"}) add(id, {"big"});
  add("Z", {"small"});
  EXPECT_EQ(next(), "big A,B,C");
  EXPECT_EQ(next(), "small Z");
  EXPECT_EQ(next(), "big D");
}

TEST_F(ScheduleTest, LocalHasItsOwnLimit) {
  for (const char* id : {"A", "B", "C", "D"}) add(id, {"local"});
  EXPECT_EQ(next(), "local A,B,C");
  EXPECT_EQ(next(), "");
}

TEST_F(ScheduleTest, PendingComesAgainAtItsTime) {
  add("A", {"d"});
  next();
  finish(jobs.back(), Kind::Up, seconds(300));
  EXPECT_TRUE(schedule.is_idle());
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), 300);
  clock.advance(seconds(299));
  EXPECT_EQ(next(), "");
  clock.advance(seconds(1));
  EXPECT_EQ(next(), "d A");
}

TEST_F(ScheduleTest, RemovedAndGoneAreForgotten) {
  add("A", {"d"});
  add("B", {"d"});
  next();
  say(jobs.back(), Kind::Removed, "A");
  say(jobs.back(), Kind::Gone, "B");
  say(jobs.back(), Kind::Up, "d");
  end(jobs.back());
  EXPECT_TRUE(schedule.is_empty());
  EXPECT_TRUE(schedule.is_idle());
}

// A message for two destinations: the first that is done is not asked for again.
TEST_F(ScheduleTest, ADestinationThatIsDoneIsNotScheduledAgain) {
  add("A", {"d", "e"});
  EXPECT_EQ(next(), "d A");
  say(jobs.back(), Kind::Done, "A");
  say(jobs.back(), Kind::Up, "d");
  end(jobs.back());
  EXPECT_EQ(next(), "e A");
  finish(jobs.back(), Kind::Up, seconds(300));
  clock.advance(seconds(300));
  EXPECT_EQ(next(), "e A");
  EXPECT_EQ(next(), "");
  say(jobs.back(), Kind::Done, "A");
  EXPECT_TRUE(schedule.is_empty()) << "nothing left for anybody";
}

// What one destination's worker says leaves the other's time alone.
TEST_F(ScheduleTest, PendingIsOfOneDestination) {
  add("A", {"d", "e"}, seconds(0));
  next();
  say(jobs.back(), Kind::Pending, "A", seconds(300));
  end(jobs.back());
  EXPECT_EQ(next(), "e A") << "still due";
}

// Its queue file is locked while one worker has it: the other destination's would only find it in
// use.
TEST_F(ScheduleTest, AMessageIsInOneHandAtATime) {
  add("A", {"d", "e"});
  add("B", {"e"});
  EXPECT_EQ(next(), "d A");
  EXPECT_EQ(next(), "e B") << "the others of that destination do not wait";
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), 5);
  say(jobs.front(), Kind::Pending, "A", seconds(300));
  EXPECT_EQ(next(), "e A") << "at the answer, not at the job's end";
}

TEST_F(ScheduleTest, ButALongJobIsNotWaitedFor) {
  add("A", {"d", "e"});
  EXPECT_EQ(next(), "d A");
  clock.advance(seconds(5));
  EXPECT_EQ(next(), "e A");
  // In use: the worker says so.
  say(jobs.back(), Kind::Pending, "A", seconds(1));
  end(jobs.back());
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), 6);
}

TEST_F(ScheduleTest, AWorkerThatDiesCostsLittle) {
  add("A", {"d"});
  add("B", {"d"});
  next();
  say(jobs.back(), Kind::Pending, "A", seconds(300));
  end(jobs.back());
  EXPECT_EQ(next(), "");
  EXPECT_EQ(wait(), 2);
  clock.advance(seconds(2));
  EXPECT_EQ(next(), "d B");
}

TEST_F(ScheduleTest, DownIsProbedEverMoreRarely) {
  add("A", {"d"});
  bring_down();
  for (const long expected : {2, 4, 8, 16, 32, 60, 60, 60}) {
    EXPECT_EQ(wait(), expected);
    clock.advance(seconds(expected) - std::chrono::milliseconds(1));
    EXPECT_EQ(next(), "");
    clock.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(next(), "d A");
    finish(jobs.back(), Kind::Down, seconds(4000));
  }
}

TEST_F(ScheduleTest, OneProbeForAllItsMail) {
  for (const char* id : {"A", "B", "C"}) add(id, {"d"});
  bring_down();
  add("D", {"d"}, seconds(100));
  clock.advance(seconds(2));
  EXPECT_EQ(next(), "d A");
  EXPECT_EQ(next(), "") << "one connection while it is down";
  EXPECT_EQ(wait(), -1);
}

TEST_F(ScheduleTest, WhenItAnswersAllItsMailGoes) {
  for (const char* id : {"A", "B", "C"}) add(id, {"d"});
  add("X", {"other"}, seconds(1000));
  bring_down();
  clock.advance(seconds(2));
  ASSERT_EQ(next(), "d A");
  say(jobs.back(), Kind::Removed, "A");
  say(jobs.back(), Kind::Up, "d");
  end(jobs.back());
  EXPECT_EQ(next(), "d B,C");
  EXPECT_EQ(next(), "") << "other destinations keep their time";
}

// The probe's own message was put off by the server that answers: it was tried just now.
TEST_F(ScheduleTest, TheProbeItselfKeepsItsTime) {
  add("A", {"d"});
  add("B", {"d"});
  bring_down();
  clock.advance(seconds(2));
  ASSERT_EQ(next(), "d A");
  finish(jobs.back(), Kind::Up, seconds(300));
  EXPECT_EQ(next(), "d B");
  say(jobs.back(), Kind::Removed, "B");
  end(jobs.back());
  EXPECT_EQ(wait(), 300);
}

// While it is down, messages grow old: those whose own time has come go with a probe, so that
// they are warned about and end.
TEST_F(ScheduleTest, MessagesAgeWhileTheDestinationIsDown) {
  for (const char* id : {"A", "B", "C", "D", "E"}) add(id, {"d"});
  ASSERT_EQ(next(), "d A,B,C");
  finish(jobs.back(), Kind::Down, seconds(10));
  clock.advance(seconds(2));
  EXPECT_EQ(next(), "d D,E") << "never tried, so due";
  finish(jobs.back(), Kind::Down, seconds(300));
  clock.advance(seconds(4));
  EXPECT_EQ(next(), "d A") << "nothing is due: one message probes";
  finish(jobs.back(), Kind::Down, seconds(300));
  clock.advance(seconds(8));
  EXPECT_EQ(next(), "d B,C");
}

TEST_F(ScheduleTest, TwoConnectionsThatBreakTogetherAreOneOutage) {
  for (const char* id : {"A", "B", "C", "D"}) add(id, {"d"});
  next();
  next();
  finish(jobs.front(), Kind::Down, seconds(300));
  finish(jobs.back(), Kind::Down, seconds(300));
  EXPECT_EQ(wait(), 2);
}

// RFC 1047: what may have been delivered is no probe, and waits for its own time.
TEST_F(ScheduleTest, AnUnknownOutcomeWaitsForItsTime) {
  add("A", {"d"});
  next();
  say(jobs.back(), Kind::Pending, "A", seconds(600), true);
  say(jobs.back(), Kind::Down, "d");
  end(jobs.back());
  EXPECT_EQ(wait(), 600);
  clock.advance(seconds(60));
  EXPECT_EQ(next(), "");
  add("B", {"d"});
  EXPECT_EQ(next(), "d B");
  finish(jobs.back(), Kind::Up, seconds(300));
  EXPECT_EQ(next(), "") << "the destination answers: A waits all the same";
  EXPECT_EQ(wait(), 300);
  clock.advance(seconds(539));
  EXPECT_EQ(next(), "d B");
  finish(jobs.back(), Kind::Up, seconds(300));
  clock.advance(seconds(1));
  EXPECT_EQ(next(), "d A");
}

TEST_F(ScheduleTest, FlushMakesEverythingDue) {
  add("A", {"d"});
  bring_down();
  add("B", {"e"}, seconds(1000));
  schedule.flush(clock.now());
  EXPECT_EQ(next(), "d A");
  EXPECT_EQ(next(), "e B");
}

TEST_F(ScheduleTest, RetainForgetsWhatIsNotInTheQueue) {
  add("A", {"d"});
  add("B", {"d"}, seconds(10));
  add("C", {"e"}, seconds(10));
  next();
  schedule.retain({{"C"}});
  EXPECT_TRUE(schedule.knows({"A"})) << "in a worker's hands";
  EXPECT_FALSE(schedule.knows({"B"}));
  say(jobs.back(), Kind::Removed, "A");
  end(jobs.back());
  schedule.retain({});
  EXPECT_TRUE(schedule.is_empty());
}

// An outage is forgotten with the last message for it.
TEST_F(ScheduleTest, RetainForgetsDestinations) {
  add("A", {"d"});
  bring_down();
  schedule.retain({});
  add("B", {"d"});
  EXPECT_EQ(next(), "d B") << "at once, no probe";
}

TEST_F(ScheduleTest, LateNewsOfForgottenMessagesIsHarmless) {
  add("A", {"d"});
  next();
  say(jobs.back(), Kind::Removed, "A");
  say(jobs.back(), Kind::Pending, "A", seconds(1));
  say(jobs.back(), Kind::Done, "A");
  say(jobs.back(), Kind::Pending, "never-seen", seconds(1));
  end(jobs.back());
  EXPECT_TRUE(schedule.is_empty());
}

// The wall clock may step; times are compared with it only.
TEST_F(ScheduleTest, ClockSteps) {
  add("A", {"d"});
  next();
  finish(jobs.back(), Kind::Up, seconds(300));
  clock.step_wall_clock(-seconds(3600));
  EXPECT_EQ(wait(), 3900);
  clock.step_wall_clock(seconds(7200));
  EXPECT_EQ(next(), "d A");
}

}  // namespace
}  // namespace mail::relay
