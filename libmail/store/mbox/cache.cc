#include "libmail/store/mbox/cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "libmail/base/file_descriptor.h"
#include "libmail/store/hash.h"

namespace mail::store::mbox {
namespace {

constexpr std::string_view kMagic = "tubepost mbox cache 1\n";
constexpr std::size_t kMaxSize = 512UL << 20U;
constexpr std::size_t kWorthwhile = 20;  // messages; fewer are read as fast as their cache

class Writer {
 public:
  void number(std::uint64_t value) {
    for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift);
  }
  void text(std::string_view value) {
    number(value.size());
    out += value;
  }
  std::string out;
};

class Reader {
 public:
  explicit Reader(std::string_view in) : in_(in) {}
  std::uint64_t number() {
    if (in_.size() < 8) return ok = false, 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in_.at(i))) << (8 * i);
    }
    in_.remove_prefix(8);
    return value;
  }
  std::string text() {
    const auto size = number();
    if (size > in_.size()) return ok = false, std::string{};
    std::string value(in_.substr(0, static_cast<std::size_t>(size)));
    in_.remove_prefix(value.size());
    return value;
  }
  bool ok = true;

 private:
  std::string_view in_;
};

}  // namespace

std::optional<Cache> load_cache(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct ::stat status {};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return std::nullopt;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < kMagic.size() + 8 || size > kMaxSize) return std::nullopt;
  std::string all(size, '\0');
  if (::pread(fd.get(), all.data(), size, 0) != static_cast<ssize_t>(size)) return std::nullopt;
  const std::string_view view{all};
  if (!view.starts_with(kMagic)) return std::nullopt;
  const auto body = view.substr(kMagic.size(), size - kMagic.size() - 8);
  if (Reader{view.substr(size - 8)}.number() != hash_of(body)) return std::nullopt;
  Reader in{body};
  Cache cache;
  cache.status.st_dev = in.number();
  cache.status.st_ino = in.number();
  cache.status.st_size = static_cast<off_t>(in.number());
  cache.status.st_mtim.tv_sec = static_cast<time_t>(in.number());
  cache.status.st_mtim.tv_nsec = static_cast<long>(in.number());
  cache.status.st_ctim.tv_sec = static_cast<time_t>(in.number());
  cache.status.st_ctim.tv_nsec = static_cast<long>(in.number());
  cache.is_settled = in.number() == 1;
  const auto count = in.number();
  for (std::uint64_t i = 0; i < count && in.ok; ++i) {
    Found found;
    found.key = in.text();
    found.flags.system = static_cast<std::uint8_t>(in.number());
    const auto bits = in.number();
    found.old = (bits & 1U) != 0;
    found.has_bookkeeping = (bits & 2U) != 0;
    found.date = WallTime{std::chrono::microseconds{static_cast<std::int64_t>(in.number())}};
    found.size = in.number();
    found.from = in.number();
    found.content = in.number();
    found.header_end = in.number();
    found.end = in.number();
    found.next = in.number();
    found.from_hash = in.number();
    for (auto keywords = in.number(); keywords > 0 && in.ok; --keywords) {
      found.flags.set_keyword(in.text());
    }
    cache.messages.push_back(std::move(found));
  }
  if (!in.ok) return std::nullopt;
  return cache;
}

void save_cache(const std::string& path, const Cache& cache) {
  if (cache.messages.size() < kWorthwhile) return;
  Writer out;
  out.number(cache.status.st_dev);
  out.number(cache.status.st_ino);
  out.number(static_cast<std::uint64_t>(cache.status.st_size));
  out.number(static_cast<std::uint64_t>(cache.status.st_mtim.tv_sec));
  out.number(static_cast<std::uint64_t>(cache.status.st_mtim.tv_nsec));
  out.number(static_cast<std::uint64_t>(cache.status.st_ctim.tv_sec));
  out.number(static_cast<std::uint64_t>(cache.status.st_ctim.tv_nsec));
  out.number(cache.is_settled ? 1 : 0);
  out.number(cache.messages.size());
  for (const Found& found : cache.messages) {
    out.text(found.key);
    out.number(found.flags.system);
    out.number((found.old ? 1U : 0U) | (found.has_bookkeeping ? 2U : 0U));
    out.number(static_cast<std::uint64_t>(found.date.time_since_epoch().count()));
    out.number(found.size);
    out.number(found.from);
    out.number(found.content);
    out.number(found.header_end);
    out.number(found.end);
    out.number(found.next);
    out.number(found.from_hash);
    out.number(found.flags.keywords.size());
    for (const auto& keyword : found.flags.keywords) out.text(keyword);
  }
  Writer sum;
  sum.number(hash_of(out.out));
  const std::string text = std::string(kMagic) + out.out + sum.out;
  // A name of our own, then rename: two writers do not meet in one file.
  const std::string temporary = path + ".tmp" + std::to_string(::getpid());
  const FileDescriptor fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open()) return;
  const bool written =
      ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

}  // namespace mail::store::mbox
