#include "libmail/local/forward_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "libmail/base/log.h"
#include "libmail/base/sys.h"

namespace mail::local {
namespace {

void replace_all(std::string& text, std::string_view name, std::string_view value) {
  for (auto at = text.find(name); at != std::string::npos;
       at = text.find(name, at + value.size())) {
    text.replace(at, name.size(), value);
  }
}

tl::unexpected<Error> bad_file(const std::string& path, std::string_view why) {
  return fail(make_error(Errc::Config, {4, 3, 5}, "Mail system configuration error",
                         log::escape(path) + ": " + std::string(why)));
}

// Content of a file that only `owner` or root can have written.
Result<std::string> read_trusted(const std::string& path, uid_t owner) {
  const auto fd = TRY(sys::open(path, O_RDONLY | O_NONBLOCK));
  const auto status = TRY(sys::fstat(fd));
  if (!S_ISREG(status.st_mode)) return bad_file(path, "not a regular file");
  if (status.st_uid != owner && status.st_uid != 0) return bad_file(path, "belongs to another");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return bad_file(path, "others may write it");
  if (static_cast<std::uint64_t>(status.st_size) > kMaxForwardFile)
    return bad_file(path, "too large");
  return sys::pread_all(fd, 0, kMaxForwardFile);
}

Result<std::vector<alias::Target>> targets_of(const std::string& path, std::string_view text) {
  std::vector<alias::Target> out;
  for (auto& line : alias::parse_target_file(text).lines) {
    if (!line.list.mistakes.empty()) {
      return bad_file(path,
                      "line " + std::to_string(line.number) + ": " + line.list.mistakes.front());
    }
    std::move(line.list.targets.begin(), line.list.targets.end(), std::back_inserter(out));
  }
  return out;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Result<void> check_allowed(const Settings& settings, const std::vector<alias::Target>& targets,
                           std::string_view kind_of_file) {
  for (const alias::Target& target : targets) {
    const bool refused = (target.kind == alias::Target::Kind::Command &&
                          !contains(settings.allow_mail_to_commands, kind_of_file)) ||
                         (target.kind == alias::Target::Kind::File &&
                          !contains(settings.allow_mail_to_files, kind_of_file));
    if (refused) {
      return fail(make_error(Errc::Denied, {5, 7, 1}, "mail to this destination is restricted",
                             std::string(kind_of_file) + " file names " + log::escape(target.text) +
                                 ", which allow_mail_to_commands or allow_mail_to_files refuses"));
    }
  }
  return {};
}

}  // namespace

std::string extension_of(const Settings& settings, std::string_view recipient) {
  const std::string_view local = recipient.substr(0, recipient.rfind('@'));
  if (settings.recipient_delimiter.empty()) return {};
  const auto at = local.find_first_of(settings.recipient_delimiter);
  return at == std::string_view::npos || at == 0 ? std::string()
                                                 : std::string(local.substr(at + 1));
}

Result<std::optional<std::vector<alias::Target>>> read_forward(const Settings& settings,
                                                               const auth::Identity& identity,
                                                               std::string_view extension,
                                                               Trace& trace) {
  if (identity.home.empty() || !identity.home.starts_with('/')) return std::nullopt;
  for (std::string path : settings.forward_path) {
    const bool needs_extension = path.find("${extension}") != std::string::npos;
    // An extension is the sender's word: it must not lead out of the home.
    if (needs_extension && (extension.empty() || extension.find('/') != std::string_view::npos)) {
      continue;
    }
    replace_all(path, "${recipient_delimiter}", settings.recipient_delimiter.substr(0, 1));
    replace_all(path, "${extension}", extension);
    replace_all(path, "$home", identity.home);
    replace_all(path, "$user", identity.user);
    auto text = read_trusted(path, ::geteuid());
    if (!text) {
      // No home, or one that is closed to its own user, has no .forward.
      if (text.error().code == Errc::NotFound) continue;
      return fail(std::move(text).error());
    }
    std::vector<alias::Target> targets = TRY(targets_of(path, *text));
    if (targets.empty()) continue;
    TRY(check_allowed(settings, targets, "forward"));
    for (const alias::Target& target : targets) {
      trace.add("forward_path", identity.user + " -> " + target.text, path);
    }
    return targets;
  }
  return std::nullopt;
}

Result<std::vector<alias::Target>> read_include(const Settings& settings, const std::string& path) {
  std::string text = TRY(read_trusted(path, ::geteuid()));
  std::vector<alias::Target> targets = TRY(targets_of(path, text));
  TRY(check_allowed(settings, targets, "include"));
  for (const alias::Target& target : targets) {
    if (target.kind != alias::Target::Kind::Address) {
      return bad_file(path, "an included list may hold addresses only");
    }
  }
  return targets;
}

}  // namespace mail::local
