// Recipient: what is stored where, and the answer.
#include "libmail/local/recipient.h"

#include <thread>

#include "libmail/local/packet.h"
#include "libmail/local/record.h"
#include "tests/local/place_fixture.h"

namespace mail::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecipientTest : public PlaceFixture {};

TEST_F(RecipientTest, StoresInTheMailboxWithTheFieldsOfDelivery) {
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Ok) << verdict.text;
  EXPECT_EQ(verdict.text, "delivered to mailbox");
  EXPECT_EQ(slurp(spool()).substr(0, 21), "From ann@example.org ");
  EXPECT_THAT(messages(spool()), ElementsAre(kFields + kMessage));
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(helper_.made, 1);  // only the monitor may make a file in the spool
  EXPECT_EQ(helper_.locked, 1);
  EXPECT_EQ(helper_.released, 1);
}

TEST_F(RecipientTest, TheOwnersAddressIsTheReturnPath) {
  Delivery what = delivery();
  what.end_point.owner = "owner-list@linuxprobe.com";
  deliver(what);
  EXPECT_THAT(messages(spool()).at(0),
              testing::StartsWith("Return-Path: <owner-list@linuxprobe.com>\n"));
}

TEST_F(RecipientTest, OnceForEachDeliveryId) {
  for (const bool from_queue : {false, true}) {
    std::filesystem::remove(spool());
    std::filesystem::remove_all(home("mail"));
    EXPECT_EQ(deliver(delivery("Q2.0", from_queue)).text, "delivered to mailbox");
    EXPECT_EQ(deliver(delivery("Q2.0", from_queue)).text, "delivered to mailbox before");
    EXPECT_EQ(deliver(delivery("Q2.1", from_queue)).text, "delivered to mailbox");
    EXPECT_EQ(messages(spool()).size(), 2U);
  }
}

TEST_F(RecipientTest, NothingIsStoredWithoutGo) {
  go_ = false;
  EXPECT_EQ(deliver(delivery()).answer, Answer::Later);
  EXPECT_THAT(messages(spool()), IsEmpty());
  EXPECT_EQ(helper_.released, helper_.locked);
  go_ = true;
  EXPECT_EQ(deliver(delivery()).answer, Answer::Ok);
  EXPECT_EQ(messages(spool()).size(), 1U);
}

TEST_F(RecipientTest, LoopsAreRefusedForGood) {
  const struct {
    std::string header;
    bool is_loop;
  } cases[] = {
      {"Delivered-To: boss@linuxprobe.com\n", true},
      {"Received: a\nDelivered-To:   BOSS@LinuxProbe.com \nDelivered-To: x@y\n", true},
      {"Delivered-To: ann@linuxprobe.com\n", false},
      {"Subject: Delivered-To: boss@linuxprobe.com\n", false},
  };
  for (const auto& [header, is_loop] : cases) {
    const Verdict verdict = deliver(delivery(header), header + kMessage);
    EXPECT_EQ(verdict.answer, is_loop ? Answer::Failed : Answer::Ok) << header;
    if (is_loop) {
      EXPECT_EQ(verdict.status, (EnhancedStatus{5, 4, 6}));
      EXPECT_EQ(verdict.text, "mail forwarding loop for boss@linuxprobe.com");
    }
  }
  // In the body it says nothing.
  EXPECT_EQ(deliver(delivery("body"), kMessage + "\nDelivered-To: boss@linuxprobe.com\n").answer,
            Answer::Ok);
}

TEST_F(RecipientTest, TooManyHops) {  // RFC 5321 section 6.3
  std::string header;
  for (std::size_t i = 0; i < world_.settings.hopcount_limit; ++i) header += "Received: x\n";
  EXPECT_EQ(deliver(delivery("1"), header + "\nx\n").answer, Answer::Ok);
  const Verdict verdict = deliver(delivery("2"), header + "Received: x\n\nx\n");
  EXPECT_EQ(verdict.answer, Answer::Failed);
  EXPECT_EQ(verdict.status, (EnhancedStatus{5, 4, 6}));
}

