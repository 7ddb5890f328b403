// Dovecot 2.3's settings that mean something to us. man/main.cf.5 tells what each does.
#include <array>

#include "libmail/config/parameter.h"

namespace mail::config {
namespace {

constexpr auto kDc = Space::Dovecot;
using enum Type;

constexpr std::string_view kLocks = "dotlock|dotlock_try|fcntl|flock|lockf";

constexpr auto kParameters = sort_by_name(std::to_array<Parameter>({
    // Services (S49-S51).
    {"protocols", kDc, List, "imap pop3 lmtp", "imap|pop3|lmtp|sieve|submission|none"},
    {"listen", kDc, List, "*, ::", ""},
    {"disable_plaintext_auth", kDc, Boolean, "yes", ""},
    {"login_trusted_networks", kDc, Networks, "", ""},
    {"login_greeting", kDc, Text, "Tubepost ready.", ""},
    {"login_log_format_elements", kDc, Text,
     "user=<%u> method=%m rip=%r lip=%l mpid=%e %c session=<%{session}>", ""},
    {"login_log_format", kDc, Text, "%$: %s", ""},
    {"haproxy_trusted_networks", kDc, Networks, "", ""},
    {"haproxy_timeout", kDc, Duration, "3 secs", ""},
    {"hostname", kDc, Text, "", ""},
    {"postmaster_address", kDc, Text, "postmaster@%{if;%d;ne;;%d;%{hostname}}", ""},
    {"mail_max_userip_connections", kDc, Integer, "10", ""},
    {"shutdown_clients", kDc, Boolean, "yes", ""},
    // TLS.
    {"ssl", kDc, Choice, "yes", "yes|no|required"},
    {"ssl_cert", kDc, Text, "", ""},
    {"ssl_key", kDc, Text, "", ""},
    {"ssl_ca", kDc, Text, "", ""},
    {"ssl_alt_cert", kDc, Text, "", ""},
    {"ssl_alt_key", kDc, Text, "", ""},
    {"ssl_client_ca_dir", kDc, Text, "", ""},
    {"ssl_client_ca_file", kDc, Text, "", ""},
    {"ssl_dh", kDc, Text, "", ""},
    {"ssl_min_protocol", kDc, Choice, "TLSv1.2", "ANY|SSLv3|TLSv1|TLSv1.1|TLSv1.2|TLSv1.3|LATEST"},
    {"ssl_cipher_list", kDc, Text, "", ""},
    {"ssl_options", kDc, Text, "", ""},
    {"ssl_prefer_server_ciphers", kDc, Boolean, "no", ""},
    {"ssl_verify_client_cert", kDc, Boolean, "no", ""},
    // Login.
    {"auth_mechanisms", kDc, List, "plain login scram-sha-256", ""},
    {"auth_username_format", kDc, Text, "%Lu", ""},
    {"auth_username_chars", kDc, Text,
     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@", ""},
    {"auth_default_realm", kDc, Text, "", ""},
    {"auth_realms", kDc, List, "", ""},
    {"auth_failure_delay", kDc, Duration, "2 secs", ""},
    {"auth_verbose", kDc, Boolean, "no", ""},
    {"auth_verbose_passwords", kDc, Text, "no", ""},
    {"auth_debug", kDc, Boolean, "no", ""},
    {"auth_debug_passwords", kDc, Boolean, "no", ""},
    {"auth_master_user_separator", kDc, Text, "", ""},
    {"first_valid_uid", kDc, Integer, "500", ""},
    {"last_valid_uid", kDc, Integer, "0", ""},
    {"first_valid_gid", kDc, Integer, "1", ""},
    {"last_valid_gid", kDc, Integer, "0", ""},
    {"passdb/*/driver", kDc, Text, "", ""},
    {"passdb/*/args", kDc, Text, "", ""},
    {"userdb/*/driver", kDc, Text, "", ""},
    {"userdb/*/args", kDc, Text, "", ""},
    // Mailboxes (S52-S57).
    {"mail_location", kDc, Text, "", ""},
    {"mail_home", kDc, Text, "", ""},
    {"mail_uid", kDc, Text, "", ""},
    {"mail_gid", kDc, Text, "", ""},
    {"mail_privileged_group", kDc, Text, "", ""},
    {"mail_access_groups", kDc, Text, "", ""},
    {"mail_chroot", kDc, Text, "", ""},
    {"mail_fsync", kDc, Choice, "optimized", "optimized|always|never"},
    {"lock_method", kDc, Choice, "fcntl", "fcntl|flock|dotlock"},
    {"mbox_read_locks", kDc, List, "fcntl", kLocks},
    {"mbox_write_locks", kDc, List, "fcntl dotlock", kLocks},
    {"mbox_lock_timeout", kDc, Duration, "5 mins", ""},
    {"mbox_dotlock_change_timeout", kDc, Duration, "2 mins", ""},
    {"mbox_md5", kDc, Choice, "apop3d", "apop3d|all"},
    {"mbox_lazy_writes", kDc, Boolean, "yes", ""},
    {"mbox_min_index_size", kDc, Size, "0", ""},
    {"mailbox_idle_check_interval", kDc, Duration, "30 secs", ""},
    {"mail_save_crlf", kDc, Boolean, "no", ""},
    {"mail_max_keyword_length", kDc, Integer, "50", ""},
    {"recipient_delimiter", kDc, Text, "+", ""},
    {"namespace/*/type", kDc, Choice, "private", "private|shared|public"},
    {"namespace/*/separator", kDc, Text, "", ""},
    {"namespace/*/prefix", kDc, Text, "", ""},
    {"namespace/*/location", kDc, Text, "", ""},
    {"namespace/*/inbox", kDc, Boolean, "no", ""},
    {"namespace/*/hidden", kDc, Boolean, "no", ""},
    {"namespace/*/list", kDc, Choice, "yes", "yes|no|children"},
    {"namespace/*/subscriptions", kDc, Boolean, "yes", ""},
    {"namespace/*/disabled", kDc, Boolean, "no", ""},
    {"namespace/*/mailbox/*/name", kDc, Text, "", ""},
    {"namespace/*/mailbox/*/auto", kDc, Choice, "no", "no|create|subscribe"},
    {"namespace/*/mailbox/*/special_use", kDc, Text, "", ""},
    {"namespace/*/mailbox/*/comment", kDc, Text, "", ""},
    {"namespace/*/mailbox/*/autoexpunge", kDc, Duration, "0", ""},
    {"namespace/*/mailbox/*/autoexpunge_max_mails", kDc, Integer, "0", ""},
    // IMAP.
    {"imap_max_line_length", kDc, Size, "64 k", ""},
    {"imap_idle_notify_interval", kDc, Duration, "2 mins", ""},
    {"imap_capability", kDc, Text, "", ""},
    {"imap_client_workarounds", kDc, List, "", "delay-newmail|tb-extra-mailbox-sep|tb-lsub-flags"},
    {"imap_logout_format", kDc, Text,
     "in=%i out=%o deleted=%{deleted} expunged=%{expunged} trashed=%{trashed} "
     "hdr_count=%{fetch_hdr_count} hdr_bytes=%{fetch_hdr_bytes} body_count=%{fetch_body_count} "
     "body_bytes=%{fetch_body_bytes}",
     ""},
    {"imap_id_send", kDc, Text, "name *", ""},
    {"imap_id_log", kDc, Text, "", ""},
    // POP3.
    {"pop3_uidl_format", kDc, Text, "%08Xu%08Xv", ""},
    {"pop3_uidl_duplicates", kDc, Choice, "allow", "allow|rename"},
    {"pop3_no_flag_updates", kDc, Boolean, "no", ""},
    {"pop3_enable_last", kDc, Boolean, "no", ""},
    {"pop3_reuse_xuidl", kDc, Boolean, "no", ""},
    {"pop3_save_uidl", kDc, Boolean, "no", ""},
    {"pop3_lock_session", kDc, Boolean, "no", ""},
    {"pop3_fast_size_lookups", kDc, Boolean, "no", ""},
    {"pop3_delete_type", kDc, Choice, "default", "default|expunge|flag"},
    {"pop3_deleted_flag", kDc, Text, "", ""},
    {"pop3_client_workarounds", kDc, List, "", "outlook-no-nuls|oe-ns-eoh"},
    {"pop3_logout_format", kDc, Text, "top=%t/%p, retr=%r/%b, del=%d/%m, size=%s", ""},
    // LMTP.
    {"lmtp_save_to_detail_mailbox", kDc, Boolean, "no", ""},
    {"lmtp_rcpt_check_quota", kDc, Boolean, "no", ""},
    {"lmtp_hdr_delivery_address", kDc, Choice, "final", "none|final|original"},
    {"lmtp_add_received_header", kDc, Boolean, "yes", ""},
    {"lda_mailbox_autocreate", kDc, Boolean, "no", ""},
    {"lda_mailbox_autosubscribe", kDc, Boolean, "no", ""},
    {"lda_original_recipient_header", kDc, Text, "", ""},
    {"quota_full_tempfail", kDc, Boolean, "no", ""},
    // Listeners.
    {"service/*/inet_listener/*/address", kDc, Text, "", ""},
    {"service/*/inet_listener/*/port", kDc, Integer, "0", ""},
    {"service/*/inet_listener/*/ssl", kDc, Boolean, "no", ""},
    {"service/*/inet_listener/*/haproxy", kDc, Boolean, "no", ""},
    {"service/*/inet_listener/*/reuse_port", kDc, Boolean, "no", ""},
    {"service/*/process_limit", kDc, Integer, "0", ""},
    {"service/*/client_limit", kDc, Integer, "0", ""},
}));

}  // namespace

std::span<const Parameter> dovecot_parameters() { return kParameters; }

}  // namespace mail::config
