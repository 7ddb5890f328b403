// One attempt at a queued message: marks, reports, forwards, and when it is tried again.
#include "libmail/relay/attempt.h"

#include <gmock/gmock.h>

#include "tests/relay/world.h"

namespace mail::relay {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

const std::string kOk = "250 ok";
const std::string kGo = "354 go";
const std::string kTaken = "250 2.0.0 taken";
const std::string kNoUser = "550 5.1.1 No such user";

class AttemptTest : public testing::Test, public test::Memory {
 protected:
  seconds next_try(const AttemptResult& result) {
    return std::chrono::duration_cast<seconds>(result.next_try - clock.now());
  }
};

TEST_F(AttemptTest, SentIsRemoved) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  const auto result = send(id, "peer.example", {kOk, kOk, kGo, kTaken});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->removed);
  EXPECT_TRUE(queue.stored().empty());
  EXPECT_THAT(server->received(), HasSubstr("MAIL FROM:<ann@linuxprobe.com>\r\nRCPT "
                                            "TO:<bob@peer.example>\r\nDATA\r\nSubject: Hello\r\n"));
}

TEST_F(AttemptTest, RefusedForGoodIsReported) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@peer.example")});
  const auto result = send(id, "peer.example", {kOk, kOk, kNoUser, kGo, kTaken});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->removed);
  EXPECT_FALSE(holds(id.value));
  const auto& report = stored(id.value + "-B1");
  EXPECT_EQ(report.envelope.reverse_path, "");
  EXPECT_EQ(report.envelope.parent, id.value + ":1");
  ASSERT_EQ(report.envelope.recipients.size(), 1U);
  EXPECT_EQ(report.envelope.recipients[0].address, "ann@linuxprobe.com");
  EXPECT_EQ(report.envelope.recipients[0].kind, "user");
  EXPECT_EQ(report.envelope.recipients[0].target, "ann");
  EXPECT_THAT(report.message, HasSubstr("Final-Recipient: rfc822; eve@peer.example\n"));
  EXPECT_THAT(report.message, HasSubstr("Diagnostic-Code: smtp; 550 5.1.1 No such user\n"));
  EXPECT_THAT(report.message, HasSubstr("Remote-MTA: dns; mx.peer.example\n"));
  EXPECT_THAT(report.message, HasSubstr("Subject: Hello\n"));
  EXPECT_THAT(report.message, Not(HasSubstr("bob@peer.example")));
  EXPECT_THAT(report.message, Not(HasSubstr("Text\n"))) << "the header only";
  EXPECT_EQ(queue.notices(), 1U);
}

TEST_F(AttemptTest, DeferredWaitsAsLongAsItIsOld) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@peer.example")});
  const auto first = send(id, "peer.example", {kOk, kOk, "450 4.2.1 Greylisted", kGo, kTaken});
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->removed);
  EXPECT_FALSE(first->destination_done);
  EXPECT_FALSE(first->outcome_unknown);
  EXPECT_EQ(next_try(*first), seconds(300));  // minimal_backoff_time
  EXPECT_EQ(states(id), "D.");
  EXPECT_EQ(stored(id.value).next_try, first->next_try);
  EXPECT_EQ(stored(id.value).attempts, 1U);
  EXPECT_THAT(stored(id.value).envelope.recipients[1].reason, HasSubstr("450 4.2.1 Greylisted"));
  EXPECT_EQ(to_string(stored(id.value).envelope.recipients[1].status), "4.2.1");
  for (const long age : {1000, 3999, 10000}) {
    clock.advance(stored(id.value).envelope.arrived + seconds(age) - clock.now());
    const auto again = send(id, "peer.example", {"450 4.2.1 Greylisted"});
    ASSERT_TRUE(again);
    EXPECT_EQ(next_try(*again), seconds(std::min(age, 4000L)));
    EXPECT_THAT(server->received(), Not(HasSubstr("bob@"))) << "done is done";
  }
  EXPECT_EQ(stored(id.value).attempts, 4U);
  EXPECT_EQ(queue.stored().size(), 1U);
}