TEST_F(RecipientTest, AFullMailboxIsFullAtCheckAndAtDelivery) {
  write(spool(), std::string(1000, 'x'));
  world_.settings.mailbox_size_limit = 1000 + kMessage.size();
  Recipient recipient(world_, helper_, boss_);
  EXPECT_EQ(recipient.check(delivery().end_point, kMessage.size()).answer, Answer::Ok);
  EXPECT_EQ(recipient.check(delivery().end_point, kMessage.size() + 1).answer, Answer::Full);
  const Verdict verdict = deliver(delivery(), kMessage + "x");
  EXPECT_EQ(verdict.answer, Answer::Full);
  EXPECT_EQ(verdict.status, (EnhancedStatus{4, 2, 2}));
  EXPECT_EQ(slurp(spool()), std::string(1000, 'x'));
  world_.settings.mailbox_size_limit = 0;  // none
  EXPECT_EQ(deliver(delivery()).answer, Answer::Ok);
}

TEST_F(RecipientTest, CheckSaysWhatDeliveryWould) {
  Recipient recipient(world_, helper_, boss_);
  const auto check = [&] { return recipient.check(delivery().end_point, 100); };
  EXPECT_EQ(check().answer, Answer::Ok);  // no mailbox yet
  world_.settings.queue_minfree = UINT64_MAX / 2;
  EXPECT_EQ(check().status, (EnhancedStatus{4, 3, 1}));
  world_.settings.queue_minfree = 0;
  std::filesystem::remove_all(dir_ + "/spool");
  EXPECT_EQ(check().answer, Answer::Unwritable);
  EXPECT_EQ(check().status.cls, 4);
  boss_.user = "../boss";
  Recipient stranger(world_, helper_, boss_);
  EXPECT_EQ(stranger.check(delivery().end_point, 100).answer, Answer::Failed);
}

TEST_F(RecipientTest, AMissingSpoolWaits) {
  std::filesystem::remove_all(dir_ + "/spool");
  helper_.refuse_mailbox = true;
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Unwritable);
  EXPECT_EQ(verdict.status.cls, 4);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/spool"));
}

TEST_F(RecipientTest, AHeldDotlockWaits) {
  helper_.lock_is_held = true;
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Later);
  EXPECT_EQ(verdict.status, (EnhancedStatus{4, 2, 1}));
  EXPECT_EQ(asked_, 0);
  EXPECT_THAT(messages(spool()), IsEmpty());
  world_.settings.use_dotlock = false;
  EXPECT_EQ(deliver(delivery()).answer, Answer::Ok);
}

TEST_F(RecipientTest, ALockedMailboxWaits) {
  write(spool(), "");
  const auto other = sys::open(spool(), O_RDWR);
  ASSERT_TRUE(sys::lock(*other, sys::Lock::Exclusive, std::chrono::milliseconds(0), "x"));
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Later);
  EXPECT_EQ(verdict.status, (EnhancedStatus{4, 2, 1}));
  EXPECT_EQ(slurp(spool()), "");
}

// What a .forward says, and what becomes of the message.
struct ForwardCase {
  std::string name, text;
  bool from_queue;
  Answer answer;
  std::vector<std::string> forwards;
  std::size_t in_mailbox;
};

