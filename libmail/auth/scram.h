// What a SCRAM client says (RFC 5802 section 7): octets to typed parts, without a secret in sight.
// The server's part is scram_server.h.
//
// Refused as Syntax: channel binding ("p=": we offer no -PLUS), "m=", NUL, controls, names that are
// not UTF-8, parts longer than authenticator.h allows. Denied: an authorization identity that is
// not the user's own.
#pragma once

#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::auth {

struct ScramClientFirst {
  std::string gs2_header;  // with its last comma
  std::string user;        // "=2C" and "=3D" decoded
  std::string nonce;
  std::string bare;  // client-first-message-bare
};
Result<ScramClientFirst> parse_scram_first(std::string_view message);

struct ScramClientFinal {
  std::string channel_binding;  // decoded: the GS2 header once more
  std::string nonce;            // the client's and the server's
  std::string extensions;       // ",x=...", mostly empty
  std::string proof;            // decoded, 32 octets
};
Result<ScramClientFinal> parse_scram_final(std::string_view message);

// The nonce of a server-first-message of ours.
std::string_view nonce_of(std::string_view server_first);

}  // namespace mail::auth
