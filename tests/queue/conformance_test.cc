// What every Queue answers alike.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "libmail/base/sys.h"
#include "libmail/queue/directory/directory_queue.h"
#include "libmail/queue/memory/memory_queue.h"

namespace mail::queue {
namespace {

struct World {
  virtual ~World() = default;
  virtual Queue& queue() = 0;
  ManualClock clock;
};
struct MemoryWorld : World {
  MemoryQueue memory{clock};
  Queue& queue() override { return memory; }
};
struct DirectoryWorld : World {
  DirectoryWorld() {
    char name[] = "/tmp/tubepost-queue-XXXXXX";
    dir = ::mkdtemp(name);
    Settings settings;
    settings.directory = dir;
    opened = DirectoryQueue::open(settings, clock).value();
  }
  ~DirectoryWorld() override { std::filesystem::remove_all(dir); }
  Queue& queue() override { return *opened; }
  std::string dir;
  std::unique_ptr<DirectoryQueue> opened;
};

class Conformance : public ::testing::TestWithParam<bool> {
 protected:
  Conformance() {
    if (GetParam()) {
      world_ = std::make_unique<DirectoryWorld>();
    } else {
      world_ = std::make_unique<MemoryWorld>();
    }
  }
  Queue& queue() { return world_->queue(); }
  QueueId put(const std::string& message, Envelope envelope = {}) {
    if (envelope.recipients.empty()) {
      for (const char* address : {"a@one.example", "b@two.example"}) {
        Recipient recipient;
        recipient.address = address;
        envelope.recipients.push_back(recipient);
      }
    }
    auto draft = queue().create().value();
    EXPECT_TRUE(draft->write(message));
    return draft->commit(envelope).value();
  }
  std::unique_ptr<World> world_;
};
INSTANTIATE_TEST_SUITE_P(Queues, Conformance, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "directory" : "memory"; });

TEST_P(Conformance, ADraftIsNothingUntilCommitted) {
  {
    auto draft = queue().create().value();
    ASSERT_TRUE(draft->write("octets\n"));
    EXPECT_EQ(sys::pread_all(draft->message().value(), 0, 100).value(), "octets\n");
    ASSERT_TRUE(draft->write("more\n"));
    EXPECT_EQ(sys::pread_all(draft->message().value(), 0, 100).value(), "octets\nmore\n");
    EXPECT_EQ(draft->size(), 12U);
  }
  EXPECT_TRUE(queue().ids()->empty());
  EXPECT_TRUE(queue().list()->empty());
}

TEST_P(Conformance, KeepsEnvelopeAndOctets) {
  const std::string message(300'000, 'x');
  const auto id = put("head\n" + message);
  auto item = queue().lock(id).value();
  EXPECT_EQ(item->envelope().id, id);
  EXPECT_EQ(item->envelope().size, message.size() + 5);
  EXPECT_EQ(item->envelope().arrived, world_->clock.now());
  EXPECT_EQ(item->read_message(0, 5).value(), "head\n");
  EXPECT_EQ(item->read_message(5, 400'000).value(), message);
  EXPECT_EQ(item->read_message(400'000, 10).value(), "");
  EXPECT_EQ(sys::pread_all(item->message().value(), 0, 400'000).value(), "head\n" + message);
}

TEST_P(Conformance, OneAttemptAtATime) {
  const auto id = put("m\n");
  {
    auto item = queue().lock(id).value();
    EXPECT_EQ(queue().lock(id).error().code, Errc::InUse);
    EXPECT_TRUE(queue().list()->at(0).active);
  }
  EXPECT_FALSE(queue().list()->at(0).active);
  EXPECT_TRUE(queue().lock(id));
  EXPECT_EQ(queue().lock(QueueId{"NONE"}).error().code, Errc::NotFound);
  EXPECT_EQ(queue().lock(QueueId{"../x"}).error().code, Errc::NotFound);
}

TEST_P(Conformance, MarksAndReasonsStay) {
  const auto id = put("m\n");
  const WallTime later = world_->clock.now() + std::chrono::seconds(300);
  {
    auto item = queue().lock(id).value();
    const Item::Mark marks[] = {{0, RecipientState::Done, {2, 0, 0}, "250 ok"},
                                {1, RecipientState::Pending, {4, 4, 1}, "refused\n\\"}};
    ASSERT_TRUE(item->mark(marks));
    ASSERT_TRUE(item->defer(later));
  }
  auto item = queue().lock(id).value();
  EXPECT_EQ(item->envelope().recipients[0].state, RecipientState::Done);
  EXPECT_EQ(item->envelope().recipients[1].state, RecipientState::Pending);
  EXPECT_EQ(item->envelope().recipients[1].reason, "refused\n\\");
  EXPECT_EQ(item->envelope().recipients[1].status, (EnhancedStatus{4, 4, 1}));
  EXPECT_EQ(item->next_try(), later);
  EXPECT_EQ(item->attempts(), 1U);
  EXPECT_TRUE(item->envelope().has_pending());
  ASSERT_TRUE(item->remove());
  EXPECT_TRUE(queue().ids()->empty());
  EXPECT_FALSE(queue().exists(id).value());
}

TEST_P(Conformance, AFixedNameIsTakenOnce) {
  const auto parent = put("m\n");
  Envelope envelope;
  envelope.id = forward_id(parent, 0);
  EXPECT_EQ(put("f\n", envelope), envelope.id);
  auto draft = queue().create_reserved().value();
  ASSERT_TRUE(draft->write("again\n"));
  EXPECT_EQ(draft->commit(envelope).error().code, Errc::Exists);
  EXPECT_EQ(queue().lock(envelope.id).value()->read_message(0, 9).value(), "f\n");
}

TEST_P(Conformance, AForwardStaysAsTombstoneWhileItsParentIsThere) {
  const auto parent = put("m\n");
  Envelope envelope;
  envelope.id = forward_id(parent, 0);
  put("f\n", envelope);
  ASSERT_TRUE(queue().lock(envelope.id).value()->remove());
  EXPECT_TRUE(queue().exists(envelope.id).value());
  EXPECT_EQ(queue().list()->size(), 1U);  // a tombstone is not listed
  EXPECT_FALSE(queue().lock(envelope.id).value()->envelope().has_pending());
  ASSERT_TRUE(queue().remove_tombstones());
  EXPECT_TRUE(queue().exists(envelope.id).value());
  ASSERT_TRUE(queue().lock(parent).value()->remove());
  ASSERT_TRUE(queue().settle());
  ASSERT_TRUE(queue().remove_tombstones());
  EXPECT_TRUE(queue().ids()->empty());
}

TEST_P(Conformance, ListsByArrival) {
  const auto first = put("1\n");
  world_->clock.advance(std::chrono::seconds(5));
  const auto second = put("2\n");
  const auto listings = queue().list().value();
  ASSERT_EQ(listings.size(), 2U);
  EXPECT_EQ(listings[0].envelope.id, first);
  EXPECT_EQ(listings[1].envelope.id, second);
}

}  // namespace
}  // namespace mail::queue
