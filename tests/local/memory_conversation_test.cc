#include "libmail/local/memory_conversation.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "libmail/base/sys.h"

namespace mail::local {
namespace {

TEST(MemoryConversation, records_stores_and_fails_as_told) {
  MemoryConversation twin;
  twin.only_accounts({"boss"});
  alias::EndPoint boss;
  boss.target = "boss";
  alias::EndPoint nobody;
  nobody.target = "nobody";
  EXPECT_EQ(twin.check(boss, 1).answer, Answer::Ok);
  EXPECT_EQ(twin.check(nobody, 1).answer, Answer::Unknown);
  twin.on_check("nobody", {Answer::Full, {4, 2, 2}, "Mailbox full", {}, false});
  EXPECT_EQ(twin.check(nobody, 1).answer, Answer::Full);

  const auto message = sys::open("/proc/self/comm", O_RDONLY);
  Delivery delivery;
  delivery.delivery_id = "1.1";
  delivery.end_point = boss;
  twin.on_deliver("boss", {Answer::NotCommitted, {4, 3, 0}, "", {}, false});
  const auto yes = [] { return true; };
  EXPECT_EQ(twin.deliver(delivery, *message, yes).answer, Answer::NotCommitted);
  EXPECT_TRUE(twin.stored().empty());
  EXPECT_EQ(twin.deliver(delivery, *message, yes).answer, Answer::Ok);
  EXPECT_EQ(twin.deliver(delivery, *message, yes).answer, Answer::Ok);
  ASSERT_EQ(twin.stored_for("boss").size(), 1U);  // the id is known: not stored twice
  EXPECT_EQ(twin.stored()[0].message.substr(0, 5), "local");
  EXPECT_EQ(twin.deliveries_seen(), 3U);
}

}  // namespace
}  // namespace mail::local
