// The Wire view: the same octets wherever reading begins and however it is cut.
#include "libmail/store/view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "libmail/message/line_ends.h"

namespace mail::store {
namespace {

// Has some of its octets in memory, gives few of the others at a time, and fails when told to.
class CutReader final : public MessageReader {
 public:
  CutReader(std::string_view octets, std::minstd_rand& random, const bool& fails)
      : octets_(octets), random_(random), fails_(fails) {}
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    if (fails_) return fail(Errc::Io, "read failed");
    if (offset >= octets_.size()) return std::size_t{0};
    const auto rest = octets_.substr(static_cast<std::size_t>(offset));
    return rest.copy(into.data(), std::min<std::size_t>(into.size(), 1 + random_() % 9000));
  }
  Result<std::string_view> peek(std::uint64_t offset, std::size_t octets) override {
    if (offset >= octets_.size() || random_() % 2 == 0) return std::string_view{};
    return octets_.substr(static_cast<std::size_t>(offset),
                          std::min<std::size_t>(octets, random_() % 9000));
  }

 private:
  std::string_view octets_;
  std::minstd_rand& random_;
  const bool& fails_;
};

struct Message {
  std::string stored, wire;
};

// Line ends of both kinds and carriage returns without one.
Message make(std::size_t octets, std::minstd_rand& random) {
  const std::string begin = "Subject: s\nX-UID: 1\n 2\nStatus: R\r\n";
  std::string rest = "To: x\n";
  const std::string hidden = "X-Keywords: a\n";
  std::string body = "\n";
  while (body.size() < octets) {
    body += std::string(random() % 90, 'x');
    body += std::string_view{"\n\r\n\r\r\n\n."}.substr(random() % 7, 1 + random() % 2);
  }
  return {begin + rest + hidden + body,
          message::to_crlf("Subject: s\n" + rest) + message::to_crlf(body)};
}

TEST(WireView, ReadAnywhereInAnyPieces) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::minstd_rand random(seed);
    const Message message = make(seed == 8 ? 3'000'000 : seed * 10'000, random);
    bool fails = false;
    CutReader for_fields{message.stored, random, fails};
    auto hidden = find_bookkeeping_fields(for_fields).value();
    EXPECT_EQ(hidden.size(), 2U) << seed;
    const auto view = make_wire_view(std::make_unique<CutReader>(message.stored, random, fails),
                                     std::move(hidden), message.wire.size());
    const std::string from_line_end = "\n" + message.wire;
    std::string piece;
    std::uint64_t at = 0;
    for (int i = 0; i < 200; ++i) {
      const bool goes_on = random() % 3 != 0;
      if (!goes_on) at = random() % (message.wire.size() + 1);
      piece.resize(1 + random() % (random() % 2 == 0 ? 300 : 70'000));
      fails = random() % 10 == 0;
      const auto got = view->read(at, piece);
      if (!got) continue;
      const auto wanted =
          at < message.wire.size() ? std::string_view(message.wire).substr(at) : std::string_view{};
      ASSERT_TRUE(*got <= wanted.size() && (*got > 0 || wanted.empty())) << seed << ' ' << at;
      const auto given = std::string_view(piece).substr(0, *got);
      ASSERT_TRUE(given == wanted.substr(0, *got)) << seed << ' ' << at;
      // Its line's beginning is seen with the octet before it.
      const auto seen = std::string_view(from_line_end).substr(at, *got + 1);
      const bool has_dots = seen.find("\n.") != std::string_view::npos;
      ASSERT_TRUE(view->may_have_dots() || !has_dots) << seed << ' ' << at;
      at += *got;
    }
  }
}

}  // namespace
}  // namespace mail::store