TEST_F(RecipientTest, ForwardFiles) {
  const std::string file = home("file");
  const std::string longest(1700, 'a');
  const ForwardCase cases[] = {
      {"nothing", "", false, Answer::Ok, {}, 1},
      {"comments", "# none\n\n", false, Answer::Ok, {}, 1},
      {"an address", "ann@example.org\n", false, Answer::Forwarded, {"ann@example.org"}, 0},
      {"a local name", "ann\n", false, Answer::Forwarded, {"ann@linuxprobe.com"}, 0},
      {"myself, quoted", "\\boss\n", false, Answer::Ok, {}, 1},
      {"myself", "boss\n", false, Answer::Ok, {}, 1},
      {"myself with domain", "BOSS@linuxprobe.com\n", false, Answer::Ok, {}, 1},
      {"boss of another domain",
       "boss@example.org",
       false,
       Answer::Forwarded,
       {"boss@example.org"},
       0},
      {"two in a transaction", "\\boss, ann\n", false, Answer::Later, {}, 0},
      {"two from the queue", "\\boss, ann\n", true, Answer::Forwarded, {"ann@linuxprobe.com"}, 1},
      {"two lines",
       "ann\neve@example.org\n",
       true,
       Answer::Forwarded,
       {"ann@linuxprobe.com", "eve@example.org"},
       0},
      {"long", longest + "@example.org", false, Answer::Forwarded, {longest + "@example.org"}, 0},
      {"over-long",
       longest + "a@" + std::string(100, 'b') + ".example",
       false,
       Answer::Failed,
       {},
       0},
      {"over-long with others",
       longest + "a@" + std::string(100, 'b') + ".example, ann",
       true,
       Answer::Forwarded,
       {"ann@linuxprobe.com"},
       0},
      {"control character", "\"a\x01\"@example.org\n", false, Answer::Failed, {}, 0},
      {"null device", "/dev/null\n", false, Answer::Ok, {}, 0},
  };
  for (const auto& one : cases) {
    std::filesystem::remove(spool());
    std::filesystem::remove_all(home("mail"));
    forward(one.text);
    const Verdict verdict = deliver(delivery("Q1.0", one.from_queue));
    EXPECT_EQ(verdict.answer, one.answer) << one.name << ": " << verdict.text;
    std::vector<std::string> forwards;
    for (const auto& to : verdict.forward_to) {
      EXPECT_EQ(to.kind, alias::Kind::Remote);
      forwards.push_back(to.target);
    }
    EXPECT_EQ(forwards, one.forwards) << one.name;
    EXPECT_EQ(messages(spool()).size(), one.in_mailbox) << one.name;
    if (one.name.starts_with("over-long")) {
      EXPECT_EQ(verdict.status, (EnhancedStatus{5, 1, 3})) << one.name;
    }
  }
}

TEST_F(RecipientTest, NoForward) {
  forward("ann@example.org\n");
  Delivery what = delivery();
  what.end_point.no_forward = true;
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_EQ(messages(spool()).size(), 1U);
}

TEST_F(RecipientTest, ForwardedToFilesOnceEach) {
  forward(home("one") + ", " + home("two") + ", \\boss\n");
  for (int i = 0; i < 3; ++i) {
    const Verdict verdict = deliver(delivery("Q1.0", true));
    EXPECT_EQ(verdict.answer, Answer::Ok) << verdict.text;
    EXPECT_TRUE(verdict.kept_copy);
  }
  for (const auto& path : {home("one"), home("two"), spool()}) {
    EXPECT_THAT(messages(path), ElementsAre(kFields + kMessage)) << path;
  }
}

TEST_F(RecipientTest, OnePartThatWaitsMakesTheWholeWait) {
  forward("\\boss, \"|exit 75\", ann\n");
  const Verdict verdict = deliver(delivery("Q1.0", true));
  EXPECT_EQ(verdict.answer, Answer::Later);
  EXPECT_THAT(verdict.forward_to, IsEmpty());
  EXPECT_EQ(messages(spool()).size(), 1U);
  deliver(delivery("Q1.0", true));
  EXPECT_EQ(messages(spool()).size(), 1U);  // found done
}

TEST_F(RecipientTest, OnePartThatFailsIsToldAndTheOthersAreServed) {
  forward("\"|echo go away; exit 67\", ann, \\boss\n");
  const Verdict verdict = deliver(delivery("Q1.0", true));
  EXPECT_EQ(verdict.answer, Answer::Forwarded);
  EXPECT_EQ(verdict.status, (EnhancedStatus{5, 1, 1}));
  EXPECT_EQ(verdict.text, "user unknown. Command output: go away");
  ASSERT_EQ(verdict.forward_to.size(), 1U);
  EXPECT_EQ(verdict.forward_to.front().target, "ann@linuxprobe.com");
  EXPECT_EQ(messages(spool()).size(), 1U);
}

