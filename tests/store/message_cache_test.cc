#include "libmail/store/message_cache.h"

#include <random>

#include "libmail/base/log.h"
#include "tests/store/disk_fixture.h"

namespace mail::store {
namespace {

using Kind = MessageCache::Kind;

std::string text_of(std::uint32_t uid, Kind kind) {
  const auto salt = uid * 7 + static_cast<std::uint32_t>(kind);
  return std::to_string(uid) + (kind == Kind::Fields ? " fields " : " structure ") +
         std::string(salt % 700, static_cast<char>('a' + salt % 26));
}

class MessageCacheTest : public testing::Test {
 protected:
  void SetUp() override { log::open("test", log::Sink::Discard); }
  std::unique_ptr<MessageCache> open(std::string_view mailbox = "M1", std::uint32_t validity = 7) {
    auto cache = std::make_unique<MessageCache>(path_);
    cache->belong_to(mailbox, {validity}, messages_);
    return cache;
  }
  void exist(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t uid = first; uid <= last; ++uid) {
      Entry entry;
      entry.uid = {uid};
      messages_.put(entry);
    }
  }
  static void fill(MessageCache& cache, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t uid = first; uid <= last; ++uid) {
      for (const Kind kind : {Kind::Fields, Kind::BodyStructure}) {
        cache.add({uid}, kind, text_of(uid, kind));
      }
    }
  }
  // How many of them it has; each is what was put there.
  static int count(MessageCache& cache, std::uint32_t first, std::uint32_t last) {
    int found = 0;
    for (std::uint32_t uid = first; uid <= last; ++uid) {
      for (const Kind kind : {Kind::Fields, Kind::BodyStructure}) {
        const auto octets = cache.find({uid}, kind);
        if (!octets) continue;
        ++found;
        EXPECT_EQ(*octets, text_of(uid, kind)) << uid;
      }
    }
    return found;
  }
  [[nodiscard]] std::uintmax_t size() const { return std::filesystem::file_size(path_); }

  TemporaryHome home_;
  std::string path_ = home_.path() + "/tubepost.cache";
  MessageTable messages_;
};

TEST_F(MessageCacheTest, TheNextSessionFindsIt) {
  exist(1, 1000);
  {
    const auto cache = open();
    EXPECT_FALSE(cache->find({1}, Kind::Fields));
    fill(*cache, 1, 1000);  // several blocks
    EXPECT_EQ(count(*cache, 1, 1000), 2000);
  }
  const auto cache = open();
  EXPECT_EQ(count(*cache, 1, 1000), 2000);
  EXPECT_FALSE(cache->find({1001}, Kind::Fields));
  // In any order.
  std::mt19937 random{1};
  for (int i = 0; i < 100; ++i) {
    const auto uid = static_cast<std::uint32_t>(1 + random() % 1000);
    EXPECT_EQ(cache->find({uid}, Kind::BodyStructure), text_of(uid, Kind::BodyStructure));
  }
}

TEST_F(MessageCacheTest, WithoutAPathNothingIsKept) {
  EXPECT_EQ(MessageCache::path_for(""), "");
  EXPECT_EQ(MessageCache::path_for("/a.b/INBOX.state.index"), "/a.b/INBOX.state.cache");
  MessageCache cache{""};
  cache.belong_to("M1", {1}, messages_);
  cache.add({1}, Kind::Fields, "x");
  EXPECT_FALSE(cache.find({1}, Kind::Fields));
}

TEST_F(MessageCacheTest, LongTextsAreNotKept) {
  exist(1, 2);
  const std::string most(MessageCache::kMaxOctets, 'x');
  {
    const auto cache = open();
    cache->add({1}, Kind::Fields, most);
    cache->add({2}, Kind::Fields, most + "x");
    cache->add({2}, Kind::BodyStructure, "");
  }
  const auto cache = open();
  EXPECT_EQ(cache->find({1}, Kind::Fields), most);
  EXPECT_FALSE(cache->find({2}, Kind::Fields));
  EXPECT_EQ(cache->find({2}, Kind::BodyStructure), "");
}

TEST_F(MessageCacheTest, AnotherMailboxUnderThePathBeginsAnew) {
  exist(1, 10);
  fill(*open(), 1, 10);
  EXPECT_EQ(count(*open("M2"), 1, 10), 0);
  EXPECT_EQ(count(*open("M1", 8), 1, 10), 0);
  EXPECT_EQ(count(*open(), 1, 10), 20);
  fill(*open("M2"), 1, 3);
  EXPECT_EQ(count(*open(), 1, 10), 0);
  EXPECT_EQ(count(*open("M2"), 1, 10), 6);
  // In one session, too: its mailbox was removed and made anew.
  const auto cache = open("M2");
  EXPECT_EQ(count(*cache, 1, 3), 6);
  cache->belong_to("M3", {7}, messages_);
  EXPECT_EQ(count(*cache, 1, 3), 0);
  fill(*cache, 4, 4);
  EXPECT_EQ(count(*cache, 1, 4), 2);
}

