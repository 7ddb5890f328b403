// Settings of the SMTP server, with their names in main.cf.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "libmail/auth/sasl_policy.h"

namespace mail::smtp {

struct Settings {
  std::string myhostname = "localhost";
  std::string banner = "localhost ESMTP Tubepost";  // smtpd_banner, behind the 220
  std::uint64_t message_size_limit = 10'240'000;    // octets; 0: none
  std::size_t recipient_limit = 1000;               // smtpd_recipient_limit
  std::size_t hard_error_limit = 20;                // smtpd_hard_error_limit
  std::size_t hop_count_limit = 50;                 // hopcount_limit, Received fields
  std::chrono::milliseconds timeout{300'000};       // smtpd_timeout, RFC 5321 section 4.5.3.2.7
  bool offer_auth = false;                          // smtpd_sasl_auth_enable
  auth::SaslPolicy sasl = {.plaintext_without_tls = true};  // which ways, before and under TLS
  bool require_tls = false;                                 // smtpd_tls_security_level = encrypt
  bool require_auth = false;                                // --submission
  bool unqualified_from_clients = false;                    // complete <root> for anyone
};

}  // namespace mail::smtp
