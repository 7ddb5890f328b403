#include "libmail/store/message_source.h"

#include <algorithm>

#include "libmail/base/sys.h"

namespace mail::store {
namespace {
constexpr std::size_t kChunk = 64UL * 1024;  // octets held at a time
}

Result<std::string_view> StringSource::next() {
  if (given_) return std::string_view{};
  given_ = true;
  return std::string_view{octets_};
}

Result<void> StringSource::rewind() {
  given_ = false;
  return {};
}

Result<std::string_view> DescriptorSource::next() {
  if (!before_given_) {
    before_given_ = true;
    if (!before_.empty()) return std::string_view{before_};
  }
  buffer_.resize(kChunk);
  const std::size_t got = TRY(sys::pread(fd_, buffer_, at_));
  at_ += got;
  return std::string_view{buffer_}.substr(0, got);
}

Result<void> DescriptorSource::rewind() {
  before_given_ = false;
  at_ = begin_;
  return {};
}

Result<std::string_view> ReaderSource::next() {
  const std::uint64_t left = reader_.size() - std::min(reader_.size(), at_);
  buffer_.resize(static_cast<std::size_t>(std::clamp<std::uint64_t>(left, 1, kChunk)));
  const std::size_t got = TRY(reader_.read(at_, buffer_));
  at_ += got;
  return std::string_view{buffer_}.substr(0, got);
}

Result<void> ReaderSource::rewind() {
  at_ = 0;
  return {};
}

namespace {

// A message that is read from its mailbox, and the hold under which that is done.
class CopySource final : public MessageSource {
 public:
  CopySource(std::shared_ptr<void> hold, std::unique_ptr<MessageReader> reader)
      : hold_(std::move(hold)), reader_(std::move(reader)), source_(*reader_) {}
  Result<std::string_view> next() override { return source_.next(); }
  Result<void> rewind() override { return source_.rewind(); }
  [[nodiscard]] const MessageFile* file() const override { return reader_->file(); }

 private:
  std::shared_ptr<void> hold_;
  std::unique_ptr<MessageReader> reader_;
  ReaderSource source_;
};

}  // namespace

Result<std::vector<Uid>> append_copies(Mailbox& from, std::span<const MessageInfo> messages,
                                       Mailbox& to) {
  // One hold for a pass over the messages. With the last source it goes, so that `to` can be
  // locked if it is `from`.
  std::shared_ptr<void> hold;
  std::vector<NewMessage> copies;
  copies.reserve(messages.size());
  for (const MessageInfo& info : messages) {
    const bool is_last = &info == &messages.back();
    const auto open = [&from, &hold, uid = info.uid,
                       is_last]() -> Result<std::unique_ptr<MessageSource>> {
      if (!hold) hold = from.hold_for_reading();
      auto reader = TRY(from.open(uid, View::Wire));
      auto held = is_last ? std::exchange(hold, nullptr) : hold;
      return std::make_unique<CopySource>(std::move(held), std::move(reader));
    };
    const Measure measure = TRY(from.measure(info.uid));
    copies.push_back({open, info.flags, measure.internal_date});
  }
  auto stored = to.append_all(copies);
  hold.reset();
  return stored;
}

}  // namespace mail::store
