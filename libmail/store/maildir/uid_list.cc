#include "libmail/store/maildir/uid_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "libmail/base/ascii.h"
#include "libmail/base/create_whole.h"
#include "libmail/base/sys.h"
#include "libmail/store/maildir/file_name.h"

namespace mail::store::maildir {
namespace {
constexpr std::string_view kMark = "tubepost\n";
constexpr time_t kStaleSeconds = 120;

// "6 W21 P0000000c4f2a :name": a letter and its value each.
Extras parse_extras(std::string_view fields) {
  Extras extras;
  for (const auto field : ascii::words(fields, " ")) {
    if (field.front() == 'G') extras.guid = std::string(field.substr(1));
    if (field.front() == 'P') extras.pop3_uidl = std::string(field.substr(1));
  }
  return extras;
}

}  // namespace

Result<UidList> read_uid_list(const std::string& path) {
  auto text = sys::read_file(path, 256UL << 20U);
  if (!text && text.error().code == Errc::NotFound) return UidList{};
  if (!text) return fail(text.error());
  UidList list;
  const auto lines = ascii::split(*text, '\n');
  const auto header = ascii::words(lines.front());
  if (header.empty() || header.front() != "3") return list;
  for (const auto word : header) {
    const auto number = ascii::to_number<std::uint32_t>(word.substr(1)).value_or(0);
    if (word.front() == 'V') list.uid_validity = number;
    if (word.front() == 'N') list.uid_next = number;
  }
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {  // the last piece has no line end: torn
    const auto line = lines.at(i);
    const auto uid = ascii::to_number<std::uint32_t>(line.substr(0, line.find(' ')));
    const auto colon = line.find(" :");
    if (!uid || colon == std::string_view::npos) continue;
    const std::string base = parse_file_name(line.substr(colon + 2)).base;
    list.uids[base] = *uid;
    if (line.find(' ') < colon) list.extras[base] = parse_extras(line.substr(0, colon));
    list.uid_next = std::max(list.uid_next, *uid + 1);
  }
  return list;
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

Result<void> write_uid_list(const std::string& path, UidValidity uid_validity, Uid uid_next,
                            const std::vector<std::pair<Uid, std::string>>& added,
                            const std::function<std::vector<std::pair<Uid, std::string>>()>& all,
                            const UidList& before) {
  const auto lines = [&](const std::vector<std::pair<Uid, std::string>>& entries) {
    std::string text;
    for (const auto& [uid, base] : entries) {
      text += std::to_string(uid.value);
      if (const auto extras = before.extras.find(base); extras != before.extras.end()) {
        const auto& [guid, pop3_uidl] = extras->second;
        if (!pop3_uidl.empty()) text.append(" P").append(pop3_uidl);
        if (!guid.empty()) text.append(" G").append(guid);
      }
      text.append(" :").append(base) += '\n';
    }
    return text;
  };
  auto fd = sys::open(path, O_RDWR | O_NOFOLLOW);
  if (!fd && fd.error().code != Errc::NotFound) return fail(fd.error());
  if (fd) {
    const auto status = TRY(sys::fstat(*fd));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const std::string begin = TRY(sys::pread_all(*fd, 0, 2));
    const std::string end = size == 0 ? std::string{} : TRY(sys::pread_all(*fd, size - 1, 1));
    const std::string validity = " V" + std::to_string(uid_validity.value) + " ";
    const std::string head = TRY(sys::pread_all(*fd, 0, 256));
    if (begin == "3 " && end == "\n" && head.find(validity) != std::string::npos) {
      auto written = sys::pwrite_all(*fd, lines(added), size);
      if (written) written = sys::fdatasync(*fd, path);
      if (!written) static_cast<void>(sys::truncate(*fd, size));
      return written;
    }
  }
  return sys::replace_file(path,
                           "3 V" + std::to_string(uid_validity.value) + " N" +
                               std::to_string(uid_next.value) + " \n" + lines(all()),
                           0600);
}

}  // namespace mail::store::maildir
