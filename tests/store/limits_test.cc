// Messages as they should not be: what is appended comes back as it was, what others have put there
// is read as far as it goes and left as it lies; memory does not grow with a message.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/store/disk_fixture.h"

namespace {
std::atomic<std::size_t> live_octets{0};
std::atomic<std::size_t> most_octets{0};
}  // namespace

// Of this whole test program.
void* operator new(std::size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  const std::size_t now = live_octets += ::malloc_usable_size(block);
  for (std::size_t most = most_octets; most < now && !most_octets.compare_exchange_weak(most, now);)
    continue;
  return block;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void operator delete(void* block, const std::nothrow_t&) noexcept { operator delete(block); }
void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  live_octets -= ::malloc_usable_size(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

namespace mail::store {
namespace {

// How much more than at its beginning was in use while `work` ran.
std::size_t memory_of(const std::function<void()>& work) {
  const std::size_t before = live_octets;
  most_octets = before;
  work();
  return most_octets - before;
}

struct Odd {
  std::string what;
  std::string octets;
};

// The longest line: 10 MB where the octets are read only, which take their time with sanitizers.
std::vector<Odd> odd_messages(std::size_t longest) {
  std::string fields;
  for (int i = 0; i < 100'000; ++i) fields += "X-" + std::to_string(i) + ": y\n";
  std::string folded = "Subject: x\n";
  for (int i = 0; i < 100'000; ++i) folded += "\tand more\n";
  return {
      {"no header", "\nbody only\n"},
      {"no body", "Subject: x\n"},
      {"a header section without its end", "Subject: x\nTo: y"},
      {"one word", "x"},
      {"only line ends", "\n\n\n\n"},
      {"100,000 fields", fields + "\nx\n"},
      {"a field of 100,000 lines", folded + "\nx\n"},
      {"NUL", std::string("Sub\0ject: \0\n\n\0\0body\0\n\0", 22)},
      {"only NUL", std::string(5000, '\0')},
      {"a long line", "Subject: x\n\n" + std::string(longest, 'y') + "\nz\n"},
      {"a field of one long line", "Subject: " + std::string(400'000, 'y') + "\n\nz\n"},
      {"no line end at the end", "Subject: x\n\nno end"},
      {"8 bit", "Subject: \xff\xfe\xe4\n\n\x80\x81\n"},
      {"From_ lines in the body",
       "Subject: x\n\nFrom ann@example.org Thu Nov 26 10:00:00 2026\n>From here\n>>From "
       "there\nFrom "
       "me\n"},
      {"a From_ line for a header section", "From ann@example.org Thu Nov 26 10:00:00 2026\nx\n"},
      {"lines without a colon", "Subject x\nneither here\n\ny\n"},
      {"a field with no name", ": x\n:\n\ny\n"},
      {"lone CR", "Subject: a\rb\n\nc\rd\r\r\n"},
  };
}

// CRLF, as the Wire view has it, of what lies there with LF.
std::string on_the_wire(const std::string& stored) {
  std::string wire;
  wire.reserve(stored.size() * 5 / 4);
  for (std::size_t at = 0; at < stored.size();) {
    const auto lf = std::min(stored.find('\n', at), stored.size());
    wire.append(stored, at, lf - at);
    if (lf < stored.size()) wire += wire.ends_with('\r') && lf > at ? "\n" : "\r\n";
    at = lf + 1;
  }
  return wire;
}

void expect_same(const std::string& got, const std::string& wanted, const std::string& what) {
  if (got == wanted) return;
  const auto [a, b] = std::ranges::mismatch(got, wanted);
  ADD_FAILURE() << what << ": " << got.size() << " octets for " << wanted.size()
                << ", other ones from " << a - got.begin();
}

class Limits : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] bool is_mbox() const { return GetParam(); }
  std::unique_ptr<MailStore> open() { return is_mbox() ? mbox_.open() : maildir_.open(); }
  // As another program delivers it.
  void deliver(const std::string& octets) {
    if (is_mbox()) {
      spill_behind(mbox_.inbox(),
                   "From ann@example.org Thu Nov 26 10:00:00 2026\n" + octets + "\n");
      return;
    }
    for (const char* name : {"cur", "new", "tmp"}) {
      std::filesystem::create_directories(maildir_.root() + "/" + name);
    }
    spill(maildir_.root() + "/new/" + std::to_string(1000 + ++delivered_) + ".x.host", octets);
  }
  MboxFixture mbox_;
  MaildirFixture maildir_;
  int delivered_ = 0;
};

TEST_P(Limits, WhatIsAppendedComesBack) {
  const auto odd = odd_messages(600'000);
  const auto store = open();
  const auto box = expect_ok(store->open("INBOX"));
  std::vector<std::pair<Uid, std::string>> stored;
  for (const auto& [what, octets] : odd) {
    SCOPED_TRACE(what);
    const Uid uid = add(*box, octets);
    stored.emplace_back(uid, body(*box, uid));
    const auto wire = body(*box, uid, View::Wire);
    expect_same(wire, on_the_wire(stored.back().second), what);
    if (octets.find("From ") == std::string::npos && octets.find('\r') == std::string::npos) {
      std::string whole = octets;
      if (!whole.ends_with('\n')) whole += '\n';
      expect_same(stored.back().second.substr(0, octets.size()), octets, what);
      EXPECT_LE(stored.back().second.size(), whole.size());
    }
  }
  // By others too, and none has become another or two.
  const auto fresh = open();
  const auto again = expect_ok(fresh->open("INBOX"));
  const auto messages = all(*again);
  ASSERT_EQ(messages.size(), stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(messages.at(i).uid, stored.at(i).first);
    expect_same(body(*again, messages.at(i).uid), stored.at(i).second, odd.at(i).what);
  }
  // Flags and expunges leave the others' octets alone.
  Flags seen;
  seen.set(Flag::Seen);
  for (std::size_t i = 0; i < stored.size(); i += 2) {
    expect_ok(again->change(set_flags(stored.at(i).first, seen)));
  }
  for (std::size_t i = 1; i < stored.size(); i += 4) {
    expect_ok(again->change(expunge({stored.at(i).first})));
  }
  expect_ok(again->fold());
  const auto last = open();
  const auto at_last = expect_ok(last->open("INBOX"));
  for (std::size_t i = 0; i < stored.size(); i += 2) {
    SCOPED_TRACE(odd.at(i).what);
    expect_same(body(*at_last, stored.at(i).first, View::Wire), on_the_wire(stored.at(i).second),
                odd.at(i).what);
  }
  for (const auto& info : all(*at_last)) {
    EXPECT_EQ(info.flags.has(Flag::Seen), (info.uid.value - stored.front().first.value) % 2 == 0);
  }
}

TEST_P(Limits, WhatOthersDeliverIsReadAndLeftAsItLies) {
  const auto odd = odd_messages(10'000'000);
  for (const auto& [what, octets] : odd) {
    if (is_mbox() && octets.find("From ann") != std::string::npos) continue;  // two messages there
    deliver(octets);
  }
  deliver("Subject: last\n\nlast\n");
  const auto file = is_mbox() ? slurp(mbox_.inbox()) : std::string{};
  const auto store = open();
  const auto box = expect_ok(store->open("INBOX"));
  const auto messages = all(*box);
  for (const auto& info : messages) {
    const auto stored = body(*box, info.uid);
    const auto wire = body(*box, info.uid, View::Wire);
    EXPECT_EQ(wire.size(), size_of(*box, info.uid));
    expect_same(wire, on_the_wire(stored), "wire");
  }
  EXPECT_EQ(messages.size(), odd.size() + 1 - (is_mbox() ? 2 : 0));
  EXPECT_EQ(body(*box, messages.back().uid), "Subject: last\n\nlast\n");
  if (is_mbox()) expect_same(slurp(mbox_.inbox()), file, "the file");
}

TEST_P(Limits, MixedLineEndsStayAsTheyLie) {
  const std::string mixed = "Subject: x\r\nTo: y\n\r\none\r\ntwo\nthree\r\n\nfour\r\n";
  deliver(mixed);
  const auto store = open();
  const auto box = expect_ok(store->open("INBOX"));
  ASSERT_EQ(all(*box).size(), 1U);
  EXPECT_EQ(body(*box, all(*box).front().uid), mixed);
  EXPECT_EQ(body(*box, all(*box).front().uid, View::Wire), on_the_wire(mixed));
  EXPECT_EQ(size_of(*box, all(*box).front().uid), on_the_wire(mixed).size());
}

// A source that makes its octets as they are asked for.
class Long final : public MessageSource {
 public:
  explicit Long(std::uint64_t size, std::size_t line) : size_(size), line_(line) {}
  Result<std::string_view> next() override {
    if (given_ >= size_) return std::string_view{};
    piece_.assign(given_ == 0 ? "Subject: long\n\n" : "");
    while (piece_.size() < 32768) {
      piece_.append(std::min(line_, std::size_t{32768}), 'x');
      if (line_ < 32768) piece_ += '\n';
    }
    given_ += piece_.size();
    return std::string_view{piece_};
  }
  Result<void> rewind() override {
    given_ = 0;
    return {};
  }

 private:
  std::uint64_t size_;
  std::size_t line_;
  std::uint64_t given_ = 0;
  std::string piece_;
};

TEST_P(Limits, MemoryDoesNotGrowWithAMessage) {
  constexpr std::uint64_t kSize = 12ULL << 20U;
  constexpr std::size_t kEnough = 4UL << 20U;
  for (const std::size_t line : {70UL, 1UL << 30U}) {
    const auto store = open();
    const auto box = expect_ok(store->open("INBOX"));
    AppendOptions delivery;
    delivery.delivery_id = "id-" + std::to_string(line);
    EXPECT_LT(memory_of([&] {
                Long source(kSize, line);
                expect_ok(box->append(source, delivery));
              }),
              kEnough);
    EXPECT_LT(memory_of([&] {
                const auto fresh = open();
                const auto again = expect_ok(fresh->open("INBOX"));
                const auto uid = all(*again).back().uid;
                for (const View view : {View::Wire, View::Stored}) {
                  const auto reader = expect_ok(again->open(uid, view));
                  std::string piece(65536, '\0');
                  for (std::uint64_t at = 0;;) {
                    const auto got = expect_ok(reader->read(at, piece));
                    if (got == 0) break;
                    at += got;
                  }
                }
              }),
              kEnough);
    // mbox: a rewrite with it in the middle.
    EXPECT_LT(memory_of([&] {
                add(*box, kMessage);
                Flags flags;
                flags.set_keyword("$Work");
                for (const auto& info : all(*box))
                  expect_ok(box->change(set_flags(info.uid, flags)));
                expect_ok(box->fold());
                expect_ok(box->change(expunge({all(*box).front().uid})));
                expect_ok(box->fold());
              }),
              2 * kEnough);
  }
}

INSTANTIATE_TEST_SUITE_P(Mbox, Limits, testing::Values(true));
INSTANTIATE_TEST_SUITE_P(Maildir, Limits, testing::Values(false));

}  // namespace
}  // namespace mail::store
