#include "libmail/store/location.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/base/sys.h"

namespace mail::store {
namespace {

tl::unexpected<Error> refuse(std::string text) {
  return fail(Errc::Config, "mail_location: " + std::move(text));
}

std::string local_part(const std::string& name) { return name.substr(0, name.find('@')); }

std::string domain(const std::string& name) {
  const auto at = name.find('@');
  return at == std::string::npos ? std::string{} : name.substr(at + 1);
}

// Dovecot 2.3's %H: P. J. Weinberger's hash in hexadecimal, modulo the width if one is given.
std::string hash(std::string_view text, std::uint32_t modulo) {
  std::uint32_t value = 0;
  for (const char c : text) {
    value = (value << 4U) + static_cast<unsigned char>(c);
    if (const std::uint32_t high = value & 0xf0000000U; high != 0) {
      value ^= high >> 24U;
      value ^= high;
    }
  }
  if (modulo != 0) value %= modulo;
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), value, 16).ptr;
  return {digits.begin(), end};
}

struct Pick {
  int offset = 0;
  int width = 0;
  bool from_end = false;  // negative offset
  bool zeros = false;
  bool has_width = false;
};

Pick parse_pick(Cursor& in) {
  Pick pick;
  const auto number = [&] {
    return ascii::to_number<int>(in.take_while(ascii::is_digit).substr(0, 6)).value_or(0);
  };
  const bool negative = in.consume('-');
  pick.zeros = in.peek_is('0');
  if (!negative && !ascii::is_digit(in.peek())) return pick;
  int first = number();
  if (in.consume('.')) {
    pick.offset = first;
    pick.from_end = negative;
    pick.width = number();
    pick.zeros = false;
  } else if (negative) {  // %-2u: the last two
    pick.offset = first;
    pick.from_end = true;
    pick.width = first;
  } else {
    pick.width = first;
  }
  pick.has_width = true;
  return pick;
}

std::string pick_part(const Pick& pick, std::string value) {
  if (!pick.has_width) return value;
  auto offset = static_cast<std::size_t>(pick.offset);
  if (pick.from_end) offset = offset >= value.size() ? 0 : value.size() - offset;
  value = offset >= value.size() ? std::string{} : value.substr(offset);
  const auto width = static_cast<std::size_t>(pick.width);
  if (width != 0 && value.size() > width) value.resize(width);
  if (pick.zeros && value.size() < width) value.insert(0, width - value.size(), '0');
  return value;
}

Result<std::string> value_of(std::string_view variable, const User& user) {
  if (variable == "u" || variable == "user") return user.name;
  if (variable == "n" || variable == "username") return local_part(user.name);
  if (variable == "d" || variable == "domain") return domain(user.name);
  if (variable == "h" || variable == "home") return user.home;
  if (variable == "i" || variable == "uid") return std::to_string(user.uid);
  return refuse("unknown variable %" + std::string(variable));
}

std::string with_home(std::string path, const User& user) {
  if (path == "~") return user.home;
  if (path.starts_with("~/")) return user.home + path.substr(1);
  return path;
}

Result<std::string> expand_long(Cursor& in, const User& user) {
  const auto inside = in.take_while([](char c) { return c != '}'; });
  if (!in.consume('}')) return refuse("%{ without }");
  const auto parts = ascii::split(inside, '|');
  std::string value = TRY(value_of(ascii::trim(parts.front()), user));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto filter = ascii::trim(parts.at(i));
    if (filter == "username") {
      value = local_part(value);
    } else if (filter == "domain") {
      value = domain(value);
    } else if (filter == "lower") {
      value = ascii::to_lower(value);
    } else if (filter == "upper") {
      value = ascii::to_upper(value);
    } else {
      return refuse("unknown filter in %{" + std::string(inside) + "}");
    }
  }
  return value;
}

}  // namespace

Result<std::string> expand_variables(std::string_view text, const User& user) {
  std::string out;
  Cursor in{text};
  while (!in.at_end()) {
    out += in.take_while([](char c) { return c != '%'; });
    if (!in.consume('%')) break;
    if (in.consume('%')) {
      out += '%';
      continue;
    }
    if (in.consume('{')) {
      out += TRY(expand_long(in, user));
      continue;
    }
    Pick pick = parse_pick(in);
    const auto modifiers = in.take_while([](char c) { return ascii::is_upper(c); });
    if (in.at_end()) return refuse("% at the end of " + std::string(text));
    const char letter = in.next();
    std::string value = TRY(value_of(std::string_view{&letter, 1}, user));
    for (const char modifier : modifiers) {
      if (modifier == 'L') {
        value = ascii::to_lower(value);
      } else if (modifier == 'U') {
        value = ascii::to_upper(value);
      } else if (modifier == 'R') {
        std::reverse(value.begin(), value.end());
      } else if (modifier == 'T') {
        value = ascii::trim(value);
      } else if (modifier == 'H') {
        value = hash(value, static_cast<std::uint32_t>(pick.width));
        pick = {};
      } else {
        return refuse(std::string("unknown modifier %") + modifier + letter);
      }
    }
    out += pick_part(pick, std::move(value));
  }
  return out;
}

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
  location.root = with_home(TRY(expand_variables(pieces.at(1), user)), user);
  for (std::size_t i = 2; i < pieces.size(); ++i) {
    const auto equals = pieces.at(i).find('=');
    const auto key = pieces.at(i).substr(0, equals);
    std::string value;
    if (equals != std::string_view::npos) {
      value = with_home(TRY(expand_variables(pieces.at(i).substr(equals + 1), user)), user);
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
