// deliver's monitor on real sockets: whose rights, the spool, and what a bad asker gets.
#include "libmail/local/monitor.h"

#include <sys/wait.h>

#include "libmail/local/packet.h"
#include "libmail/local/record.h"
#include "libmail/local/socket_conversation.h"
#include "tests/local/place_fixture.h"

namespace mail::local {
namespace {

using testing::IsEmpty;

class MonitorTest : public PlaceFixture {
 protected:
  MonitorTest() {
    if (::geteuid() == 0) {  // the monitors below are nobody's: what an ordinary user has
      for (const auto& path : {dir_, dir_ + "/spool", dir_ + "/home"}) {
        EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
      }
      boss_.uid = boss_.gid = kNobody;
    } else {
      boss_.uid = ::geteuid();
      boss_.gid = ::getegid();
    }
    monitor_.recipient = world_;
    monitor_.find_account = [this](std::string_view name) -> Result<auth::Identity> {
      if (name == "boss") return boss_;
      if (name == "down") return fail(Errc::Unavailable, "Accounts cannot be told now");
      return fail(make_error(Errc::NotFound, EnhancedStatus{5, 1, 1}, "No such user"));
    };
    monitor_.permit = [this](const alias::EndPoint& end_point) -> Result<std::string> {
      if (end_point.target == permitted_) return std::string("boss");
      return fail(Errc::Denied, "Not permitted");
    };
  }
  ~MonitorTest() override {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }

  // A connection with a monitor process of its own.
  Result<FileDescriptor> connect() {
    auto pair = TRY(make_packet_pair());
    const pid_t child = ::fork();
    if (child == 0) {
      pair.ours.reset();
      if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(1);
      monitor_.recipient.settings = world_.settings;
      serve_connection(monitor_, std::move(pair.theirs));
      ::_exit(0);
    }
    children_.push_back(child);
    return std::move(pair.ours);
  }
  SocketConversation conversation() {
    return SocketConversation([this] { return connect(); });
  }
  Verdict deliver(const Delivery& what) {
    const auto message = open_message(kMessage);
    auto asker = conversation();
    return asker.deliver(what, message, [] { return true; });
  }
  void own(const std::string& path) const {
    if (::geteuid() == 0) {
      EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    }
  }