TEST_F(AttemptTest, AClockThatStepsBackCostsNothing) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  clock.step_wall_clock(-hours(1000));
  const auto result = send(id, "peer.example", {"450 later"});
  ASSERT_TRUE(result);
  EXPECT_EQ(next_try(*result), seconds(300));
  EXPECT_EQ(queue.stored().size(), 1U);
}

// RFC 1047: neither delivered nor refused, and tried again later than a plain failure.
TEST_F(AttemptTest, UnknownOutcomeWaitsLonger) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@peer.example")});
  const auto result = send(id, "peer.example", {kOk, kOk, kNoUser, kGo});
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->removed);
  EXPECT_TRUE(result->outcome_unknown);
  EXPECT_EQ(next_try(*result), seconds(600));
  EXPECT_EQ(states(id), ".F");
  EXPECT_THAT(stored(id.value).envelope.recipients[0].reason,
              HasSubstr("may be sent more than once"));
  EXPECT_TRUE(holds(id.value + "-B1"));
  EXPECT_EQ(queue.stored().size(), 2U);
}

TEST_F(AttemptTest, ReportsNeverAnswerReports) {
  const auto id = add("", {remote("bob@peer.example")});
  const auto result = send(id, "peer.example", {kOk, kNoUser});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->removed);
  EXPECT_TRUE(queue.stored().empty());
  const auto old = add("", {remote("bob@peer.example")});
  clock.advance(hours(200));
  ASSERT_TRUE(send(old, "peer.example", {"450 later"}));
  EXPECT_TRUE(queue.stored().empty());
}

TEST_F(AttemptTest, LifetimeEnds) {
  queue_settings.maximal_queue_lifetime = hours(120);
  queue_settings.bounce_queue_lifetime = hours(24);
  queue_settings.delay_warning_time = hours(0);
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  const auto report = add("", {remote("bob@peer.example")});
  clock.advance(hours(24) - seconds(1));
  EXPECT_FALSE(send(report, "peer.example", {"450 later"})->removed);
  clock.advance(seconds(1));
  EXPECT_TRUE(send(report, "peer.example", {"450 later"})->removed);
  EXPECT_FALSE(send(id, "peer.example", {"450 later"})->removed);
  clock.advance(hours(96) - seconds(1));
  EXPECT_FALSE(send(id, "peer.example", {"450 later"})->removed);
  EXPECT_EQ(queue.stored().size(), 1U);
  clock.advance(seconds(1));
  EXPECT_TRUE(send(id, "peer.example", {"450 4.7.1 Greylisted"})->removed);
  const auto& expired = stored(id.value + "-B0").message;
  EXPECT_THAT(expired, HasSubstr("Status: 5.4.7\n"));
  EXPECT_THAT(expired, HasSubstr("Action: failed\n"));
  EXPECT_THAT(expired, HasSubstr("Diagnostic-Code: smtp; 450 4.7.1 Greylisted\n"));
}

TEST_F(AttemptTest, LifetimeEndsThoughUnreachable) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  clock.advance(hours(120));
  const auto why = make_error(Errc::Unavailable, EnhancedStatus{4, 4, 1}, "connect to mx: refused");
  EXPECT_TRUE(be_unreachable(id, "peer.example", why)->removed);
  const auto& report = stored(id.value + "-B0").message;
  EXPECT_THAT(report, HasSubstr("Status: 5.4.7\n"));
  EXPECT_THAT(
      report,
      HasSubstr("Diagnostic-Code: X-Tubepost; delivery time expired; last: connect to mx:"));
  EXPECT_THAT(report, Not(HasSubstr("Remote-MTA"))) << "nobody said anything";
}

