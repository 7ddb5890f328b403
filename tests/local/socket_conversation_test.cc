#include "libmail/local/socket_conversation.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

#include "libmail/alias/expansion.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/local/packet.h"

namespace mail::local {
namespace {

using std::chrono::steady_clock;

// What deliver does on one connection: a list of steps.
enum class Step {
  Receive,
  ReceiveGo,
  SayOk,
  SayLater,
  SayFull,
  SayCommitting,
  SayForward,
  SayForwardTo,
  Hang,
  Garbage
};
using Script = std::vector<Step>;

// Serves each connection by the next script, in a thread; ends it by closing.
class FakeDeliver {
 public:
  explicit FakeDeliver(std::vector<Script> scripts) : scripts_(std::move(scripts)) {
    log::open("test", log::Sink::Discard);
  }
  ~FakeDeliver() {
    for (auto& thread : threads_) thread.join();
  }

  Result<FileDescriptor> connect() {
    if (used_ == scripts_.size()) return fail(Errc::Unavailable, "no more");
    PacketPair pair = TRY(make_packet_pair());
    threads_.emplace_back([this, script = scripts_[used_++],
                           socket = std::move(pair.theirs)]() mutable { run(script, socket); });
    return std::move(pair.ours);
  }
  [[nodiscard]] std::size_t connections() const { return used_; }
  std::vector<Record> requests;
  bool got_message = false;
  bool saw_end_of_file_instead_of_go = false;

 private:
  void run(const Script& script, FileDescriptor& socket) {
    for (const Step step : script) {
      Record record;
      switch (step) {
        case Step::Receive:
        case Step::ReceiveGo: {
          auto packet = receive_packet(socket, steady_clock::now() + std::chrono::seconds(5));
          if (!packet) {
            saw_end_of_file_instead_of_go = step == Step::ReceiveGo;
            return;
          }
          got_message = got_message || packet->descriptor.is_open();
          requests.push_back(*parse_record(packet->octets));
          continue;
        }
        case Step::Hang:
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          continue;
        case Step::Garbage:
          ASSERT_TRUE(send_packet(socket, "garbage"));
          continue;
        case Step::SayOk:
          record.type = RecordType::Outcome;
          record.answer = Answer::Ok;
          break;
        case Step::SayLater:
          record.type = RecordType::Outcome;
          break;
        case Step::SayFull:
          record.type = RecordType::Outcome;
          record.answer = Answer::Full;
          record.status = {4, 2, 2};
          record.text = "Mailbox full";
          break;
        case Step::SayCommitting:
          record.type = RecordType::Committing;
          break;
        case Step::SayForwardTo:
          record.type = RecordType::ForwardTo;
          record.kind = alias::Kind::Remote;
          record.target = "ann@elsewhere.example";
          break;
        case Step::SayForward:
          record.type = RecordType::ForwardTo;
          record.kind = alias::Kind::Command;  // a child that lies gets no more than an address
          record.runs_as = "root";
          record.target = "ann@elsewhere.example";
          ASSERT_TRUE(send_packet(socket, *encode_record(record)));
          record = {};
          record.type = RecordType::Outcome;
          record.answer = Answer::Forwarded;
          break;
      }
      static_cast<void>(send_packet(socket, *encode_record(record)));
    }
  }