TEST_F(RecipientTest, FilesThatAreNotToBeBelievedWait) {
  const auto status_with = [&](mode_t mode) {
    write(home(".forward"), "ann@example.org\n", mode);
    const Verdict verdict = deliver(delivery());
    EXPECT_EQ(verdict.answer, Answer::Later) << std::oct << mode;
    return verdict.status;
  };
  EXPECT_EQ(status_with(0620), (EnhancedStatus{4, 3, 5}));
  EXPECT_EQ(status_with(0602), (EnhancedStatus{4, 3, 5}));
  write(home(".forward"), std::string(300'000, '#'));
  EXPECT_EQ(deliver(delivery()).answer, Answer::Later);
  std::filesystem::remove(home(".forward"));
  ASSERT_EQ(::mkfifo(home(".forward").c_str(), 0600), 0);  // nobody writes there: no hanging
  EXPECT_EQ(deliver(delivery()).answer, Answer::Later);
  std::filesystem::remove(home(".forward"));
  std::filesystem::create_directory(home(".forward"));
  EXPECT_EQ(deliver(delivery()).answer, Answer::Later);
  EXPECT_THAT(messages(spool()), IsEmpty());
}

TEST_F(RecipientTest, RestrictedDestinationsFail) {
  world_.settings.allow_mail_to_commands = {"alias"};
  forward("|true\n");
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Failed);
  EXPECT_EQ(verdict.status, (EnhancedStatus{5, 7, 1}));
  world_.settings.allow_mail_to_files = {"alias"};
  forward(home("file") + "\n");
  EXPECT_EQ(deliver(delivery()).answer, Answer::Failed);
  EXPECT_FALSE(std::filesystem::exists(home("file")));
}

TEST_F(RecipientTest, NothingThatRootsForwardNamesRunsAsRoot) {
  boss_.uid = 0;
  for (const std::string& target : {"\"|touch " + home("touched") + "\"", home("file")}) {
    forward(target + "\n");
    const Verdict verdict = deliver(delivery());
    EXPECT_EQ(verdict.answer, Answer::Later);
    EXPECT_EQ(verdict.status, (EnhancedStatus{4, 3, 5}));
  }
  EXPECT_FALSE(std::filesystem::exists(home("touched")));
  EXPECT_FALSE(std::filesystem::exists(home("file")));
}

TEST_F(RecipientTest, Commands) {
  const struct {
    std::string command;
    Answer answer;
    EnhancedStatus status;
    std::string text;
  } cases[] = {
      {"true", Answer::Ok, {2, 0, 0}, "delivered to command"},
      {"exit 75", Answer::Later, {4, 3, 0}, "temporary failure"},
      {"exit 77", Answer::Failed, {5, 7, 0}, "permission denied"},
      {"echo 5.7.1 go away; exit 77",
       Answer::Failed,
       {5, 7, 1},
       "permission denied. Command output: go away"},
      {"kill -9 $$", Answer::Later, {4, 3, 0}, "Command died with signal 9"},
  };
  for (const auto& [command, answer, status, text] : cases) {
    Delivery what = delivery();
    what.end_point.kind = alias::Kind::Command;
    what.end_point.target = command;
    const Verdict verdict = deliver(what);
    EXPECT_EQ(verdict.answer, answer) << command;
    EXPECT_EQ(verdict.status, status) << command;
    EXPECT_EQ(verdict.text, text) << command;
  }
  go_ = false;
  Delivery what = delivery();
  what.end_point.kind = alias::Kind::Command;
  what.end_point.target = "touch " + home("ran");
  EXPECT_EQ(deliver(what).answer, Answer::Later);
  EXPECT_FALSE(std::filesystem::exists(home("ran")));
}

TEST_F(RecipientTest, Files) {
  Delivery what = delivery();
  what.end_point.kind = alias::Kind::File;
  what.end_point.target = home("archive");
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_THAT(messages(home("archive")), ElementsAre(kFields + kMessage));

  what.end_point.target = home("Archive/");  // a Maildir
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(home("Archive/new"))) {
    found.push_back(slurp(entry.path()));
  }
  EXPECT_THAT(found, ElementsAre(kFields + kMessage));

  ASSERT_EQ(::mkfifo(home("fifo").c_str(), 0600), 0);
  for (const std::string& path : {home("fifo"), home("Archive"), std::string("/dev/full")}) {
    what.end_point.target = path;
    const Verdict verdict = deliver(what);
    EXPECT_EQ(verdict.answer, Answer::Failed) << path;
    EXPECT_EQ(verdict.status.cls, 5) << path;
  }
  what.end_point.target = home("missing/dir/archive");
  std::filesystem::remove_all(home("missing"));
  EXPECT_NE(deliver(what).answer, Answer::Failed);
}

