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
    {"protocols", kDc, List, "imap pop3 lmtp", "imap|pop3|lmtp|sieve|submission|none", false},
    {"listen", kDc, List, "*, ::", "", false},
    {"disable_plaintext_auth", kDc, Boolean, "yes", ""},
    {"login_trusted_networks", kDc, Networks, "", ""},
    {"login_greeting", kDc, Text, "Tubepost ready.", "", false},
    {"login_log_format_elements", kDc, Text,
     "user=<%u> method=%m rip=%r lip=%l mpid=%e %c session=<%{session}>", "", false},
    {"login_log_format", kDc, Text, "%$: %s", "", false},
    {"haproxy_trusted_networks", kDc, Networks, "", "", false},
    {"haproxy_timeout", kDc, Duration, "3 secs", "", false},
    {"hostname", kDc, Text, "", "", false},
    {"postmaster_address", kDc, Text, "postmaster@%{if;%d;ne;;%d;%{hostname}}", "", false},
    {"mail_max_userip_connections", kDc, Integer, "10", ""},
    {"shutdown_clients", kDc, Boolean, "yes", "", false},
    // TLS.
    {"ssl", kDc, Choice, "yes", "yes|no|required"},
    {"ssl_cert", kDc, Text, "", ""},
    {"ssl_key", kDc, Text, "", ""},
    {"ssl_ca", kDc, Text, "", "", false},
    {"ssl_alt_cert", kDc, Text, "", ""},
    {"ssl_alt_key", kDc, Text, "", ""},
    {"ssl_client_ca_dir", kDc, Text, "", "", false},
    {"ssl_client_ca_file", kDc, Text, "", "", false},
    {"ssl_dh", kDc, Text, "", "", false},
    {"ssl_min_protocol", kDc, Choice, "TLSv1.2", "ANY|SSLv3|TLSv1|TLSv1.1|TLSv1.2|TLSv1.3|LATEST"},
    {"ssl_cipher_list", kDc, Text, "", ""},
    {"ssl_options", kDc, Text, "", ""},
    {"ssl_prefer_server_ciphers", kDc, Boolean, "no", ""},
    {"ssl_verify_client_cert", kDc, Boolean, "no", "", false},
    // Login.
    {"auth_mechanisms", kDc, List, "plain login scram-sha-256", ""},
    {"auth_username_format", kDc, Text, "%Lu", ""},
    {"auth_username_chars", kDc, Text,
     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@", ""},
    {"auth_username_translation", kDc, Text, "", ""},
    {"auth_default_realm", kDc, Text, "", ""},
    {"auth_realms", kDc, List, "", "", false},
    {"auth_failure_delay", kDc, Duration, "2 secs", ""},
    {"auth_verbose", kDc, Boolean, "no", "", false},
    {"auth_verbose_passwords", kDc, Text, "no", "", false},
    {"auth_debug", kDc, Boolean, "no", "", false},
    {"auth_debug_passwords", kDc, Boolean, "no", "", false},
    {"auth_master_user_separator", kDc, Text, "", "", false},
    {"first_valid_uid", kDc, Integer, "500", ""},
    {"last_valid_uid", kDc, Integer, "0", ""},
    {"first_valid_gid", kDc, Integer, "1", ""},
    {"last_valid_gid", kDc, Integer, "0", ""},
    {"passdb/*/driver", kDc, Text, "", ""},
    {"passdb/*/args", kDc, Text, "", ""},
    {"passdb/*/deny", kDc, Boolean, "no", ""},
    {"userdb/*/driver", kDc, Text, "", ""},
    {"userdb/*/args", kDc, Text, "", ""},
    {"userdb/*/default_fields", kDc, Text, "", ""},
    {"userdb/*/override_fields", kDc, Text, "", ""},
    // Mailboxes (S52-S57).
    {"mail_location", kDc, Text, "", ""},
    {"mail_home", kDc, Text, "", ""},
    {"mail_uid", kDc, Text, "", ""},
    {"mail_gid", kDc, Text, "", ""},
    {"mail_privileged_group", kDc, Text, "", "", false},
    {"mail_access_groups", kDc, Text, "", "", false},
    {"mail_chroot", kDc, Text, "", "", false},
    {"maildir_copy_with_hardlinks", kDc, Boolean, "yes", ""},
    {"mail_fsync", kDc, Choice, "optimized", "optimized|always|never"},
    {"lock_method", kDc, Choice, "fcntl", "fcntl|flock|dotlock", false},
    {"mbox_read_locks", kDc, List, "fcntl", kLocks},
    {"mbox_write_locks", kDc, List, "fcntl dotlock", kLocks},
    {"mbox_lock_timeout", kDc, Duration, "5 mins", ""},
    {"mbox_dotlock_change_timeout", kDc, Duration, "2 mins", ""},
    {"mbox_md5", kDc, Choice, "apop3d", "apop3d|all"},
    {"mbox_lazy_writes", kDc, Boolean, "yes", "", false},
    {"mbox_min_index_size", kDc, Size, "0", "", false},
    {"mailbox_idle_check_interval", kDc, Duration, "30 secs", ""},
    {"mail_save_crlf", kDc, Boolean, "no", "", false},
    {"mail_max_keyword_length", kDc, Integer, "50", "", false},
    {"recipient_delimiter", kDc, Text, "+", "", false},
    {"namespace/*/type", kDc, Choice, "private", "private|shared|public"},
    {"namespace/*/separator", kDc, Text, "", ""},
    {"namespace/*/prefix", kDc, Text, "", ""},
    {"namespace/*/location", kDc, Text, "", ""},
    {"namespace/*/inbox", kDc, Boolean, "no", ""},
    {"namespace/*/hidden", kDc, Boolean, "no", "", false},
    {"namespace/*/list", kDc, Choice, "yes", "yes|no|children", false},
    {"namespace/*/subscriptions", kDc, Boolean, "yes", "", false},
    {"namespace/*/disabled", kDc, Boolean, "no", ""},
    {"namespace/*/mailbox/*/name", kDc, Text, "", ""},
    {"namespace/*/mailbox/*/auto", kDc, Choice, "no", "no|create|subscribe"},
    {"namespace/*/mailbox/*/special_use", kDc, Text, "", ""},
    {"namespace/*/mailbox/*/comment", kDc, Text, "", "", false},
    {"namespace/*/mailbox/*/autoexpunge", kDc, Duration, "0", "", false},
    {"namespace/*/mailbox/*/autoexpunge_max_mails", kDc, Integer, "0", "", false},
    // IMAP.
    {"imap_max_line_length", kDc, Size, "64 k", "", false},
    {"imap_idle_notify_interval", kDc, Duration, "2 mins", ""},
    {"imap_capability", kDc, Text, "", "", false},
    {"imap_client_workarounds", kDc, List, "", "delay-newmail|tb-extra-mailbox-sep|tb-lsub-flags",
     false},
    {"imap_logout_format", kDc, Text,
     "in=%i out=%o deleted=%{deleted} expunged=%{expunged} trashed=%{trashed} "
     "hdr_count=%{fetch_hdr_count} hdr_bytes=%{fetch_hdr_bytes} body_count=%{fetch_body_count} "
     "body_bytes=%{fetch_body_bytes}",
     "", false},
    {"imap_id_send", kDc, Text, "name *", "", false},
    {"imap_id_log", kDc, Text, "", "", false},
    // POP3.
    {"pop3_uidl_format", kDc, Text, "%08Xu%08Xv", ""},
    {"pop3_uidl_duplicates", kDc, Choice, "allow", "allow|rename"},
    {"pop3_no_flag_updates", kDc, Boolean, "no", ""},
    {"pop3_enable_last", kDc, Boolean, "no", ""},
    {"pop3_reuse_xuidl", kDc, Boolean, "no", ""},
    {"pop3_save_uidl", kDc, Boolean, "no", "", false},
    {"pop3_lock_session", kDc, Boolean, "no", ""},
    {"pop3_fast_size_lookups", kDc, Boolean, "no", ""},
    {"pop3_delete_type", kDc, Choice, "default", "default|expunge|flag"},
    {"pop3_deleted_flag", kDc, Text, "", ""},
    {"pop3_client_workarounds", kDc, List, "", "outlook-no-nuls|oe-ns-eoh"},
    {"pop3_logout_format", kDc, Text, "top=%t/%p, retr=%r/%b, del=%d/%m, size=%s", ""},
    // LMTP.
    {"lmtp_save_to_detail_mailbox", kDc, Boolean, "no", "", false},
    {"lmtp_rcpt_check_quota", kDc, Boolean, "no", "", false},
    {"lmtp_hdr_delivery_address", kDc, Choice, "final", "none|final|original", false},
    {"lmtp_add_received_header", kDc, Boolean, "yes", "", false},
    {"lda_mailbox_autocreate", kDc, Boolean, "no", "", false},
    {"lda_mailbox_autosubscribe", kDc, Boolean, "no", "", false},
    {"lda_original_recipient_header", kDc, Text, "", "", false},
    {"quota_full_tempfail", kDc, Boolean, "no", "", false},
    // Listeners.
    {"service/*/inet_listener/*/address", kDc, Text, "", "", false},
    {"service/*/inet_listener/*/port", kDc, Integer, "0", "", false},
    {"service/*/inet_listener/*/ssl", kDc, Boolean, "no", "", false},
    {"service/*/inet_listener/*/haproxy", kDc, Boolean, "no", "", false},
    {"service/*/inet_listener/*/reuse_port", kDc, Boolean, "no", "", false},
    {"service/*/process_limit", kDc, Integer, "0", "", false},
    {"service/*/client_limit", kDc, Integer, "0", "", false},
    {"service/*/vsz_limit", kDc, Size, "18446744073709551615 B", ""},
    {"default_vsz_limit", kDc, Size, "1 G", ""},
}));

}  // namespace

std::span<const Parameter> dovecot_parameters() { return kParameters; }

}  // namespace mail::config