  static constexpr uid_t kNobody = 65534;
  MonitorWorld monitor_;
  std::string permitted_;
  std::vector<pid_t> children_;
};

TEST_F(MonitorTest, AUsersMailboxIsMadeInTheSpoolWithADotlock) {
  auto asker = conversation();
  EXPECT_EQ(asker.check(delivery().end_point, 100).answer, Answer::Ok);
  const auto message = open_message(kMessage);
  for (const std::string id : {"Q1.0", "Q1.1", "Q1.0"}) {
    const Verdict verdict = asker.deliver(delivery(id), message, [] { return true; });
    EXPECT_EQ(verdict.answer, Answer::Ok) << verdict.text;
  }
  EXPECT_EQ(children_.size(), 1U);  // one child for all
  EXPECT_EQ(messages(spool()).size(), 2U);
  EXPECT_EQ(std::filesystem::status(spool()).permissions() & std::filesystem::perms::others_all,
            std::filesystem::perms::none);
  EXPECT_FALSE(std::filesystem::exists(spool() + ".lock"));
}

TEST_F(MonitorTest, WhoIsNotThere) {
  auto asker = conversation();
  Delivery what = delivery();
  what.end_point.target = "xxoo";
  EXPECT_EQ(asker.check(what.end_point, 100).answer, Answer::Unknown);
  EXPECT_EQ(asker.check(what.end_point, 100).status, (EnhancedStatus{5, 1, 1}));
  EXPECT_EQ(deliver(what).answer, Answer::Unknown);
  what.end_point.target = "down";
  const Verdict verdict = deliver(what);
  EXPECT_EQ(verdict.answer, Answer::Later);
  EXPECT_EQ(verdict.status.cls, 4);
}

TEST_F(MonitorTest, FilesAndCommandsOnlyWhereOurAliasesLead) {
  Delivery what = delivery();
  for (const alias::Kind kind : {alias::Kind::File, alias::Kind::Command, alias::Kind::Include}) {
    what.end_point.kind = kind;
    what.end_point.target =
        kind == alias::Kind::Command ? "touch " + home("touched") : home("file");
    permitted_.clear();
    const Verdict refused = deliver(what);
    EXPECT_EQ(refused.answer, Answer::Failed) << alias::to_string(kind);
    EXPECT_FALSE(std::filesystem::exists(home("touched")));
    EXPECT_FALSE(std::filesystem::exists(home("file")));
  }
  what.end_point.kind = alias::Kind::File;
  permitted_ = what.end_point.target = home("file");
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_EQ(messages(home("file")).size(), 1U);
  what.end_point.kind = alias::Kind::Command;
  permitted_ = what.end_point.target = "cat > " + home("got");
  EXPECT_EQ(deliver(what).answer, Answer::Ok);
  EXPECT_NE(slurp(home("got")).find("Hello~"), std::string::npos);
}

TEST_F(MonitorTest, NothingRemote) {
  Record record = request_for(RecordType::Deliver, delivery().end_point);
  record.kind = alias::Kind::Remote;
  const auto socket = connect();
  const auto octets = encode_record(record);
  if (!octets) return;  // cannot even be said
  ASSERT_TRUE(send_packet(*socket, *octets));
  const auto packet =
      receive_packet(*socket, std::chrono::steady_clock::now() + std::chrono::seconds(5));
  if (packet) {
    EXPECT_NE(parse_record(packet->octets)->answer, Answer::Ok);
  }
}

TEST_F(MonitorTest, AnothersDotlockIsWaitedFor) {
  write(spool() + ".lock", std::to_string(::getpid()) + "\n");
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Later);
  EXPECT_EQ(verdict.status, (EnhancedStatus{4, 2, 1}));
  EXPECT_THAT(messages(spool()), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(spool() + ".lock"));  // not ours to take away
}

TEST_F(MonitorTest, ALeftOverDotlockIsTakenAway) {
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ::waitpid(gone, nullptr, 0);
  write(spool() + ".lock", std::to_string(gone) + "\n", 0644);
  own(spool() + ".lock");
  EXPECT_EQ(deliver(delivery()).answer, Answer::Ok);
  EXPECT_FALSE(std::filesystem::exists(spool() + ".lock"));
  EXPECT_EQ(messages(spool()).size(), 1U);
  // Of another machine: by its age.
  world_.settings.stale_lock_time = std::chrono::seconds(100);
  write(spool() + ".lock", "0", 0644);
  std::filesystem::last_write_time(
      spool() + ".lock", std::filesystem::file_time_type::clock::now() - std::chrono::minutes(5));
  EXPECT_EQ(deliver(delivery("Q1.1")).answer, Answer::Ok);
}

TEST_F(MonitorTest, ASpoolThatIsMissing) {
  std::filesystem::remove_all(dir_ + "/spool");
  auto asker = conversation();
  EXPECT_EQ(asker.check(delivery().end_point, 100).answer, Answer::Unwritable);
  const Verdict verdict = deliver(delivery());
  EXPECT_EQ(verdict.answer, Answer::Unwritable) << verdict.text;
  EXPECT_EQ(verdict.status.cls, 4);
}

TEST_F(MonitorTest, NoSymbolicLinkIsFollowedInTheSpool) {
  write(home("precious"), "precious\n");
  own(home("precious"));
  std::filesystem::create_symlink(home("precious"), spool());
  const Verdict verdict = deliver(delivery());
  EXPECT_NE(verdict.answer, Answer::Ok) << verdict.text;
  EXPECT_EQ(slurp(home("precious")), "precious\n");
}

TEST_F(MonitorTest, BadAskersGetEndOfFile) {
  Record go;
  go.type = RecordType::Go;
  Record outcome;
  outcome.type = RecordType::Outcome;
  for (const std::string& octets :
       {std::string("x"), std::string(kRecordSize, '\0'), std::string(kRecordSize, '\xff'),
        encode_record(go).value(), encode_record(outcome).value()}) {
    const auto socket = connect();
    ASSERT_TRUE(send_packet(*socket, octets));
    const auto answer =
        receive_packet(*socket, std::chrono::steady_clock::now() + std::chrono::seconds(5));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::Closed);
  }
  EXPECT_TRUE(connect());  // one that says nothing and leaves
}

TEST_F(MonitorTest, WhenItIsKilledTheAskerKnowsNothingWasStored) {
  write(spool(), "");
  own(spool());
  const auto other = sys::open(spool(), O_RDWR);
  ASSERT_TRUE(sys::lock(*other, sys::Lock::Exclusive, std::chrono::milliseconds(0), "x"));
  world_.settings.lock_timeout_in_transaction = std::chrono::seconds(20);
  const auto socket = connect();
  Record record = request_for(RecordType::Deliver, delivery().end_point);
  record.delivery_id = "Q1.0";
  const auto message = open_message(kMessage);
  ASSERT_TRUE(send_packet(*socket, encode_record(record).value(), message.get()));
  ::usleep(200'000);  // the child waits for the lock
  // The recipient is the monitor's child: it goes on alone, and leaves when its asker has.
  ::kill(children_.back(), SIGKILL);
  ::waitpid(children_.back(), nullptr, 0);
  children_.pop_back();
  ASSERT_TRUE(sys::unlock(*other));
  const auto packet =
      receive_packet(*socket, std::chrono::steady_clock::now() + std::chrono::seconds(5));
  // Either it asks for go, or it could not have its dotlock released: end of file. Never an Ok.
  if (packet) {
    EXPECT_EQ(parse_record(packet->octets)->type, RecordType::Committing);
  }
  EXPECT_THAT(messages(spool()), IsEmpty());
}

}  // namespace
}  // namespace mail::local
