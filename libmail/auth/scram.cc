#include "libmail/auth/scram.h"

#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl.h"
#include "libmail/base/base64.h"
#include "libmail/base/cursor.h"

namespace mail::auth {
namespace {

tl::unexpected<Error> malformed(std::string_view why) {
  return fail(Errc::Syntax, EnhancedStatus{5, 5, 2},
              "Malformed authentication response: " + std::string(why));
}

bool is_value_char(char c) { return c != ',' && c != '\0'; }

// saslname = 1*(value-safe-char / "=2C" / "=3D")
Result<std::string> parse_saslname(Cursor& in) {
  std::string name;
  while (!in.at_end() && !in.peek_is(',')) {
    if (in.consume("=2C")) {
      name += ',';
    } else if (in.consume("=3D")) {
      name += '=';
    } else if (in.peek_is('=')) {
      return malformed("'=' in a name");
    } else {
      name += in.next();
    }
  }
  if (!is_sasl_name(name)) return malformed("bad user name");
  return name;
}

// gs2-header = gs2-cbind-flag "," [ authzid ] ","; returns the authorization identity.
Result<std::string> parse_gs2_header(Cursor& in) {
  if (in.consume("p=")) return malformed("channel binding is not offered");
  if (!in.consume('n') && !in.consume('y')) return malformed("no GS2 header");
  if (!in.consume(',')) return malformed("no GS2 header");
  std::string authorization;
  if (in.consume("a=")) authorization = TRY(parse_saslname(in));
  if (!in.consume(',')) return malformed("no GS2 header");
  return authorization;
}

// nonce = "r=" 1*printable; printable = %x21-2B / %x2D-7E
Result<std::string> parse_nonce(Cursor& in, std::size_t limit) {
  if (!in.consume("r=")) return malformed("no nonce");
  const auto nonce = in.take_while([](char c) { return ascii::is_visible(c) && c != ','; });
  if (nonce.empty() || nonce.size() > limit) return malformed("bad nonce");
  return std::string(nonce);
}

// attr-val = ALPHA "=" value, value = 1*value-char
Result<void> parse_extension(Cursor& in) {
  const char name = in.next();
  if (!ascii::is_alpha(name) || !in.consume('=')) return malformed("bad attribute");
  // Section 5.1: "m" is for mandatory extensions, and we know none.
  if (name == 'm') return malformed("unknown mandatory extension");
  if (in.take_while(is_value_char).empty()) return malformed("bad attribute");
  return {};
}

}  // namespace

Result<ScramClientFirst> parse_scram_first(std::string_view message) {
  if (message.size() > kMaxScramPart) return malformed("too long");
  Cursor in(message);
  ScramClientFirst first;
  const std::string authorization = TRY(parse_gs2_header(in));
  first.gs2_header = in.since(0);
  first.bare = in.rest();
  if (!in.consume("n=")) return malformed("no user name");  // reserved-mext too
  first.user = TRY(parse_saslname(in));
  if (!in.consume(',')) return malformed("no nonce");
  first.nonce = TRY(parse_nonce(in, kMaxScramNonce));
  while (in.consume(',')) TRY(parse_extension(in));
  if (!in.at_end()) return malformed("bad attribute");
  if (!authorization.empty() && authorization != first.user) {
    return fail(Errc::Denied, EnhancedStatus{5, 7, 0}, "Authorization identity is not yours");
  }
  return first;
}

Result<ScramClientFinal> parse_scram_final(std::string_view message) {
  if (message.size() > 2 * kMaxScramPart) return malformed("too long");
  Cursor in(message);
  ScramClientFinal final;
  if (!in.consume("c=")) return malformed("no channel binding");
  auto binding = base64::decode(in.take_while(is_value_char));
  if (!binding) return malformed("not base 64");
  final.channel_binding = std::move(*binding);
  if (!in.consume(',')) return malformed("no nonce");
  final.nonce = TRY(parse_nonce(in, kMaxScramPart));
  const std::size_t begin = in.position();
  std::size_t end = begin;
  while (in.consume(',') && !in.rest().starts_with("p=")) {
    TRY(parse_extension(in));
    end = in.position();
  }
  final.extensions = message.substr(begin, end - begin);
  if (final.extensions.size() > kMaxScramExtensions) return malformed("too long");
  if (!in.consume("p=")) return malformed("no proof");
  auto proof = base64::decode(in.rest());
  if (!proof || proof->size() != kScramProof) return malformed("bad proof");
  final.proof = std::move(*proof);
  return final;
}

std::string_view nonce_of(std::string_view server_first) {
  Cursor in(server_first);
  in.consume("r=");
  return in.take_while(is_value_char);
}

}  // namespace mail::auth