TEST_F(RecipientTest, Lists) {
  Delivery what = delivery();
  what.end_point.kind = alias::Kind::Include;
  what.end_point.target = home("list");
  EXPECT_EQ(deliver(what).answer, Answer::Unwritable);  // not there (today)
  write(home("list"), "# nobody yet\n");
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  write(home("list"),
        "ann, eve@example.org\n# comment\n" + std::string(2000, 'x') + "@y.example\n");
  const Verdict verdict = deliver(what);
  EXPECT_EQ(verdict.answer, Answer::Forwarded);
  ASSERT_EQ(verdict.forward_to.size(), 2U);
  EXPECT_EQ(verdict.forward_to.at(0).target, "ann@linuxprobe.com");
  EXPECT_EQ(verdict.forward_to.at(1).target, "eve@example.org");
  EXPECT_EQ(verdict.status, (EnhancedStatus{5, 1, 3}));
  for (const std::string bad : {"|touch x\n", "/file\n", ":include:/etc/passwd\n"}) {
    write(home("list"), "ann\n" + bad);
    const Verdict refused = deliver(what);
    EXPECT_TRUE(refused.answer == Answer::Failed || refused.answer == Answer::Later) << bad;
    EXPECT_THAT(refused.forward_to, IsEmpty()) << bad;
  }
}

TEST(VerdictOf, Failures) {
  log::open("deliver", log::Sink::Discard);
  const struct {
    Error error;
    Answer answer;
    EnhancedStatus status;
  } cases[] = {
      {make_error(Errc::OverQuota, "x"), Answer::Full, {4, 2, 2}},
      {make_error(Errc::NoSpace, "x"), Answer::Later, {4, 3, 1}},
      {make_error(Errc::InUse, "x"), Answer::Later, {4, 2, 1}},
      {make_error(Errc::Denied, EnhancedStatus{4, 3, 0}, "x"), Answer::Unwritable, {4, 2, 0}},
      {make_error(Errc::Denied, "x"), Answer::Failed, {5, 7, 1}},
      {make_error(Errc::Loop, EnhancedStatus{5, 4, 6}, "x"), Answer::Failed, {5, 4, 6}},
      {make_error(Errc::Io, "x"), Answer::Later, {4, 3, 0}},
      {make_error(Errc::Corrupt, "x"), Answer::Later, {4, 3, 0}},
  };
  for (const auto& [error, answer, status] : cases) {
    EXPECT_EQ(verdict_of(error).answer, answer) << to_string(error.code);
    EXPECT_EQ(verdict_of(error).status, status) << to_string(error.code);
  }
}

TEST(StatusWord, OfEachAnswer) {
  const struct {
    Answer answer;
    EnhancedStatus status;
    std::string_view word;
  } cases[] = {
      {Answer::Ok, {2, 0, 0}, "sent"},         {Answer::Forwarded, {2, 0, 0}, "sent"},
      {Answer::Unknown, {5, 1, 1}, "bounced"}, {Answer::Failed, {5, 7, 1}, "bounced"},
      {Answer::Full, {4, 2, 2}, "deferred"},   {Answer::Full, {5, 2, 2}, "bounced"},
      {Answer::Later, {4, 2, 1}, "deferred"},  {Answer::Unwritable, {4, 2, 0}, "deferred"},
  };
  for (const auto& [answer, status, word] : cases) {
    EXPECT_EQ(status_word({answer, status, {}, {}, false}), word);
  }
}

// The talk around it (docs/delivery-records.md).
class Talk : public PlaceFixture {
 protected:
  Talk() {
    auto pair = make_packet_pair().value();
    ours_ = std::move(pair.ours);
    theirs_ = std::move(pair.theirs);
  }
  static Record record_of(const Delivery& what, RecordType type = RecordType::Deliver) {
    Record record = request_for(type, what.end_point);
    record.delivery_id = what.delivery_id;
    record.queue_id = what.queue_id;
    record.reverse_path = what.reverse_path;
    record.from_queue = what.from_queue;
    return record;
  }
  void serve(const Record& first, int message = -1) {
    const auto octets = encode_record(first).value();
    FileDescriptor descriptor(message < 0 ? -1 : ::dup(message));
    thread_ = std::thread([this, octets, fd = std::move(descriptor)]() mutable {
      Recipient recipient(world_, helper_, boss_);
      serve_recipient(recipient, theirs_, octets, std::move(fd));
      theirs_.reset();
    });
  }
  std::optional<Record> next() {
    const auto packet =
        receive_packet(ours_, std::chrono::steady_clock::now() + std::chrono::seconds(10));
    if (!packet) return std::nullopt;
    return parse_record(packet->octets).value();
  }
  void say(const Record& record, int message = -1) {
    EXPECT_TRUE(send_packet(ours_, encode_record(record).value(), message));
  }
  ~Talk() override {
    ours_.reset();
    if (thread_.joinable()) thread_.join();
  }
  FileDescriptor ours_, theirs_;
  std::thread thread_;
};