TEST_F(AttemptTest, OneWarningOfDelay) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@peer.example")});
  clock.advance(hours(4) - seconds(1));
  ASSERT_TRUE(send(id, "peer.example", {kOk, kOk, "450 4.2.1 later", kGo, kTaken}));
  EXPECT_FALSE(holds(id.value + "-W"));
  clock.advance(seconds(1));
  ASSERT_TRUE(send(id, "peer.example", {kOk, "450 4.2.1 later"}));
  ASSERT_TRUE(holds(id.value + "-W"));
  const std::string warning = stored(id.value + "-W").message;
  EXPECT_THAT(warning, HasSubstr("Action: delayed\n"));
  EXPECT_THAT(warning, HasSubstr("Status: 4.2.1\n"));
  EXPECT_THAT(warning, HasSubstr("for 5 days from its arrival"));
  EXPECT_THAT(warning, HasSubstr("Will-Retry-Until: "));
  EXPECT_THAT(warning, Not(HasSubstr("bob@peer.example")));
  // It stays as a tombstone when it is delivered, and so no second one is made.
  ASSERT_TRUE(deliver({id.value + "-W"}));
  EXPECT_EQ(stored(id.value + "-W").message, "");
  clock.advance(hours(4));
  const auto notices = queue.notices();
  ASSERT_TRUE(send(id, "peer.example", {kOk, "450 4.2.1 later"}));
  EXPECT_EQ(stored(id.value + "-W").message, "");
  EXPECT_EQ(queue.notices(), notices);
}

TEST_F(AttemptTest, NoWarningWhereNoneIsWanted) {
  queue_settings.delay_warning_time = seconds(0);
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  const auto null_sender = add("", {remote("bob@peer.example")});
  clock.advance(hours(100));
  ASSERT_TRUE(send(id, "peer.example", {"450 later"}));
  queue_settings.delay_warning_time = hours(4);
  ASSERT_TRUE(send(null_sender, "peer.example", {"450 later"}));
  EXPECT_EQ(queue.stored().size(), 2U);
}

// Who is sent to as a list's owner has the list's owner told (RFC 5321 section 3.9.2).
TEST_F(AttemptTest, OwnersAreSendersAndAreTold) {
  end_points["owner-list@linuxprobe.com"] = {user("boss")};
  auto of_list = remote("eve@peer.example");
  of_list.owner = "owner-list@linuxprobe.com";
  of_list.original_to = "list@linuxprobe.com";
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example"), of_list});
  const auto result = send(id, "peer.example", {kOk, kNoUser, kOk, kOk, kNoUser});
  ASSERT_TRUE(result);
  EXPECT_THAT(
      server->received(),
      HasSubstr("MAIL FROM:<ann@linuxprobe.com>\r\nRCPT TO:<bob@peer.example>\r\nRSET\r\nMAIL "
                "FROM:<owner-list@linuxprobe.com>\r\nRCPT TO:<eve@peer.example>\r\n"));
  EXPECT_EQ(stored(id.value + "-B0").envelope.recipients.at(0).target, "ann");
  EXPECT_THAT(stored(id.value + "-B0").message, HasSubstr("To: <ann@linuxprobe.com>\n"));
  EXPECT_THAT(stored(id.value + "-B0").message, Not(HasSubstr("eve@peer.example")));
  EXPECT_EQ(stored(id.value + "-B1").envelope.recipients.at(0).target, "boss");
  EXPECT_THAT(stored(id.value + "-B1").message, HasSubstr("To: <owner-list@linuxprobe.com>\n"));
  EXPECT_THAT(stored(id.value + "-B1").message,
              HasSubstr("<eve@peer.example> (expanded from <list@linuxprobe.com>): host said: "));
}

TEST_F(AttemptTest, OwnersAreWarnedOnceToo) {
  end_points["owner-list@linuxprobe.com"] = {user("boss")};
  auto eve = remote("eve@peer.example");
  auto zoe = remote("zoe@peer.example");
  eve.owner = zoe.owner = "owner-list@linuxprobe.com";
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example"), eve, zoe});
  clock.advance(hours(4));
  ASSERT_TRUE(send(id, "peer.example", {"450 no", "450 no"}));
  EXPECT_TRUE(holds(id.value + "-W"));
  EXPECT_TRUE(holds(id.value + "-W1"));
  EXPECT_EQ(queue.stored().size(), 3U);
  ASSERT_TRUE(send(id, "peer.example", {"450 no", kOk, kOk, "450 no", kGo, kTaken}));
  EXPECT_EQ(states(id), ".D.");
  EXPECT_EQ(queue.stored().size(), 3U) << "the other of that owner waits on: no second warning";
}

