#include "libmail/store/location.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "libmail/base/ascii.h"
#include "libmail/base/sys.h"
#include "libmail/base/variables.h"

namespace mail::store {
namespace {

tl::unexpected<Error> refuse(std::string text) {
  return fail(Errc::Config, "mail_location: " + std::move(text));
}

}  // namespace

Result<std::string> expand_variables(std::string_view text, const User& user) {
  auto expanded = variables::expand_path(text, [&](std::string_view name) {
    if (name == "h" || name == "home") return std::optional(user.home);
    if (name == "i" || name == "uid") return std::optional(std::to_string(user.uid));
    return variables::part_of_name(user.name, name);
  });
  if (!expanded) return refuse(expanded.error().public_text);
  return expanded;
}

namespace {

Result<std::string> expand_path(std::string_view text, const User& user) {
  std::string path = TRY(expand_variables(text, user));
  if (path != "~" && !path.starts_with("~/")) return path;
  // Else "~/" were the root directory.
  if (!user.home.starts_with('/')) return refuse("the account has no home for ~");
  return user.home + path.substr(1);
}

// At ':', of which two are one in a value (Dovecot's mailbox_list_settings_parse).
std::vector<std::string> split_location(std::string_view text) {
  std::vector<std::string> pieces{""};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.at(i) != ':') {
      pieces.back() += text.at(i);
    } else if (i + 1 < text.size() && text.at(i + 1) == ':') {
      pieces.back() += ':';
      ++i;
    } else {
      pieces.emplace_back();
    }
  }
  return pieces;
}

// What Dovecot's autodetection takes for one or the other.
Result<Format> detect_format(const std::string& root) {
  if (sys::exists(root + "/cur")) return Format::Maildir;
  for (const char* sign : {"/.imap", "/inbox", "/mbox"}) {
    if (sys::exists(root + sign)) return Format::Mbox;
  }
  return refuse("neither mboxes nor a Maildir lie at the mail root; write mbox: or maildir:");
}

std::optional<std::string> layout_named(std::string_view name) {
  for (const char* layout : {"fs", "Maildir++", "imapdir"}) {
    if (ascii::iequals(name, layout)) return layout;
  }
  return std::nullopt;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name != "." && name != "..";
}

// One key after the root. Those without effect here are about Dovecot's own index files.
Result<void> take_key(Location& location, std::string_view piece, const User& user) {
  const auto equals = piece.find('=');
  const auto key = piece.substr(0, equals);
  std::string value;
  if (equals != std::string_view::npos) value = TRY(expand_path(piece.substr(equals + 1), user));
  if (key == "INBOX") {
    location.inbox = value;
  } else if (key == "INDEX") {
    location.index = value;
  } else if (key == "CONTROL") {
    location.control = value;
  } else if (key == "LAYOUT") {
    const auto layout = layout_named(value);
    if (!layout) return refuse("LAYOUT=" + value + " is not supported here");
    location.layout = *layout;
  } else if (key == "DIRNAME" || key == "SUBSCRIPTIONS") {
    if (!is_file_name(value)) return refuse(std::string(key) + " has to be a file's name");
    (key == "DIRNAME" ? location.directory_name : location.subscriptions) = value;
  } else if (key == "UTF-8") {
    location.is_utf8 = true;
  } else if (key == "NO-NOSELECT") {
    location.drops_empty_parents = true;
  } else if (key != "VOLATILEDIR" && key != "LISTINDEX" && key != "ITERINDEX" &&
             key != "INDEXPVT" && key != "INDEXCACHE" && key != "BROKENCHAR") {
    return refuse("unknown key " + std::string(key));
  }
  return {};
}

Result<void> check_paths(Location& location) {
  for (const auto& [path, name] : {std::pair(&location.root, "the mail root"),
                                   {&location.inbox, "INBOX="},
                                   {&location.index, "INDEX="},
                                   {&location.control, "CONTROL="}}) {
    if (path->empty() || (path == &location.index && *path == "MEMORY")) continue;
    if (!path->starts_with('/')) return refuse(std::string(name) + " is not an absolute path");
    while (path->size() > 1 && path->ends_with('/')) path->pop_back();
  }
  if (!location.directory_name.empty() && location.layout != "fs") {
    return refuse("DIRNAME needs LAYOUT=fs");  // in Dovecot too
  }
  return {};
}

// As Dovecot's formats have it.
std::string default_inbox(const Location& location) {
  if (location.format == Format::Mbox) {
    return location.root + (location.layout == "imapdir" ? "/INBOX" : "/inbox");
  }
  if (location.layout == "imapdir") return location.root + "/INBOX";
  if (location.directory_name.empty()) return location.root;
  return location.root + "/INBOX/" + location.directory_name;
}

