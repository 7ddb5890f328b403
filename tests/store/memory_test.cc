// The twin keeps the promises of the real ones.
#include "libmail/store/memory/mail_store.h"

#include "tests/store/conformance.h"

namespace mail::store {
namespace {

class MemoryFixture final : public Fixture {
 public:
  std::unique_ptr<MailStore> open() override {
    return std::make_unique<memory::MemoryMailStore>(world_);
  }
  ManualClock& clock() override { return clock_; }

 private:
  ManualClock clock_;
  std::shared_ptr<memory::World> world_ = std::make_shared<memory::World>(clock_);
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance,
                         testing::Values(Implementation{
                             "memory", [] { return std::make_unique<MemoryFixture>(); }}));

TEST(Memory, FailsWhenTold) {
  ManualClock clock;
  auto world = std::make_shared<memory::World>(clock);
  memory::MemoryMailStore store{world};
  const auto box = expect_ok(store.open("INBOX"));
  world->fail_next(Errc::OverQuota);
  StringSource source{kMessage};
  EXPECT_EQ(box->append(source, {}).error().code, Errc::OverQuota);
  EXPECT_TRUE(all(*box).empty());
}

}  // namespace
}  // namespace mail::store