// RFC 5321 section 4.5.3.1.8.
TEST_F(AttemptTest, TransactionsAreBounded) {
  settings.recipient_limit = 2;
  std::vector<queue::Recipient> recipients;
  for (const char* name : {"a", "b", "c", "d", "e"})
    recipients.push_back(remote(std::string(name) + "@peer.example"));
  const auto id = add("ann@linuxprobe.com", recipients);
  std::vector<std::string> replies;
  for (int i = 0; i < 2; ++i) replies.insert(replies.end(), {kOk, kOk, kOk, kGo, kTaken});
  replies.insert(replies.end(), {kOk, kOk, kGo, kTaken});
  EXPECT_TRUE(send(id, "peer.example", replies)->removed);
  std::size_t transactions = 0;
  for (std::size_t at = 0; (at = server->received().find("MAIL FROM", at)) != std::string::npos;
       ++at)
    ++transactions;
  EXPECT_EQ(transactions, 3U);
}

TEST_F(AttemptTest, ABrokenConnectionDefersTheRest) {
  settings.recipient_limit = 1;
  const auto id = add("ann@linuxprobe.com", {remote("a@peer.example"), remote("b@peer.example"),
                                             remote("c@peer.example")});
  const auto result = send(id, "peer.example", {kOk, kOk, kGo, kTaken, kOk});
  ASSERT_TRUE(result);
  EXPECT_EQ(states(id), "D..");
  EXPECT_FALSE(result->outcome_unknown);
}

// A report that cannot be queued costs nobody a second copy.
TEST_F(AttemptTest, NoRoomForTheReport) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@peer.example")});
  queue.fail_commit(make_error(Errc::NoSpace, "disk full"));
  const auto result = send(id, "peer.example", {kOk, kOk, kNoUser, kGo, kTaken});
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->removed);
  EXPECT_EQ(states(id), "D.") << "sent is marked, refused waits until its report can be made";
  queue.fail_commit(std::nullopt);
  EXPECT_TRUE(send(id, "peer.example", {kOk, kNoUser})->removed);
  EXPECT_TRUE(holds(id.value + "-B1"));
}

TEST_F(AttemptTest, TheSenderCannotBeToldNow) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  expansion_fails = true;
  EXPECT_FALSE(send(id, "peer.example", {kOk, kNoUser})->removed);
  EXPECT_EQ(states(id), ".");
  expansion_fails = false;
  EXPECT_TRUE(send(id, "peer.example", {kOk, kNoUser})->removed);
}

// Killed between the report and the mark: the report is not made twice.
TEST_F(AttemptTest, AReportIsMadeOnce) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example")});
  auto draft = queue.create();
  ASSERT_TRUE((*draft)->write("the first report"));
  queue::Envelope first;
  first.id = queue::bounce_id(id, 0);
  ASSERT_TRUE((*draft)->commit(first));
  EXPECT_TRUE(send(id, "peer.example", {kOk, kNoUser})->removed);
  EXPECT_EQ(stored(id.value + "-B0").message, "the first report");
}

TEST_F(AttemptTest, DestinationsAreApart) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example"),
                                             remote("eve@other.example"), local_user("boss")});
  const auto first = send(id, "peer.example", {kOk, kOk, kGo, kTaken});
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->removed);
  EXPECT_TRUE(first->destination_done);
  EXPECT_EQ(states(id), "D..");
  EXPECT_THAT(server->received(), Not(HasSubstr("eve@")));
  EXPECT_EQ(stored(id.value).next_try, WallTime{}) << "the time to try again is the others'";
  // Asked again for what is done: nothing is said, nothing changes.
  const auto again = send(id, "peer.example", {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->destination_done);
  EXPECT_THAT(server->received(), Not(HasSubstr("MAIL")));
  EXPECT_EQ(stored(id.value).attempts, 0U);
  EXPECT_TRUE(deliver(id)->destination_done);
  EXPECT_TRUE(send(id, "other.example", {kOk, kOk, kGo, kTaken})->removed);
}

