#include "libmail/local/place.h"

#include <utility>

#include "libmail/base/log.h"

namespace mail::local {
namespace {

bool is_below(std::string_view path, std::string_view directory) {
  return directory.size() > 1 && path.starts_with(directory) &&
         path.substr(directory.size()).starts_with('/');
}

}  // namespace

Result<Place> place_of(const Settings& settings, const auth::Identity& identity, Trace& trace) {
  if (identity.user.empty() || identity.user == "." || identity.user == ".." ||
      identity.user.find('/') != std::string::npos) {
    return fail(Errc::Denied, "Mailbox name not allowed",
                "account " + log::escape(identity.user) + " is no file name");
  }
  const store::User user{identity.user, identity.home, identity.uid};
  auto located = store::locate_mail(settings.mail, user, identity.mail_location);
  if (!located) {
    return fail(Errc::Config, EnhancedStatus{4, 3, 5}, "Mailbox is not configured rightly",
                located.error().log_text);
  }
  Place place;
  place.format = located->location.format;
  place.path = located->location.inbox;
  place.branches = std::move(located->location.branches);
  place.in_spool = !is_below(place.path, identity.home);
  trace.add(located->rule, identity.user + " has its mail in " +
                               (place.format == store::Format::Mbox ? "mbox " : "Maildir ") +
                               place.path);
  return place;
}

}  // namespace mail::local