  std::vector<Script> scripts_;
  std::size_t used_ = 0;
  std::vector<std::thread> threads_;
};

SocketConversation::Limits quick() {
  SocketConversation::Limits limits;
  limits.check = limits.committing = std::chrono::milliseconds(150);
  limits.ask_again = std::chrono::milliseconds(1);
  limits.kept = 2;
  return limits;
}

Delivery delivery_to(const std::string& user) {
  Delivery delivery;
  delivery.delivery_id = "1.1";
  delivery.end_point.target = user;
  return delivery;
}

using enum Step;
Script too_many() {
  Script script{Receive};
  script.resize(1 + alias::kMaxExpansionEndPoints + 1, SayForwardTo);
  return script;
}
struct Case {
  const char* name;
  std::vector<Script> scripts;
  int wanted_times;  // how often still_wanted says yes
  Answer answer;
  std::size_t connections;
};

TEST(SocketConversation, deliver_ends_as_the_contract_says) {
  const Case cases[] = {
      {"stored", {{Receive, SayCommitting, ReceiveGo, SayOk}}, 9, Answer::Ok, 1},
      {"stored before under this id", {{Receive, SayOk}}, 9, Answer::Ok, 1},
      {"full before committing", {{Receive, SayFull}}, 9, Answer::Full, 1},
      {"full after go", {{Receive, SayCommitting, ReceiveGo, SayFull}}, 9, Answer::Full, 1},
      {"later", {{Receive, SayLater}}, 9, Answer::Later, 1},
      {"forwarded", {{Receive, SayForward}}, 9, Answer::Forwarded, 1},
      {"a list beyond all measure", {too_many()}, 9, Answer::Failed, 1},
      {"no connection", {}, 9, Answer::NotCommitted, 0},
      {"end of file at once", {{}}, 9, Answer::NotCommitted, 1},
      {"end of file before committing", {{Receive}}, 9, Answer::NotCommitted, 1},
      {"silent before committing", {{Receive, Hang}}, 9, Answer::NotCommitted, 1},
      {"garbage before committing", {{Receive, Garbage}}, 9, Answer::NotCommitted, 1},
      {"killed after go, stored",
       {{Receive, SayCommitting, ReceiveGo}, {Receive, SayOk}},
       9,
       Answer::Ok,
       2},
      {"killed after go, not stored: stored then",
       {{Receive, SayCommitting, ReceiveGo}, {Receive, SayCommitting, ReceiveGo, SayOk}},
       9,
       Answer::Ok,
       2},
      {"killed after go, then locked, then stored",
       {{Receive, SayCommitting, ReceiveGo}, {Receive, SayLater}, {Receive, SayOk}},
       9,
       Answer::Ok,
       3},
      {"killed after go, then nobody there",
       {{Receive, SayCommitting, ReceiveGo}},
       9,
       Answer::Unresolved,
       1},
      {"killed after each go (a command may kill its parent)",
       {{Receive, SayCommitting, ReceiveGo},
        {Receive, SayCommitting, ReceiveGo},
        {Receive, SayCommitting, ReceiveGo},
        {Receive, SayCommitting, ReceiveGo}},
       99,
       Answer::Unresolved,
       3},
      {"killed after go, client gone",
       {{Receive, SayCommitting, ReceiveGo}, {Receive, SayOk}},
       0,
       Answer::Unresolved,
       1},
  };
  for (const Case& test : cases) {
    FakeDeliver deliver(test.scripts);
    const auto message = sys::open("/dev/null", O_RDONLY);
    {
      auto limits = quick();
      if (test.scripts.size() == 1 && test.scripts.front().size() > 100) {
        limits.committing = std::chrono::seconds(20);  // a thousand records
      }
      SocketConversation conversation([&] { return deliver.connect(); }, limits);
      int left = test.wanted_times;
      const Verdict verdict =
          conversation.deliver(delivery_to("boss"), *message, [&] { return left-- > 0; });
      EXPECT_EQ(static_cast<int>(verdict.answer), static_cast<int>(test.answer)) << test.name;
      if (test.answer == Answer::Forwarded) {
        ASSERT_EQ(verdict.forward_to.size(), 1U);
        EXPECT_EQ(verdict.forward_to[0].target, "ann@elsewhere.example");
        EXPECT_EQ(verdict.forward_to[0].kind, alias::Kind::Remote);
        EXPECT_EQ(verdict.forward_to[0].runs_as, "");
      }
    }
    EXPECT_EQ(deliver.connections(), test.connections) << test.name;
  }
}

TEST(SocketConversation, keeps_the_connection_of_the_check_for_the_delivery) {
  FakeDeliver deliver({{Receive, SayOk, Receive, SayCommitting, ReceiveGo, SayOk, Receive, SayOk}});
  const auto message = sys::open("/dev/null", O_RDONLY);
  SocketConversation conversation([&] { return deliver.connect(); }, quick());
  EXPECT_EQ(conversation.check(delivery_to("boss").end_point, 10).answer, Answer::Ok);
  EXPECT_EQ(conversation.deliver(delivery_to("boss"), *message, [] { return true; }).answer,
            Answer::Ok);
  EXPECT_EQ(conversation.check(delivery_to("boss").end_point, 10).answer, Answer::Ok);
  EXPECT_EQ(deliver.connections(), 1U);
  EXPECT_TRUE(deliver.got_message);
}

TEST(SocketConversation, replaces_a_kept_connection_that_died) {
  FakeDeliver deliver({{Receive, SayOk}, {Receive, SayCommitting, ReceiveGo, SayOk}});
  const auto message = sys::open("/dev/null", O_RDONLY);
  SocketConversation conversation([&] { return deliver.connect(); }, quick());
  EXPECT_EQ(conversation.check(delivery_to("boss").end_point, 10).answer, Answer::Ok);
  EXPECT_EQ(conversation.deliver(delivery_to("boss"), *message, [] { return true; }).answer,
            Answer::Ok);
  EXPECT_EQ(deliver.connections(), 2U);
}

TEST(SocketConversation, no_answer_to_a_check_is_later) {
  for (const Script& script : {Script{}, Script{Receive}, Script{Receive, Hang},
                               Script{Receive, Garbage}, Script{Receive, SayCommitting}}) {
    FakeDeliver deliver({script});
    SocketConversation conversation([&] { return deliver.connect(); }, quick());
    const Verdict verdict = conversation.check(delivery_to("boss").end_point, 10);
    EXPECT_EQ(verdict.answer, Answer::Later);
    EXPECT_EQ(verdict.status.cls, 4);
  }
}

TEST(SocketConversation, keeps_only_a_few) {
  FakeDeliver deliver({{Receive, SayOk, Receive},
                       {Receive, SayOk, Receive},
                       {Receive, SayOk, Receive},
                       {Receive, SayOk}});
  SocketConversation conversation([&] { return deliver.connect(); }, quick());
  for (const char* name : {"a", "b", "c", "a"}) {
    EXPECT_EQ(conversation.check(delivery_to(name).end_point, 1).answer, Answer::Ok);
  }
  EXPECT_EQ(deliver.connections(), 4U);
}

TEST(Packet, carries_one_descriptor_and_the_peers_uid) {
  auto pair = make_packet_pair();
  ASSERT_TRUE(pair);
  const auto message = sys::open("/proc/self/cmdline", O_RDONLY);
  ASSERT_TRUE(send_packet(pair->ours, "x", message->get()));
  auto packet = receive_packet(pair->theirs, steady_clock::now() + std::chrono::seconds(1));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->octets, "x");
  EXPECT_TRUE(packet->descriptor.is_open());
  EXPECT_EQ(*peer_uid(pair->ours), ::geteuid());
  EXPECT_EQ(receive_packet(pair->theirs, steady_clock::now()).error().code, Errc::Timeout);
  pair->ours.reset();
  EXPECT_EQ(receive_packet(pair->theirs, MonotonicTime::max()).error().code, Errc::Closed);
}

TEST(Packet, refuses_two_descriptors_and_keeps_neither) {
  auto pair = make_packet_pair();
  ASSERT_TRUE(pair);
  const auto one = sys::open("/dev/null", O_RDONLY);
  const std::array<int, 2> both{one->get(), one->get()};
  char octet = 'x';
  ::iovec part{&octet, 1};
  alignas(::cmsghdr) std::array<char, CMSG_SPACE(sizeof both)> room{};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ::cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof both);
  std::memcpy(CMSG_DATA(header), both.data(), sizeof both);
  ASSERT_GE(::sendmsg(pair->ours.get(), &message, 0), 0);
  const auto open_files = [] { return sys::list_directory("/proc/self/fd")->size(); };
  const std::size_t before = open_files();
  EXPECT_EQ(receive_packet(pair->theirs, MonotonicTime::max()).error().code, Errc::Syntax);
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace mail::local