TEST_F(AttemptTest, ADomainCalledLocalIsRemote) {
  const auto id = add("ann@linuxprobe.com", {remote("bob@local")});
  EXPECT_TRUE(deliver(id)->destination_done);
  EXPECT_EQ(local.deliveries_seen(), 0U);
  EXPECT_EQ(destination_of(stored(id.value).envelope.recipients[0], settings), "local.");
  EXPECT_TRUE(send(id, "local.", {kOk, kOk, kGo, kTaken})->removed);
}

TEST_F(AttemptTest, RelayHostTakesAllRemote) {
  settings.relayhost = "[smarthost.example]";
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example"),
                                             remote("eve@other.example"), local_user("boss")});
  ASSERT_TRUE(send(id, "[smarthost.example]", {kOk, kOk, kOk, kGo, kTaken}));
  EXPECT_EQ(states(id), "DD.");
}

TEST_F(AttemptTest, Unreachable) {
  const auto id =
      add("ann@linuxprobe.com", {remote("bob@peer.example"), remote("eve@other.example")});
  const auto down = make_error(Errc::Unavailable, EnhancedStatus{4, 4, 1},
                               "connect to mx[192.0.2.1]:25: refused");
  const auto result = be_unreachable(id, "peer.example", down);
  ASSERT_TRUE(result);
  EXPECT_EQ(next_try(*result), seconds(300));
  EXPECT_EQ(states(id), "..");
  EXPECT_EQ(stored(id.value).envelope.recipients[0].reason, "connect to mx[192.0.2.1]:25: refused");
  EXPECT_EQ(stored(id.value).envelope.recipients[1].reason, "");
  const auto never =
      make_error(Errc::NotFound, EnhancedStatus{5, 1, 2}, "Host or domain name not found");
  EXPECT_TRUE(be_unreachable(id, "peer.example", never)->destination_done);
  EXPECT_EQ(states(id), "F.");
  EXPECT_THAT(stored(id.value + "-B0").message, HasSubstr("Status: 5.1.2\n"));
}

struct Local {
  const char* shows;
  local::Verdict verdict;
  char state;
  const char* status;
};

TEST_F(AttemptTest, LocalVerdicts) {
  using local::Answer;
  const Local cases[] = {
      {"stored", {Answer::Ok, {2, 0, 0}, "", {}, false}, 'D', ""},
      {"no such user", {Answer::Unknown, {5, 1, 1}, "", {}, false}, 'F', "5.1.1"},
      {"a command that failed",
       {Answer::Failed, {5, 3, 0}, "Command died", {}, false},
       'F',
       "5.3.0"},
      {"failed with a status that is none",
       {Answer::Failed, {4, 3, 0}, "x", {}, false},
       'F',
       "5.0.0"},
      {"full for now", {Answer::Full, {4, 2, 2}, "", {}, false}, '.', "4.2.2"},
      {"full, no status", {Answer::Full, {}, "", {}, false}, '.', "4.2.2"},
      {"full for good", {Answer::Full, {5, 2, 2}, "Mailbox full", {}, false}, 'F', "5.2.2"},
      {"locked", {Answer::Later, {4, 2, 1}, "Locked", {}, false}, '.', "4.2.1"},
      {"unwritable", {Answer::Unwritable, {4, 2, 0}, "", {}, false}, '.', "4.2.0"},
      {"unwritable never bounces", {Answer::Unwritable, {5, 2, 0}, "", {}, false}, '.', "4.3.0"},
      {"no answer", {Answer::NotCommitted, {}, "", {}, false}, '.', "4.3.0"},
      {"outcome not learned", {Answer::Unresolved, {4, 3, 0}, "", {}, false}, '.', "4.3.0"},
  };
  for (const auto& one : cases) {
    // The other destination keeps the message, so that the states can be seen.
    const auto id = add("ann@linuxprobe.com", {local_user("boss"), remote("bob@peer.example")});
    local.on_deliver("boss", one.verdict);
    ASSERT_TRUE(deliver(id)) << one.shows;
    EXPECT_EQ(states(id), std::string(1, one.state) + '.') << one.shows;
    EXPECT_EQ(holds(id.value + "-B0"), one.state == 'F') << one.shows;
    if (one.state == 'F') {
      EXPECT_THAT(stored(id.value + "-B0").message, HasSubstr("Status: " + std::string(one.status)))
          << one.shows;
      EXPECT_THAT(stored(id.value + "-B0").message, HasSubstr("Diagnostic-Code: X-Tubepost; "))
          << one.shows;
      EXPECT_THAT(stored(id.value + "-B0").message, Not(HasSubstr("Remote-MTA"))) << one.shows;
    } else if (one.state == '.') {
      EXPECT_EQ(to_string(stored(id.value).envelope.recipients[0].status), one.status) << one.shows;
      EXPECT_NE(stored(id.value).envelope.recipients[0].reason, "") << one.shows;
    }
  }
}

