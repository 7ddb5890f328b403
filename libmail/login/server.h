// run_server(): a server with logins, as monitor, front and session (DESIGN.md section 3).
//
//   monitor  the process that was started. As root it forks the front, answers its table of
//            requests, and executes the session as the user; it parses neither protocol nor mail.
//   front    everything before login, without rights; with TLS it stays as pump afterwards.
//   session  this binary executed anew (/proc/self/exe --session) as the user.
//
// Run by an ordinary user the same code runs with what isolation such a user can have, for that one
// user. On a pipe or terminal likewise: `printf 'QUIT\r\n' | pop3-serve` works.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libmail/auth/account_settings.h"
#include "libmail/auth/authenticator.h"
#include "libmail/auth/sasl_policy.h"
#include "libmail/base/result.h"
#include "libmail/login/hand_over.h"
#include "libmail/net/transport.h"
#include "libmail/tls/settings.h"

namespace mail::login {

struct Settings {  // Dovecot's names, read by libmail/config
  bool disable_plaintext_auth = true;
  enum class Ssl : std::uint8_t { No, Yes, Required } ssl = Ssl::Yes;
  std::string trusted_networks;  // login_trusted_networks, as written
  bool refuse_outside = true;    // login_networks_outside = refuse|allow (requirements.md)
  unsigned first_valid_uid = 500;
  unsigned last_valid_uid = 0;  // 0: no limit, here and below
  unsigned first_valid_gid = 1, last_valid_gid = 0;
  auth::AccountSettings accounts;
  bool offer_scram = false;   // auth_mechanisms names it, and the password file can
  std::string counters_file;  // of failed logins, shared by all monitors; empty: none
  // Sessions of one account from one address, counted in live_file-UID; 0: any number.
  unsigned max_userip_connections = 0;  // mail_max_userip_connections
  std::string live_file;
  // A wrong password is answered so long after its check began.
  std::chrono::milliseconds auth_failure_delay{2000};
  std::string front_user = "tubepost-front";
  tls::Settings tls_settings;                               // no certificates: no TLS
  std::string empty_directory = "/var/lib/tubepost/empty";  // the front's root, when we are root
  // Memory that front and session may hold (vsz_limit), octets; 0: as much as there is.
  std::uint64_t front_memory = 64ULL << 20U;
  std::uint64_t session_memory = 256ULL << 20U;
  std::string configuration;       // for the session (HandOver)
  std::vector<std::string> files;  // what an accepting parent watches: configuration, certificates
  // Called with the rights of the monitor, for whoever has logged in.
  std::function<void(const auth::Identity&)> before_session;
  // What holds for this peer's connection where it is not all that stands above; empty: that is it.
  std::function<std::optional<Settings>(const net::Peer&)> for_peer;
};

// The machine itself: loopback, one of its own addresses, or a pipe. What goes there stays inside.
bool is_local(const net::Peer& peer);

// What the front of a protocol may know and ask.
struct FrontContext {
  net::Peer peer;
  bool tls_available = false;
  auth::SaslPolicy sasl;  // which ways to log in are open, before and under TLS
  auth::Authenticator* authenticator = nullptr;  // asks the monitor
};

struct FrontOutcome {
  bool logged_in = false;
  std::string login_name;
  std::string unread;  // octets after the login command
  std::string tag;
};

struct Protocol {
  std::string name;  // "pop3", "imap": PAM, log
  std::string
      unavailable;      // said when nothing can be served: "-ERR [SYS/TEMP] ...\r\n", "* BYE ..."
  std::string refused;  // said to a peer outside login_trusted_networks
  // Serves until logged in or closed.
  std::function<Result<FrontOutcome>(net::Transport&, FrontContext&)> front;
  // Serves the logged-in user; runs as the user, in an executed process.
  std::function<Result<void>(net::Transport&, const HandOver&)> session;
};

// Everything from accepted connection(s) to exit status. `implicit_tls`: ports 995 and 993. A
// server never fails over its configuration: when load_settings() does, the peer hears
// `unavailable`, and an accepting parent goes on with the last good settings (DESIGN.md section 2).
//
// The session is executed with this process's own arguments and --session, which the caller turns
// into Options::session; `--session` reads the hand-over record from descriptor 3.
struct Options {
  bool implicit_tls = false;
  bool session = false;  // --session: started by our monitor
  std::string listen;    // --listen ADDR:PORT, accepting form
  bool idle_exit = false;
};
Result<int> run_server(const Protocol& protocol, const Options& options,
                       const std::function<Result<Settings>()>& load_settings);

}  // namespace mail::login