TEST_F(MessageCacheTest, SessionsAddToOneFile) {
  exist(1, 600);
  const auto one = open();
  const auto two = open();
  EXPECT_EQ(count(*one, 1, 600) + count(*two, 1, 600), 0);
  fill(*one, 1, 300);
  fill(*two, 200, 600);  // some twice
  one->flush();
  two->flush();
  EXPECT_EQ(count(*open(), 1, 600), 1200);
  EXPECT_EQ(count(*two, 1, 600), 1200);  // it has read on when it wrote
}

TEST_F(MessageCacheTest, NobodyWaitsForAWriter) {
  exist(1, 10);
  fill(*open(), 1, 5);
  const auto other = expect_ok(sys::open(path_, O_RDWR));
  expect_ok(sys::lock(other, sys::Lock::Exclusive, std::chrono::milliseconds(0), path_));
  const auto cache = open();
  EXPECT_EQ(count(*cache, 1, 10), 10);
  fill(*cache, 6, 10);
  cache->flush();  // in vain
  EXPECT_EQ(count(*cache, 1, 10), 10);
  expect_ok(sys::unlock(other));
  fill(*cache, 6, 10);
  cache->flush();
  EXPECT_EQ(count(*open(), 1, 10), 20);
}

TEST_F(MessageCacheTest, ManySmallBlocksBecomeFew) {
  exist(1, 400);
  for (std::uint32_t uid = 400; uid > 0; --uid) fill(*open(), uid, uid);
  EXPECT_EQ(count(*open(), 1, 400), 800);
  std::size_t least = 0;
  for (std::uint32_t uid = 1; uid <= 400; ++uid) {
    least += 16 + text_of(uid, Kind::Fields).size() + text_of(uid, Kind::BodyStructure).size();
  }
  EXPECT_LT(size(), least + 50 * 32);  // not a header for each
}

TEST_F(MessageCacheTest, WhatIsExpungedLeavesTheFile) {
  exist(1, 3000);
  fill(*open(), 1, 3000);
  const auto before = size();
  for (std::uint32_t uid = 1; uid <= 2900; ++uid) messages_.take({uid});
  exist(3001, 3001);
  fill(*open(), 3001, 3001);
  EXPECT_LT(size(), before / 20);
  const auto cache = open();
  EXPECT_EQ(count(*cache, 1, 2900), 0);
  EXPECT_EQ(count(*cache, 2901, 3001), 202);
  EXPECT_FALSE(sys::exists(path_ + ".new"));
}

// A session that has the old file open goes on with it, and writes into the new one.
TEST_F(MessageCacheTest, AFileWrittenAnewIsFollowed) {
  exist(1, 3001);
  fill(*open(), 1, 3000);
  const auto reader = open();
  EXPECT_EQ(count(*reader, 1, 3000), 6000);
  for (std::uint32_t uid = 1; uid <= 2900; ++uid) messages_.take({uid});
  fill(*open(), 3001, 3001);
  EXPECT_EQ(count(*reader, 1, 3000), 6000);
  exist(3002, 3002);
  fill(*reader, 3002, 3002);
  reader->flush();
  EXPECT_EQ(count(*open(), 2901, 3002), 204);
}

// Whatever is done to the file: what is found is right, and the next writer mends it.
TEST_F(MessageCacheTest, DamageIsNotThere) {
  exist(1, 201);
  fill(*open(), 1, 200);
  const std::string whole = slurp(path_);
  fill(*open("M1", 8), 1, 200);
  const std::string of_another = slurp(path_);
  std::mt19937 random{20261128};
  int lost_some = 0;
  for (int i = 0; i < 300; ++i) {
    std::string octets = whole;
    const std::size_t at = random() % octets.size();
    const std::size_t length = std::min<std::size_t>(octets.size() - at, 1 + random() % 5000);
    switch (random() % 5) {
      case 0:
        octets.resize(at);
        break;
      case 1:
        octets.at(at) ^= static_cast<char>(1U << (random() % 8));
        break;
      case 2:
        octets.replace(at, length, length, static_cast<char>(random()));
        break;
      case 3:
        octets.erase(at, length);
        break;
      default:
        octets.replace(at, length, of_another, at, length);
    }
    spill(path_, octets);
    {
      const auto cache = open();
      const int found = count(*cache, 1, 200);
      lost_some += found < 400 ? 1 : 0;
      fill(*cache, 201, 201);
    }
    {
      const auto cache = open();
      EXPECT_EQ(count(*cache, 201, 201), 2);
      count(*cache, 1, 200);
      fill(*cache, 1, 200);
    }
    ASSERT_EQ(count(*open(), 1, 201), 402) << i;
  }
  EXPECT_GT(lost_some, 200);  // the others hit nothing but what was the same
}

// No file where it should be, or no directory: the session does without.
TEST_F(MessageCacheTest, WhereItCannotBeWritten) {
  exist(1, 10);
  std::filesystem::create_directory(path_);
  {
    const auto cache = open();
    fill(*cache, 1, 10);
    EXPECT_EQ(count(*cache, 1, 10), 20);
  }
  EXPECT_EQ(count(*open(), 1, 10), 0);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(home_.path() + "/elsewhere", path_);
  fill(*open(), 1, 10);
  EXPECT_FALSE(sys::exists(home_.path() + "/elsewhere"));
}

}  // namespace
}  // namespace mail::store