TEST_F(AttemptTest, LocalDeliveryIsAskedForAlike) {
  auto boss = local_user("boss");
  boss.no_forward = true;
  boss.owner = "owner-list@linuxprobe.com";
  const auto id = add("ann@linuxprobe.com", {remote("bob@peer.example"), boss});
  local.on_deliver("boss", {local::Answer::Later, {4, 2, 1}, "Locked", {}, false});
  ASSERT_TRUE(deliver(id));
  clock.advance(seconds(1000));
  ASSERT_TRUE(deliver(id));
  ASSERT_EQ(local.stored().size(), 1U);
  const auto& asked = local.stored().front().delivery;
  EXPECT_EQ(asked.delivery_id, id.value + ".1");
  EXPECT_EQ(asked.queue_id, id.value);
  EXPECT_EQ(asked.reverse_path, "owner-list@linuxprobe.com");
  EXPECT_TRUE(asked.from_queue);
  EXPECT_TRUE(asked.end_point.no_forward);
  EXPECT_EQ(asked.end_point.original_to, "boss@linuxprobe.com");
  EXPECT_EQ(
      asked.arrived_microseconds,
      static_cast<std::uint64_t>(stored(id.value).envelope.arrived.time_since_epoch().count()));
  EXPECT_EQ(local.stored().front().message, test::kMessage);
}

local::Verdict forward_to(std::vector<std::string> targets) {
  local::Verdict verdict{local::Answer::Forwarded, {2, 0, 0}, "", {}, false};
  for (const auto& target : targets) {
    alias::EndPoint to;
    to.kind = alias::Kind::Remote;
    to.target = target;
    to.original_to = "boss@linuxprobe.com";
    verdict.forward_to.push_back(to);
  }
  return verdict;
}

TEST_F(AttemptTest, ForwardsAreQueued) {
  const auto id = add("ann@linuxprobe.com", {local_user("boss")});
  local.on_deliver("boss", forward_to({"boss@elsewhere.example", "ann@linuxprobe.com",
                                       "nobody@linuxprobe.com"}));
  EXPECT_TRUE(deliver(id)->removed);
  EXPECT_FALSE(holds(id.value));
  const auto& forward = stored(id.value + "-F0");
  EXPECT_EQ(forward.envelope.reverse_path, "ann@linuxprobe.com");
  EXPECT_EQ(forward.envelope.parent, id.value + ":0");
  // Delivered-To finds loops.
  EXPECT_EQ(forward.message, std::string("Delivered-To: boss@linuxprobe.com\n") + test::kMessage);
  EXPECT_EQ(forward.envelope.size, forward.message.size());
  ASSERT_EQ(forward.envelope.recipients.size(), 3U);
  EXPECT_EQ(forward.envelope.recipients[0].kind, "remote");
  EXPECT_EQ(forward.envelope.recipients[0].target, "boss@elsewhere.example");
  EXPECT_EQ(forward.envelope.recipients[1].kind, "user");
  EXPECT_EQ(forward.envelope.recipients[1].target, "ann");
  // Nobody: its own attempt says so, in a report of its own.
  EXPECT_EQ(forward.envelope.recipients[2].kind, "user");
  EXPECT_EQ(forward.envelope.recipients[2].target, "nobody");
  for (const auto& one : forward.envelope.recipients) {
    EXPECT_EQ(one.state, queue::RecipientState::Pending);
    EXPECT_EQ(one.original_to, one.address == "nobody@linuxprobe.com" ? "nobody@linuxprobe.com"
                                                                      : "boss@linuxprobe.com");
  }
  EXPECT_EQ(queue.notices(), 1U);
}

