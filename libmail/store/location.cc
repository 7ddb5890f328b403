#include "libmail/store/location.h"

#include <optional>

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

}  // namespace

Result<Location> parse_location(std::string_view mail_location, const User& user) {
  Location location;
  const auto pieces = ascii::split(mail_location, ':');
  if (pieces.front() == "mbox") {
    location.format = Format::Mbox;
    location.layout = "fs";
  } else if (pieces.front() == "maildir") {
    location.format = Format::Maildir;
    location.layout = "Maildir++";
  } else {
    return refuse("unknown format \"" + std::string(pieces.front()) +
                  "\"; mbox: and maildir: are known");
  }
  if (pieces.size() < 2 || pieces.at(1).empty()) return refuse("the mail root is missing");
  location.root = TRY(expand_path(pieces.at(1), user));
  for (std::size_t i = 2; i < pieces.size(); ++i) {
    const auto equals = pieces.at(i).find('=');
    const auto key = pieces.at(i).substr(0, equals);
    std::string value;
    if (equals != std::string_view::npos) {
      value = TRY(expand_path(pieces.at(i).substr(equals + 1), user));
    }
    if (key == "INBOX") {
      location.inbox = value;
    } else if (key == "INDEX") {
      location.index = value == "MEMORY" ? std::string{} : value;
    } else if (key == "CONTROL") {
      location.control = value;
    } else if (key == "LAYOUT") {
      if (value != location.layout) return refuse("LAYOUT=" + value + " is not supported here");
    } else if (key != "UTF-8") {
      return refuse("unknown key " + std::string(key));
    }
  }
  if (!location.root.starts_with('/')) return refuse("the mail root is not an absolute path");
  while (location.root.size() > 1 && location.root.ends_with('/')) location.root.pop_back();
  if (location.inbox.empty()) {
    location.inbox = location.format == Format::Mbox ? location.root + "/inbox" : location.root;
  }
  return location;
}

Location default_location(const User& user, const std::string& spool_directory) {
  Location location;
  const std::string maildir = user.home + "/Maildir";
  if (sys::exists(maildir + "/cur") || sys::exists(maildir)) {
    location = {Format::Maildir, maildir, maildir, {}, {}, "Maildir++"};
  } else {
    location = {Format::Mbox, user.home + "/mail", spool_directory + "/" + user.name, {}, {}, "fs"};
  }
  return location;
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