TEST_F(Talk, CheckThenDeliveriesOnOneConnection) {
  serve(record_of(delivery(), RecordType::Check));
  auto answer = next();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->answer, Answer::Ok);
  const auto message = open_message(kMessage);
  Record go;
  go.type = RecordType::Go;
  for (const std::string id : {"Q1.0", "Q1.1"}) {
    say(record_of(delivery(id)), message.get());
    EXPECT_EQ(next()->type, RecordType::Committing);
    say(go);
    answer = next();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->type, RecordType::Outcome);
    EXPECT_EQ(answer->answer, Answer::Ok) << answer->text;
  }
  // Stored before: no committing.
  say(record_of(delivery("Q1.0")), message.get());
  EXPECT_EQ(next()->type, RecordType::Outcome);
  EXPECT_EQ(messages(spool()).size(), 2U);
}

TEST_F(Talk, TheAskerLeavesInsteadOfGo) {
  const auto message = open_message(kMessage);
  serve(record_of(delivery()), message.get());
  EXPECT_EQ(next()->type, RecordType::Committing);
  ours_.reset();
  thread_.join();
  EXPECT_THAT(messages(spool()), IsEmpty());
  EXPECT_EQ(helper_.released, helper_.locked);
}

TEST_F(Talk, AnythingButGoIsNoGo) {
  const auto message = open_message(kMessage);
  serve(record_of(delivery()), message.get());
  EXPECT_EQ(next()->type, RecordType::Committing);
  say(record_of(delivery(), RecordType::Check));
  EXPECT_FALSE(next());
  EXPECT_THAT(messages(spool()), IsEmpty());
}

TEST_F(Talk, AnotherEndPointEndsTheConnection) {
  serve(record_of(delivery(), RecordType::Check));
  EXPECT_TRUE(next());
  Delivery other = delivery();
  other.end_point.target = "root";
  const auto message = open_message(kMessage);
  say(record_of(other), message.get());
  EXPECT_FALSE(next());
}

TEST_F(Talk, ADeliveryWithoutMessageOrIdEndsTheConnection) {
  serve(record_of(delivery()));
  EXPECT_FALSE(next());
}
TEST_F(Talk, ADeliveryWithoutIdEndsTheConnection) {
  const auto message = open_message(kMessage);
  serve(record_of(delivery("")), message.get());
  EXPECT_FALSE(next());
}
TEST_F(Talk, APipeIsNoMessage) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor read(ends[0]);
  const FileDescriptor write_end(ends[1]);
  serve(record_of(delivery()), read.get());
  EXPECT_FALSE(next());
}

TEST_F(Talk, ForwardsComeBeforeTheOutcome) {
  forward("ann, eve@example.org\n");
  const auto message = open_message(kMessage);
  serve(record_of(delivery("Q1.0", true)), message.get());
  EXPECT_EQ(next()->target, "ann@linuxprobe.com");
  EXPECT_EQ(next()->target, "eve@example.org");
  const auto outcome = next();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->type, RecordType::Outcome);
  EXPECT_EQ(outcome->answer, Answer::Forwarded);
}

TEST_F(Talk, OneLogLineForADelivery) {
  testing::internal::CaptureStderr();
  log::open("deliver", log::Sink::Stderr);
  forward("|exit 67\n");
  const auto message = open_message(kMessage);
  serve(record_of(delivery()), message.get());
  EXPECT_EQ(next()->type, RecordType::Committing);
  Record go;
  go.type = RecordType::Go;
  say(go);
  EXPECT_EQ(next()->answer, Answer::Failed);
  ours_.reset();
  thread_.join();
  log::open("deliver", log::Sink::Discard);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("Q1: to=<boss@linuxprobe.com>, relay=local, dsn=5.1.1, status=bounced "
                        "(user unknown)\n"));
}

}  // namespace
}  // namespace mail::local