TEST_F(AttemptTest, AForwardIsMadeOnce) {
  const auto id = add("ann@linuxprobe.com", {local_user("boss"), remote("bob@peer.example")});
  local.on_deliver("boss", forward_to({"boss@elsewhere.example"}));
  auto draft = queue.create();
  ASSERT_TRUE((*draft)->write("the first forward"));
  queue::Envelope first;
  first.id = queue::forward_id(id, 0);
  ASSERT_TRUE((*draft)->commit(first));
  ASSERT_TRUE(deliver(id));
  EXPECT_EQ(states(id), "D.");
  EXPECT_EQ(stored(id.value + "-F0").message, "the first forward");
}

// One that cannot be queued leaves what was delivered before it marked.
TEST_F(AttemptTest, NoRoomForTheForward) {
  const auto id =
      add("ann@linuxprobe.com", {local_user("ann"), local_user("boss"), local_user("zoe")});
  local.on_deliver("boss", forward_to({"boss@elsewhere.example"}));
  queue.fail_commit(make_error(Errc::NoSpace, "disk full"));
  const auto result = deliver(id);
  ASSERT_TRUE(result);
  EXPECT_EQ(states(id), "D.D");
  EXPECT_EQ(to_string(stored(id.value).envelope.recipients[1].status), "4.3.0");
  queue.fail_commit(std::nullopt);
  local.on_deliver("boss", forward_to({"boss@elsewhere.example"}));
  EXPECT_TRUE(deliver(id)->removed);
  EXPECT_EQ(local.stored_for("ann").size(), 1U);
}

TEST_F(AttemptTest, AForwardThatFailsInPartIsReported) {
  const auto id = add("ann@linuxprobe.com", {local_user("boss"), remote("bob@peer.example")});
  auto verdict = forward_to({"boss@elsewhere.example"});
  verdict.status = {5, 3, 0};
  verdict.text = "a command died";
  local.on_deliver("boss", verdict);
  ASSERT_TRUE(deliver(id));
  EXPECT_EQ(states(id), "F.");
  EXPECT_TRUE(holds(id.value + "-F0"));
  EXPECT_THAT(stored(id.value + "-B0").message, HasSubstr("a command died"));
}

TEST_F(AttemptTest, EnvelopeGoesToTheServer) {
  auto draft = queue.create();
  ASSERT_TRUE((*draft)->write(test::kMessage));
  queue::Envelope envelope;
  envelope.reverse_path = "ann@linuxprobe.com";
  envelope.body_8bit = true;
  envelope.recipients = {remote("alias@linuxprobe.com")};
  envelope.recipients[0].target = "bob@peer.example";
  const auto id = *(*draft)->commit(envelope);
  server = std::make_unique<net::MemoryTransport>();
  for (const char* reply : {"220 x\r\n", "250-x\r\n250-8BITMIME\r\n250 SIZE\r\n", "250 ok\r\n",
                            "250 ok\r\n", "354 go\r\n", "250 ok\r\n"})
    server->send(reply);
  Client client(*server, settings, clock);
  ASSERT_TRUE(client.greet());
  const auto item = lock(id);
  EXPECT_TRUE(attempt(world, *item, "peer.example", &client, "mx")->removed);
  EXPECT_THAT(server->received(), HasSubstr("MAIL FROM:<ann@linuxprobe.com> SIZE=46 "
                                            "BODY=8BITMIME\r\nRCPT TO:<bob@peer.example>\r\n"));
}

}  // namespace
}  // namespace mail::relay
