#include "libmail/login/hand_over.h"

#include "libmail/login/fields.h"

namespace mail::login {

std::string serialize(const HandOver& record) {
  FieldWriter out;
  out.number(kHandOverVersion);
  out.text(TUBEPOST_VERSION);
  out.text(record.identity.user);
  out.number(record.identity.uid);
  out.number(record.identity.gid);
  out.text(record.identity.home);
  out.text(record.identity.mail_location);
  out.text(record.login_name);
  out.text(record.unread);
  out.text(record.tag);
  out.text(record.peer.address);
  out.number(record.peer.port);
  out.text(record.peer.local_address);
  out.number(record.peer.local_port);
  out.number(record.tls ? 1 : 0);
  out.text(record.tls_description);
  out.text(record.configuration);
  return std::move(out.octets());
}

Result<HandOver> parse_hand_over(std::string_view octets) {
  FieldReader in(octets);
  const auto version = TRY(in.number());
  if (version != kHandOverVersion) {
    return fail(Errc::Config, "Server was upgraded, try again", "hand-over record: other version");
  }
  const auto program = TRY(in.text(kMaxHandOverOctets));
  if (program != TUBEPOST_VERSION) {
    return fail(Errc::Config, "Server was upgraded, try again",
                "hand-over record of version " + program);
  }
  constexpr std::size_t kMost = kMaxHandOverOctets;
  HandOver record;
  record.identity.user = TRY(in.text(kMost));
  record.identity.uid = TRY(in.number());
  record.identity.gid = TRY(in.number());
  record.identity.home = TRY(in.text(kMost));
  record.identity.mail_location = TRY(in.text(kMost));
  record.login_name = TRY(in.text(kMost));
  record.unread = TRY(in.text(kMost));
  record.tag = TRY(in.text(kMost));
  record.peer.address = TRY(in.text(kMost));
  record.peer.port = static_cast<std::uint16_t>(TRY(in.number()));
  record.peer.local_address = TRY(in.text(kMost));
  record.peer.local_port = static_cast<std::uint16_t>(TRY(in.number()));
  record.tls = TRY(in.number())
  != 0;
  record.tls_description = TRY(in.text(kMost));
  record.configuration = TRY(in.text(kMost));
  TRY(in.end());
  return record;
}

}  // namespace mail::login
