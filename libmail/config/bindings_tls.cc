// TLS of the servers, from Postfix's and from Dovecot's names (docs/tls.md).
#include <unistd.h>

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/base/sys.h"
#include "libmail/config/bindings.h"
#include "libmail/table/logical_lines.h"
#include "libmail/table/table.h"

namespace mail::config {
namespace {

constexpr std::chrono::hours kMaxTicketLifetime{7 * 24};  // RFC 8446 section 4.6.1

// Dovecot's `ssl_cert = </path`: the file, not its content. The '<' is easily forgotten.
std::string file_of(std::string_view value) {
  if (value.starts_with('<')) return std::string(ascii::trim(value.substr(1)));
  return std::string(value.starts_with('/') ? value : std::string_view());
}

void add_pair(tls::CertificateSet& set, std::string certificate, std::string key) {
  if (!certificate.empty()) set.push_back({std::move(certificate), std::move(key), {}});
}

// No file is named: our own pair, made where it is missing.
void use_own(const Configuration& config, tls::Settings& settings) {
  const auto postfix = config.postfix();
  const std::string directory = postfix.get_string("config_directory");
  add_pair(settings.certificates, directory + "/cert.pem", directory + "/key.pem");
  settings.make_for = postfix.get_string("myhostname");
}

// local_name HOST { ssl_cert = <f; ssl_key = <f }; Dovecot takes several hosts in one section.
void add_local_names(const Configuration& config, tls::Settings& settings) {
  const auto dovecot = config.dovecot();
  for (const auto& section : config.sections("local_name")) {
    const auto file = [&](const char* name) {
      return file_of(dovecot.get_string("local_name/" + section + "/" + name));
    };
    tls::CertificateSet set;
    add_pair(set, file("ssl_cert"), file("ssl_key"));
    add_pair(set, file("ssl_alt_cert"), file("ssl_alt_key"));
    if (set.empty()) continue;
    for (auto& name : parse_list(section)) settings.named.push_back({std::move(name), set});
  }
}

// tls_server_sni_maps: from host to key and certificate files. The names are read from the maps'
// text sources, because the list must be whole from the start (docs/tls.md).
void add_sni_maps(const Configuration& config, tls::Settings& settings) {
  for (const auto& map : config.postfix().get_list("tls_server_sni_maps")) {
    const auto spec = table::parse_spec(map);
    if (!spec || !table::is_file_type(spec->type)) continue;  // load() has said so
    settings.name_files.push_back(spec->name);
    const auto text = sys::read_file(spec->name);
    if (!text) {
      log::warning("tls_server_sni_maps: " + text.error().log_text);
      continue;
    }
    for (const auto& line : table::split_logical_lines(*text)) {
      const auto whole = ascii::trim(line.text);
      const auto space = whole.find_first_of(" \t");
      if (space == std::string_view::npos) continue;
      auto files = parse_list(whole.substr(space));
      settings.named.push_back({std::string(whole.substr(0, space)), {{"", "", std::move(files)}}});
    }
  }
}

void set_tickets(const Configuration& config, tls::Settings& settings) {
  const auto postfix = config.postfix();
  settings.ticket_file = postfix.get_string("tubepost_run_directory") + "/tls-tickets";
  // Root's is for all the usual services; whoever starts one as somebody else has a file for that.
  if (::geteuid() != 0) settings.ticket_file += "-" + std::to_string(::geteuid());
  settings.ticket_lifetime =
      std::min<std::chrono::seconds>(std::chrono::floor<std::chrono::seconds>(
                                         postfix.get_duration("smtpd_tls_session_cache_timeout")),
                                     kMaxTicketLifetime);
}

// Postfix's grades. What they call medium is what the system's OpenSSL offers by itself.
std::string ciphers_of(const Reader& postfix, bool is_mandatory) {
  const std::string grade =
      postfix.get_string(is_mandatory ? "smtpd_tls_mandatory_ciphers" : "smtpd_tls_ciphers");
  auto excluded = postfix.get_list("smtpd_tls_exclude_ciphers");
  if (is_mandatory) {
    for (auto& name : postfix.get_list("smtpd_tls_mandatory_exclude_ciphers")) {
      excluded.push_back(std::move(name));
    }
  }
  const bool is_high = grade == "high";
  if (!is_high && excluded.empty()) return {};
  std::string list = is_high ? "HIGH:!aNULL:!eNULL" : "DEFAULT";
  for (const auto& name : excluded) list += ":!" + name;
  return list;
}

}  // namespace

tls::Settings smtp_tls_settings(const Configuration& config, bool is_mandatory) {
  const auto postfix = config.postfix();
  tls::Settings settings;
  settings.service = "smtp";
  if (postfix.get_string("smtpd_tls_security_level") == "none") return settings;
  if (auto files = postfix.get_list("smtpd_tls_chain_files"); !files.empty()) {
    settings.certificates.push_back({"", "", std::move(files)});
  } else {
    add_pair(settings.certificates, postfix.get_string("smtpd_tls_eccert_file"),
             postfix.get_string("smtpd_tls_eckey_file"));
    add_pair(settings.certificates, postfix.get_string("smtpd_tls_cert_file"),
             postfix.get_string("smtpd_tls_key_file"));
  }
  std::erase_if(settings.certificates, [](const auto& one) { return one.certificate == "none"; });
  if (settings.certificates.empty()) {
    if (postfix.is_set("smtpd_tls_cert_file")) return settings;
    use_own(config, settings);
  }
  settings.versions =
      tls::parse_protocols(postfix.get_string(is_mandatory ? "smtpd_tls_mandatory_protocols"
                                                           : "smtpd_tls_protocols"))
          .value_or(tls::kModernVersions);
  settings.ciphers = ciphers_of(postfix, is_mandatory);
  settings.prefer_server_ciphers = postfix.get_bool("tls_preempt_cipherlist");
  add_sni_maps(config, settings);
  add_local_names(config, settings);
  set_tickets(config, settings);
  return settings;
}

tls::Settings login_tls_settings(const Configuration& config, const Connection& connection) {
  const auto dovecot = config.dovecot(connection);
  const auto file = [&](const char* name) { return file_of(dovecot.get_string(name)); };
  tls::Settings settings;
  settings.service = connection.protocol;
  add_pair(settings.certificates, file("ssl_cert"), file("ssl_key"));
  add_pair(settings.certificates, file("ssl_alt_cert"), file("ssl_alt_key"));
  if (settings.certificates.empty()) use_own(config, settings);
  settings.versions = tls::parse_min_protocol(dovecot.get_string("ssl_min_protocol"))
                          .value_or(tls::kModernVersions);
  settings.ciphers = dovecot.get_string("ssl_cipher_list");
  settings.prefer_server_ciphers = dovecot.get_bool("ssl_prefer_server_ciphers");
  add_local_names(config, settings);
  add_sni_maps(config, settings);
  set_tickets(config, settings);
  const auto options = parse_list(dovecot.get_string("ssl_options"));
  if (std::ranges::find(options, "no_ticket") != options.end()) settings.ticket_file.clear();
  return settings;
}

}  // namespace mail::config
