#include "libmail/store/index.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"

namespace mail::store {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPayload = kPage - sizeof(std::uint64_t);  // before the page's checksum
constexpr std::size_t kPagesAtOnce = 64;
// Octet order and the sizes of what lies in it are the machine's: another one does without.
constexpr std::array<char, 16> kMagic{"tubepost index\3"};

std::uint64_t checksum_of(std::string_view payload, std::uint64_t nonce, std::uint64_t number) {
  // The first page says what the nonce is, so it cannot be asked for there.
  return XXH3_64bits_withSeed(payload.data(), payload.size(), number == 0 ? 0 : nonce + number);
}

// `nonce`: 0 before it is known.
bool is_whole(std::string_view page, std::uint64_t nonce, std::uint64_t number) {
  std::uint64_t stands = 0;
  std::memcpy(&stands, page.substr(kPayload).data(), sizeof stands);
  if (stands != checksum_of(page.substr(0, kPayload), nonce, number)) return false;
  if (number != 0 || nonce == 0) return true;
  std::memcpy(&stands, page.substr(offsetof(IndexHeader, nonce)).data(), sizeof stands);
  return stands == nonce;
}

std::uint64_t new_nonce() {
  std::random_device random;
  return static_cast<std::uint64_t>(random()) << 32U | random();
}

}  // namespace

tl::unexpected<Error> Index::corrupt() { return fail(Errc::Corrupt, "Index is damaged"); }

std::shared_ptr<const Index> Index::open(const std::string& path) {
  if (path.empty()) return nullptr;
  auto fd = sys::open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return nullptr;
  const auto status = sys::fstat(*fd);
  if (!status || !S_ISREG(status->st_mode)) return nullptr;
  std::shared_ptr<Index> index(new Index(*std::move(fd)));
  index->header_.octets = sizeof(IndexHeader);
  IndexHeader header;
  if (!index->read(0, as_octets(std::span(&header, 1)))) return nullptr;
  const auto size = static_cast<std::uint64_t>(status->st_size);
  if (header.magic != kMagic || header.octets > size) return nullptr;
  if (size != (header.octets + kPayload - 1) / kPayload * kPage) return nullptr;
  index->header_ = header;
  for (const Section& section : {header.text, header.keywords, header.messages, header.doomed,
                                 header.vanished, header.names, header.format}) {
    if (!index->is_inside(section)) return nullptr;
  }
  return index;
}

Result<void> Index::load_page(std::uint64_t number) const {
  if (page_number_ == number) return {};
  page_number_ = UINT64_MAX;
  page_ = TRY(sys::pread_all(fd_, number * kPage, kPage));
  if (page_.size() != kPage || !is_whole(page_, header_.nonce, number)) return corrupt();
  page_number_ = number;
  return {};
}

Result<void> Index::read(std::uint64_t at, std::span<char> into) const {
  if (at > header_.octets || into.size() > header_.octets - at) return corrupt();
  std::string many;
  while (!into.empty()) {
    const std::uint64_t number = at / kPayload;
    const auto offset = static_cast<std::size_t>(at % kPayload);
    if (into.size() < 2 * kPage) {
      TRY(load_page(number));
      const std::size_t count =
          page_.copy(into.data(), std::min(into.size(), kPayload - offset), offset);
      into = into.subspan(count);
      at += count;
      continue;
    }
    const std::uint64_t last = (at + into.size() - 1) / kPayload;
    const auto pages =
        static_cast<std::size_t>(std::min<std::uint64_t>(kPagesAtOnce, last - number + 1));
    many.resize(pages * kPage);
    if (TRY(sys::pread(fd_, many, number * kPage)) != many.size()) return corrupt();
    for (std::size_t i = 0; i < pages; ++i) {
      const auto page = std::string_view{many}.substr(i * kPage, kPage);
      if (!is_whole(page, header_.nonce, number + i)) return corrupt();
      const std::size_t skip = i == 0 ? offset : 0;
      const std::size_t count = std::min(into.size(), kPayload - skip);
      std::memcpy(into.data(), page.substr(skip).data(), count);
      into = into.subspan(count);
      at += count;
    }
  }
  return {};
}

Result<std::string> Index::read(const Section& section) const {
  if (!is_inside(section)) return corrupt();
  std::string octets(static_cast<std::size_t>(section.octets), '\0');
  TRY(read(section.at, octets));
  return octets;
}

namespace {

// InUse: another writes it.
Result<FileDescriptor> open_temporary(const std::string& path) {
  auto fd = TRY(sys::open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  TRY(sys::lock(fd, sys::Lock::Exclusive, std::chrono::milliseconds(0), path));
  const auto mine = TRY(sys::fstat(fd));
  const auto named = TRY(sys::lstat(path));
  if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev) {
    return fail(Errc::InUse, "Index was written just now");
  }
  TRY(sys::truncate(fd, 0));
  return fd;
}

}  // namespace

IndexWriter::IndexWriter(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".new"), nonce_(new_nonce()) {
  auto fd = open_temporary(temporary_);
  if (fd) {
    fd_ = *std::move(fd);
  } else {
    state_ = fail(std::move(fd).error());
  }
  put_record(IndexHeader{});
  section_begin_ = octets_;
}

IndexWriter::~IndexWriter() {
  if (fd_.is_open()) ::unlink(temporary_.c_str());
}

void IndexWriter::put(std::string_view octets) {
  octets_ += octets.size();
  if (first_.size() < kPayload) {
    const auto piece = octets.substr(0, kPayload - first_.size());
    first_ += piece;
    octets.remove_prefix(piece.size());
  }
  pending_ += octets;
  if (pending_.size() >= kPagesAtOnce * kPayload) flush(false);
}

void IndexWriter::flush(bool last) {
  std::string pages;
  std::size_t done = 0;
  const std::uint64_t before = pages_;
  while (done < pending_.size() && (last || pending_.size() - done >= kPayload)) {
    std::string payload = pending_.substr(done, kPayload);
    done += payload.size();
    payload.resize(kPayload, '\0');
    ++pages_;  // page 0 is the first one
    const std::uint64_t sum = checksum_of(payload, nonce_, pages_);
    pages += payload;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): its octets
    pages.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  }
  pending_.erase(0, done);
  if (state_) state_ = sys::pwrite_all(fd_, pages, (before + 1) * kPage);
}

Section IndexWriter::end_section() {
  const Section section{section_begin_, octets_ - section_begin_};
  section_begin_ = octets_;
  return section;
}

Result<void> IndexWriter::finish(IndexHeader header) {
  flush(true);
  header.magic = kMagic;
  header.nonce = nonce_;
  header.octets = octets_;
  first_.resize(kPayload, '\0');
  std::memcpy(first_.data(), &header, sizeof header);
  const std::uint64_t sum = checksum_of(first_, nonce_, 0);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): its octets
  first_.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  if (state_) state_ = sys::pwrite_all(fd_, first_, 0);
  if (state_) state_ = sys::rename(temporary_, path_);
  if (state_) fd_.reset();
  return state_;
}

}  // namespace mail::store
