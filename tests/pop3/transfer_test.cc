#include "libmail/pop3/transfer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mail::pop3 {
namespace {

// Gives so many octets at a time.
class PieceReader final : public store::MessageReader {
 public:
  PieceReader(std::string octets, std::size_t piece) : octets_(std::move(octets)), piece_(piece) {}
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    if (offset >= octets_.size()) return std::size_t{0};
    return octets_.copy(into.data(), std::min(piece_, into.size()),
                        static_cast<std::size_t>(offset));
  }

 private:
  std::string octets_;
  std::size_t piece_;
};

// RFC 1939 section 3, one octet after the other.
std::string stuffed(const std::string& octets) {
  std::string out;
  for (const char c : octets) {
    if (c == '.' && (out.empty() || out.back() == '\n')) out += '.';
    out += c;
  }
  if (!out.empty() && out.back() != '\n') out += "\r\n";
  return out + ".\r\n";
}

std::string retrieve(const std::string& octets, std::size_t piece, Mode mode,
                     Workarounds workarounds = {}) {
  Transfer transfer{std::make_unique<PieceReader>(octets, piece), std::nullopt, workarounds, mode};
  std::string out = "+OK\r\n";
  for (int i = 0; i < 1'000'000; ++i) {
    const auto is_last = transfer.fill(out);
    EXPECT_TRUE(is_last.has_value());
    if (!is_last || *is_last) break;
  }
  EXPECT_EQ(transfer.octets() + 5 + 3, out.size());
  return out.substr(5);
}

TEST(Transfer, DotsAnywhereInAnyPieces) {
  const std::string header = "Subject: s\r\n.dot: in a header section\r\n\r\n";
  const std::vector<std::string> bodies = {
      "",
      ".",
      "..\r\n.",
      ".\r\n.\r\n..\r\n...\r\n",
      "no dot\r\n",
      "a.b\r\n..c\r\n\r\n.d.\r\n.",
      "bare\n.line\r.feed\n\n.\n",
      "\r\n\r\n.\r\n\r\n",
      std::string(70'000, '.'),
      std::string(65'534, 'x') + "\r\n.on the border\r\n" + std::string(65'536, 'y') + "\n.",
  };
  for (const auto& body : bodies) {
    const std::string octets = header + body;
    for (const std::size_t piece : {1UL, 2UL, 3UL, 5UL, 65'535UL, 65'536UL, 1UL << 20U}) {
      if (piece < 5 && body.size() > 1000) continue;
      EXPECT_TRUE(retrieve(octets, piece, Mode::Ascii) == stuffed(octets)) << piece;
      EXPECT_TRUE(retrieve(octets, piece, Mode::Utf8) == stuffed(octets)) << piece;
    }
  }
}

TEST(Transfer, NulsForOutlook) {
  const std::string octets = std::string("a: b\r\n\r\n\0.\r\n.\0\r\n", 17);
  std::string wanted = stuffed(octets);
  std::ranges::replace(wanted, '\0', '\x80');
  for (const std::size_t piece : {1UL, 2UL, 100UL}) {
    EXPECT_EQ(retrieve(octets, piece, Mode::Ascii, {true, false}), wanted);
    EXPECT_EQ(retrieve(octets, piece, Mode::Utf8, {true, false}), wanted);
  }
}

TEST(Transfer, EndOfHeaderForOutlookExpress) {
  for (const Mode mode : {Mode::Ascii, Mode::Utf8}) {
    for (const std::size_t piece : {1UL, 100UL}) {
      EXPECT_EQ(retrieve("a: b\r\n", piece, mode, {false, true}), "a: b\r\n\r\n.\r\n");
      EXPECT_EQ(retrieve("a: b\r\n\r\n", piece, mode, {false, true}), "a: b\r\n\r\n.\r\n");
      EXPECT_EQ(retrieve("\r\n", piece, mode, {false, true}), "\r\n.\r\n");
      EXPECT_EQ(retrieve("", piece, mode, {false, true}), "\r\n.\r\n");
    }
  }
}

// RFC 6856 section 3.2: a header section in UTF-8 reads otherwise for who has not said UTF8,
// however long it is and wherever its first octet beyond US-ASCII stands.
TEST(Transfer, AnotherFormOfTheHeader) {
  for (const std::size_t before : {0UL, 100UL, 9'000UL, 70'000UL}) {
    std::string begin;
    while (begin.size() < before) begin += "X-Long: " + std::string(900, 'x') + "\r\n";
    const std::string body = "\r\n.\xc3\xa4\r\n";
    const std::string octets = begin + "Subject: \xc3\xa4\r\n" + body;
    for (const std::size_t piece : {700UL, 1UL << 20U}) {
      const std::string other = begin + "Subject: =?UTF-8?B?w6Q=?=\r\n" + body;
      EXPECT_TRUE(retrieve(octets, piece, Mode::Ascii) == stuffed(other)) << before;
      EXPECT_TRUE(retrieve(octets, piece, Mode::Utf8) == stuffed(octets)) << before;
    }
  }
}

// A message that fails at its first octets can still be refused.
TEST(Transfer, FailsBeforeAnythingIsGiven) {
  class Unreadable final : public store::MessageReader {
   public:
    [[nodiscard]] std::uint64_t size() const override { return 9; }
    Result<std::size_t> read(std::uint64_t /*offset*/, std::span<char> /*into*/) override {
      return fail(Errc::Io, "read failed");
    }
  };
  for (const Mode mode : {Mode::Ascii, Mode::Utf8}) {
    Transfer transfer{std::make_unique<Unreadable>(), std::nullopt, {}, mode};
    std::string out = "+OK\r\n";
    EXPECT_FALSE(transfer.fill(out));
    EXPECT_EQ(out, "+OK\r\n");
  }
}

}  // namespace
}  // namespace mail::pop3