// `text`: as configured, `path`: what became of it.
void add_branch(Location& location, std::string_view text, std::string_view path, bool is_spool) {
  const auto variable = text.find('%');
  if (!text.starts_with('/') || variable == std::string_view::npos) return;
  auto base = text.substr(0, text.rfind('/', variable));
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base.empty() || path.size() <= base.size()) return;  // "/%d/%n" has no part that is ours
  location.branches.push_back({std::string(base), std::string(path), is_spool});
}

void find_branches(Location& location, const std::vector<std::string>& pieces) {
  add_branch(location, pieces.at(1), location.root, false);
  for (std::size_t i = 2; i < pieces.size(); ++i) {
    const std::string_view piece = pieces.at(i);
    const auto value = piece.substr(piece.find('=') + 1);
    if (piece.starts_with("INDEX=")) add_branch(location, value, location.index, false);
    if (piece.starts_with("CONTROL=")) add_branch(location, value, location.control, false);
    if (!piece.starts_with("INBOX=")) continue;
    const bool is_file = location.format == Format::Mbox;
    const std::string_view inbox = location.inbox;
    add_branch(location, value, is_file ? inbox.substr(0, inbox.rfind('/')) : inbox, is_file);
  }
}

bool is_at_or_above(const std::string& directory, const std::string& other) {
  std::error_code error;
  const auto real = [&](const std::string& path) {
    auto text = std::filesystem::weakly_canonical(path, error).string();
    return text.ends_with('/') ? text : text + '/';
  };
  const auto above = real(directory);
  return real(other).starts_with(above) || error;
}

}  // namespace

Result<Location> parse_location(std::string_view mail_location, const User& user) {
  Location location;
  auto pieces = split_location(mail_location);
  const bool is_path = mail_location.starts_with('/') || mail_location.starts_with('~') ||
                       mail_location.starts_with('%');
  if (is_path) pieces.insert(pieces.begin(), "auto");
  if (pieces.size() < 2 || pieces.at(1).empty()) {
    if (pieces.front() == "mbox" || pieces.front() == "maildir") {
      return refuse("the mail root is missing");
    }
    return refuse("unknown format \"" + pieces.front() + "\"; mbox: and maildir: are known");
  }
  location.root = TRY(expand_path(pieces.at(1), user));
  if (pieces.front() == "auto") {
    location.format = TRY(detect_format(location.root));
  } else if (pieces.front() == "mbox" || pieces.front() == "maildir") {
    location.format = pieces.front() == "mbox" ? Format::Mbox : Format::Maildir;
  } else {
    return refuse("unknown format \"" + pieces.front() + "\"; mbox: and maildir: are known");
  }
  location.layout = location.format == Format::Mbox ? "fs" : "Maildir++";
  for (std::size_t i = 2; i < pieces.size(); ++i) TRY(take_key(location, pieces.at(i), user));
  TRY(check_paths(location));
  if (location.inbox.empty()) location.inbox = default_inbox(location);
  find_branches(location, pieces);
  location.root_holds_home = is_at_or_above(location.root, user.home);
  return location;
}

bool is_own_branch(const Branch& branch) {
  std::string there = branch.path;
  while (there.size() > branch.base.size() && !sys::exists(there)) {
    there.resize(there.rfind('/'));
  }
  const auto status = sys::stat(there);
  return status && status->st_uid == ::geteuid();
}

Location default_location(const User& user, const std::string& spool_directory) {
  const std::string maildir = user.home + "/Maildir";
  const std::string mail = user.home + "/mail";
  const std::string other = user.home + "/Mail";
  const std::string spool = spool_directory + "/" + user.name;
  const bool is_other =
      !sys::exists(mail) && (sys::exists(other + "/.imap") || sys::exists(other + "/inbox"));
  const bool has_mbox = is_other || sys::exists(mail) || sys::exists(spool);
  if (sys::exists(maildir + "/cur") || (sys::exists(maildir) && !has_mbox)) {
    return {Format::Maildir, maildir, maildir, {}, {}, "Maildir++"};
  }
  return {Format::Mbox, is_other ? other : mail, spool, {}, {}, "fs"};
}

Result<Located> locate_mail(const Settings& settings, const User& user,
                            const std::string& account_location) {
  if (!account_location.empty()) {
    return Located {
      TRY(parse_location(account_location, user))
      , "mail_location of the account"
    };
  }
  if (!settings.mail_location.empty()) {
    return Located {
      TRY(parse_location(settings.mail_location, user))
      , "mail_location"
    };
  }
  if (!settings.home_mailbox.empty()) {  // Postfix: a '/' at the end makes it a Maildir
    const bool is_maildir = settings.home_mailbox.ends_with('/');
    const std::string path =
        "~/" + settings.home_mailbox.substr(0, settings.home_mailbox.size() - (is_maildir ? 1 : 0));
    return Located {
      TRY(parse_location(is_maildir ? "maildir:" + path : "mbox:~/mail:INBOX=" + path, user))
      , "home_mailbox"
    };
  }
  return Located{default_location(user, settings.mail_spool_directory), "mail_spool_directory"};
}

}  // namespace mail::store
