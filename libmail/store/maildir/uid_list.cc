#include "libmail/store/maildir/uid_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/create_whole.h"
#include "libmail/base/sys.h"
#include "libmail/store/hash.h"
#include "libmail/store/maildir/file_name.h"

namespace mail::store::maildir {
namespace {
constexpr std::string_view kMark = "tubepost\n";
constexpr time_t kStaleSeconds = 120;
constexpr std::uint32_t kMostUid = INT32_MAX;  // above it somebody wants to use them up

void put_line(std::string& text, const Given& given, const Listed* before) {
  std::array<char, 10> digits{};
  text.append(digits.begin(), std::to_chars(digits.begin(), digits.end(), given.uid.value).ptr);
  if (before != nullptr) {
    if (const auto uidl = before->pop3_uidl(); !uidl.empty()) text.append(" P").append(uidl);
    if (const auto guid = before->guid(); !guid.empty()) text.append(" G").append(guid);
  }
  text.append(" :").append(given.base) += '\n';
}

}  // namespace

// "6 W21 P0000000c4f2a :name"
std::string_view Listed::field(char letter) const {
  for (const auto field : ascii::words(fields, " ")) {
    if (field.front() == letter) return field.substr(1);
  }
  return {};
}

UidList::UidList(std::string text) : text_(std::make_unique<const std::string>(std::move(text))) {
  std::string_view rest = *text_;
  const auto take_line = [&]() -> std::optional<std::string_view> {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // torn
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
  };
  const auto header = ascii::words(take_line().value_or(std::string_view{}));
  if (header.empty() || header.front() != "3") return;
  for (const auto word : header) {
    const auto number = ascii::to_number<std::uint32_t>(word.substr(1)).value_or(0);
    if (word.front() == 'V') uid_validity = number;
    if (word.front() == 'N' && number <= kMostUid) uid_next = number;
  }
  while (const auto line = take_line()) {
    const auto colon = line->find(" :");
    const auto space = line->find(' ');
    const auto uid = ascii::to_number<std::uint32_t>(line->substr(0, space));
    if (!uid || *uid > kMostUid || colon == std::string_view::npos) continue;
    entries_.push_back(
        {*uid, parse_file_name(line->substr(colon + 2)).base, line->substr(space, colon - space)});
    uid_next = std::max(uid_next, *uid + 1);
  }
  sort();
}

void UidList::sort() {
  by_hash_.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    by_hash_.push_back({hash_of(entries_[i].base), i});
  }
  std::sort(by_hash_.begin(), by_hash_.end(), [](const Hashed& a, const Hashed& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.index < b.index;
  });
  const auto is_older = [&](const Hashed& a, const Hashed& b) {
    return a.hash == b.hash && entries_[a.index].base == entries_[b.index].base;
  };
  std::vector<Listed> kept;
  if (std::adjacent_find(by_hash_.begin(), by_hash_.end(), is_older) == by_hash_.end()) return;
  std::set<std::size_t> older;
  for (std::size_t i = 1; i < by_hash_.size(); ++i) {
    if (is_older(by_hash_[i - 1], by_hash_[i])) older.insert(by_hash_[i - 1].index);
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!older.contains(i)) kept.push_back(entries_[i]);
  }
  entries_ = std::move(kept);
  by_hash_.clear();
  sort();
}

const Listed* UidList::find(std::string_view base) {
  if (entries_.empty()) return nullptr;
  if (next_ < entries_.size() && entries_[next_].base == base) return &entries_[next_++];
  const std::uint64_t hash = hash_of(base);
  auto at = std::lower_bound(by_hash_.begin(), by_hash_.end(), hash,
                             [](const Hashed& one, std::uint64_t want) { return one.hash < want; });
  for (; at != by_hash_.end() && at->hash == hash; ++at) {
    if (entries_[at->index].base != base) continue;
    next_ = at->index + 1;
    return &entries_[at->index];
  }
  return nullptr;
}

Result<UidList> read_uid_list(const std::string& path) {
  auto text = sys::read_file(path, 256UL << 20U);
  if (!text && text.error().code == Errc::NotFound) return UidList{};
  if (!text) return fail(text.error());
  return UidList{*std::move(text)};
}

Result<UidListLock> UidListLock::take(const std::string& path, std::chrono::milliseconds timeout) {
  const std::string lock_path = path + ".lock";
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto made = sys::create_whole(lock_path, kMark, 0600);
    if (made) return UidListLock{lock_path};
    if (made.error().code != Errc::Exists) return fail(made.error());
    const auto text = sys::read_file(lock_path, 4096);
    const auto status = sys::stat(lock_path);
    const bool stale = status && status->st_mtime + kStaleSeconds < ::time(nullptr);
    if ((text && *text == kMark) || stale) {
      static_cast<void>(::unlink(lock_path.c_str()));
      continue;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return fail(Errc::InUse, "Mailbox is in use", lock_path + " is held by another program");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

UidListLock::~UidListLock() {
  if (!lock_path_.empty()) ::unlink(lock_path_.c_str());
}

Result<bool> add_to_uid_list(const std::string& path, UidValidity uid_validity,
                             std::span<const Given> added, UidList& before) {
  const auto fd = sys::open(path, O_RDWR | O_NOFOLLOW);
  if (!fd && fd.error().code == Errc::NotFound) return false;
  if (!fd) return fail(fd.error());
  const auto status = TRY(sys::fstat(*fd));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::string head = TRY(sys::pread_all(*fd, 0, 256));
  const std::string end = size == 0 ? std::string{} : TRY(sys::pread_all(*fd, size - 1, 1));
  const std::string validity = " V" + std::to_string(uid_validity.value) + " ";
  const bool is_whole =
      head.starts_with("3 ") && end == "\n" && head.find(validity) != std::string::npos;
  if (!is_whole) return false;
  std::string text;
  for (const Given& one : added) put_line(text, one, before.find(one.base));
  auto written = sys::pwrite_all(*fd, text, size);
  if (written) written = sys::fdatasync(*fd, path);
  if (!written) static_cast<void>(sys::truncate(*fd, size));
  TRY(std::move(written));
  return true;
}

Result<void> write_uid_list(const std::string& path, UidValidity uid_validity, Uid uid_next,
                            std::span<const Given> all, UidList& before) {
  std::string text =
      "3 V" + std::to_string(uid_validity.value) + " N" + std::to_string(uid_next.value) + " \n";
  for (const Given& one : all) put_line(text, one, before.find(one.base));
  return sys::replace_file(path, text, 0600);
}

}  // namespace mail::store::maildir
