#include "libmail/local/place.h"

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/log.h"

namespace mail::local {
namespace {

std::string with_home(std::string_view path, const auth::Identity& identity) {
  if (path == "~") return identity.home;
  if (path.starts_with("~/")) return identity.home + std::string(path.substr(1));
  return std::string(path);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.size() > 1 && path.starts_with(directory) &&
         path.substr(directory.size()).starts_with('/');
}

Result<Place> parse_location(const std::string& location, const auth::Identity& identity) {
  const auto parts = ascii::split(location, ':');
  Place place;
  place.location = location;
  if (parts[0] == "mbox") {
    place.format = Place::Format::Mbox;
  } else if (parts[0] == "maildir") {
    place.format = Place::Format::Maildir;
  } else {
    return fail(Errc::Config, "Mailbox is not configured rightly",
                "mail_location " + log::escape(location) + ": expected mbox: or maildir:");
  }
  std::string root;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].starts_with("INBOX=")) {
      place.path = with_home(expand_variables(parts[i].substr(6), identity), identity);
    } else if (i == 1) {
      root = with_home(expand_variables(parts[i], identity), identity);
    }
  }
  // Dovecot 2.3: without INBOX= an mbox root holds it as "inbox"; a Maildir root is it.
  if (place.path.empty()) {
    place.path = place.format == Place::Format::Mbox ? root + "/inbox" : root;
  }
  place.path = without_slash(place.path);
  if (!place.path.starts_with('/')) {
    return fail(Errc::Config, "Mailbox is not configured rightly",
                "mail_location " + log::escape(location) + ": no absolute path for " +
                    log::escape(identity.user));
  }
  return place;
}

}  // namespace

std::string expand_variables(std::string_view text, const auth::Identity& identity) {
  const std::string_view user = identity.user;
  const auto at = user.rfind('@');
  std::string out;
  Cursor in(text);
  while (!in.at_end()) {
    out += in.take_while([](char c) { return c != '%'; });
    if (!in.consume('%')) break;
    bool lower = false;
    while (in.peek_is('L')) lower = in.consume('L');
    const auto width = ascii::to_number<std::size_t>(in.take_while(ascii::is_digit));
    std::string value;
    switch (in.next()) {
      case 'u':
        value = user;
        break;
      case 'n':
        value = user.substr(0, at);
        break;
      case 'd':
        value = at == std::string_view::npos ? "" : user.substr(at + 1);
        break;
      case 'h':
        value = identity.home;
        break;
      case '%':
        value = "%";
        break;
      default:
        break;
    }
    if (width) value.resize(std::min(*width, value.size()));
    out += lower ? ascii::to_lower(value) : value;
  }
  return out;
}

Result<Place> place_of(const Settings& settings, const auth::Identity& identity, Trace& trace) {
  if (identity.user.empty() || identity.user == "." || identity.user == ".." ||
      identity.user.find('/') != std::string::npos) {
    return fail(Errc::Denied, "Mailbox name not allowed",
                "account " + log::escape(identity.user) + " is no file name");
  }
  std::string rule;
  std::string location;
  if (!identity.mail_location.empty()) {
    rule = "mail_location of the account";
    location = identity.mail_location;
  } else if (!settings.home_mailbox.empty()) {
    rule = "home_mailbox";
    const std::string path = "~/" + settings.home_mailbox;
    location = settings.home_mailbox.ends_with('/') ? "maildir:" + without_slash(path)
                                                    : "mbox:~/mail:INBOX=" + path;
  } else if (!settings.mail_location.empty()) {
    rule = "mail_location";
    location = settings.mail_location;
  } else {
    rule = "mail_spool_directory";
    location = "mbox:~/mail:INBOX=" + without_slash(settings.mail_spool_directory) + "/%u";
  }
  Place place = TRY(parse_location(location, identity));
  place.in_spool = !is_below(place.path, identity.home);
  trace.add(rule, identity.user + " has its mail in " +
                      (place.format == Place::Format::Mbox ? "mbox " : "Maildir ") + place.path);
  return place;
}

}  // namespace mail::local
