#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "libmail/config/bindings.h"
#include "libmail/config/config.h"

namespace mail::config {
namespace {

using Strings = std::vector<std::string>;

const Host kHost{"mail.linuxprobe.com",
                 "127.0.0.1 localhost\n",
                 {{"127.0.0.1", 8}, {"192.168.10.10", 24}, {"::1", 128}, {"fd00::10", 64}}};

Loaded load_main(const std::string& text, const Host& host = kHost) {
  return load_text({{{Grammar::Postfix, "main.cf"}, text}}, host);
}
Loaded load_dovecot(const std::string& text) {
  return load_text({{{Grammar::Dovecot, "dovecot.conf"}, text}}, kHost);
}
Strings mistakes(const Loaded& loaded) { return loaded ? Strings{} : render(loaded.error()); }
Strings warnings(const Loaded& loaded) {
  return loaded ? render(loaded->warnings()) : Strings{"not loaded"};
}

// The chapter's five edits, between the comments of the stock file (S31-S41).
constexpr const char* kChapterMainCf = R"(# INTERNET HOST AND DOMAIN NAMES
#
#myhostname = host.domain.tld
# 定义主机名称
myhostname = mail.linuxprobe.com
mydomain = linuxprobe.com
#myorigin = $myhostname
myorigin = $mydomain
#inet_interfaces = $myhostname, localhost
inet_interfaces = all
mydestination = $myhostname , $mydomain
#mydestination = $myhostname, localhost.$mydomain, localhost, $mydomain,
)";
// The settings that RHEL 7's file makes besides.
constexpr const char* kStockMainCf = R"(
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/libexec/postfix
data_directory = /var/lib/postfix
mail_owner = postfix
inet_protocols = all
unknown_local_recipient_reject_code = 550
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
debug_peer_level = 2
debugger_command =
	 PATH=/bin:/usr/bin:/usr/local/bin:/usr/X11R6/bin
	 ddd $daemon_directory/$process_name $process_id & sleep 5
sendmail_path = /usr/sbin/sendmail.postfix
newaliases_path = /usr/bin/newaliases.postfix
mailq_path = /usr/bin/mailq.postfix
setgid_group = postdrop
html_directory = no
manpage_directory = /usr/share/man
sample_directory = /usr/share/doc/postfix-2.10.1/samples
readme_directory = /usr/share/doc/postfix-2.10.1/README_FILES
)";

TEST(Load, TheChaptersMainCf) {
  const auto loaded = load_main(std::string(kChapterMainCf) + kStockMainCf);
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(warnings(loaded), Strings{});
  const auto postfix = loaded->postfix();
  EXPECT_EQ(postfix.get_string("myorigin"), "linuxprobe.com");
  EXPECT_EQ(postfix.get_list("mydestination"), (Strings{"mail.linuxprobe.com", "linuxprobe.com"}));
  EXPECT_EQ(postfix.get_list("inet_interfaces"), Strings{"all"});
  EXPECT_EQ(postfix.get_list("mynetworks"),
            (Strings{"127.0.0.1/32", "192.168.10.10/32", "[::1]/128", "[fd00::10]/128"}));
  EXPECT_EQ(postfix.get_list("relay_domains"), Strings{});
  EXPECT_EQ(to_string(postfix.origin("mydestination")), "main.cf:11");
  EXPECT_EQ(to_string(postfix.origin("mynetworks")), "default");
}

TEST(Load, TheChaptersDovecotFiles) {
  const auto loaded = load_dovecot(
      "# Protocols we want to be serving.\nprotocols = imap pop3 lmtp\ndisable_plaintext_auth = "
      "no\n"
      "login_trusted_networks = 192.168.10.0/24\n"
      "# mail_location = maildir:~/Maildir\n mail_location = mbox:~/mail:INBOX=/var/mail/%u\n"
      "# mail_location = mbox:/var/mail/%d/%1n/%n:INDEX=/var/indexes/%d/%1n/%n\n");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(warnings(loaded), Strings{});
  const auto dovecot = loaded->dovecot();
  EXPECT_EQ(dovecot.get_list("protocols"), (Strings{"imap", "pop3", "lmtp"}));
  EXPECT_FALSE(dovecot.get_bool("disable_plaintext_auth"));
  EXPECT_EQ(dovecot.get_list("login_trusted_networks"), Strings{"192.168.10.0/24"});
  EXPECT_EQ(dovecot.get_string("mail_location"), "mbox:~/mail:INBOX=/var/mail/%u");
}

TEST(Load, ComputedDefaults) {
  struct Case {
    const char* text;
    const char* host;
    const char* hosts;
    const char* myhostname;
    const char* mydomain;
  };
  const Case cases[] = {
      {"", "mail.linuxprobe.com", "", "mail.linuxprobe.com", "linuxprobe.com"},
      {"", "mail", "10.0.0.1 mail.example.org mail\n", "mail.example.org", "example.org"},
      {"", "mail", "", "mail.localdomain", "localdomain"},
      {"mydomain = example.net\n", "mail", "", "mail.example.net", "example.net"},
      {"mydomain = example.net\n", "mail.other.org", "", "mail.other.org", "example.net"},
      {"myhostname = a.b.c\n", "mail", "", "a.b.c", "b.c"},
      {"myhostname = single\n", "mail", "", "single", "localdomain"},
      {"myhostname = mx.$mydomain\nmydomain = z.org\n", "mail", "", "mx.z.org", "z.org"},
  };
  for (const auto& one : cases) {
    const auto loaded = load_main(one.text, Host{one.host, one.hosts, {}});
    ASSERT_TRUE(loaded) << one.text;
    EXPECT_EQ(loaded->postfix().get_string("myhostname"), one.myhostname) << one.text;
    EXPECT_EQ(loaded->postfix().get_string("mydomain"), one.mydomain) << one.text;
  }
  const auto defaults = load_main("");
  const auto postfix = defaults->postfix();
  EXPECT_EQ(postfix.get_string("myorigin"), "mail.linuxprobe.com");
  EXPECT_EQ(postfix.get_list("mydestination"),
            (Strings{"mail.linuxprobe.com", "localhost.linuxprobe.com", "localhost"}));
  EXPECT_EQ(postfix.get_string("smtpd_banner"), "mail.linuxprobe.com ESMTP Tubepost");
  EXPECT_EQ(postfix.get_duration("smtpd_timeout"), std::chrono::seconds(300));
  EXPECT_EQ(postfix.get_duration("maximal_queue_lifetime"), std::chrono::hours(120));
  EXPECT_EQ(postfix.get_integer("smtpd_hard_error_limit"), 20U);
  EXPECT_EQ(postfix.get_string("deliver_socket"), "/run/tubepost/deliver.sock");
  EXPECT_EQ(postfix.get_string("forward_path"),
            "$home/.forward${recipient_delimiter}${extension}, $home/.forward");
}

TEST(Load, MynetworksStyles) {
  const auto networks = [](const char* text) {
    return load_main(text)->postfix().get_string("mynetworks");
  };
  EXPECT_EQ(networks("mynetworks_style = subnet\n"),
            "127.0.0.0/8 192.168.10.0/24 [::1]/128 [fd00::]/64");
  EXPECT_EQ(networks("mynetworks_style = class\n"),
            "127.0.0.0/8 192.168.10.0/24 [::1]/128 [fd00::]/64");
  EXPECT_EQ(networks("inet_interfaces = loopback-only\n"), "127.0.0.1/32 [::1]/128");
  EXPECT_EQ(networks("inet_interfaces = 192.168.10.10, localhost\n"),
            "127.0.0.1/32 192.168.10.10/32 [::1]/128");
}

TEST(Load, EveryMistakeAtOnceWithItsPlace) {
  const auto loaded = load_main(
      "no equals\n"
      "disable_plaintext_auth = maybe\n"
      "mynetworks = 10.0.0.1/8, 300.1.1.1, [::1]/129\n"
      "message_size_limit = many\n"
      "maximal_queue_lifetime = 5y\n"
      "mydestination = $a\n"
      "a = $b\n"
      "b = $a\n"
      "smtpd_tls_security_level = perhaps\n"
      "inet_protocols = ipv5\n"
      "mail_location = mbox:/var/mail/%u\n"
      "passwd_file = passwd\n"
      "relay_domains = /nonexistent/list\n"
      "mbox_lock_timeout = 10\n");
  EXPECT_EQ(
      mistakes(loaded),
      (Strings{
          "main.cf:1: no '=' after the parameter name: no equals",
          "main.cf:2: disable_plaintext_auth: expected yes or no, not \"maybe\"",
          "main.cf:3: mynetworks: address has bits set beyond the first 8: \"10.0.0.1/8\"",
          "main.cf:4: message_size_limit: expected a size in octets (k, m, g may follow), not "
          "\"many\"",
          "main.cf:5: maximal_queue_lifetime: expected a time such as 10s, 5m, 2h, 5d or 1w, not "
          "\"5y\"",
          "main.cf:6: mydestination: parameter refers to itself: $mydestination -> $a -> $b -> $a",
          "main.cf:7: a: parameter refers to itself: $a -> $b -> $a",
          "main.cf:8: b: parameter refers to itself: $b -> $a -> $b",
          "main.cf:9: smtpd_tls_security_level: \"perhaps\" is none of: none, may, encrypt",
          "main.cf:10: inet_protocols: \"ipv5\" is none of: all, ipv4, ipv6",
          "main.cf:11: mail_location: the root mail directory must be the first path, an INBOX "
          "file "
          "alone is not enough; write mbox:~/mail:INBOX=/var/mail/%u",
          "main.cf:12: passwd_file: expected a file name from the root (/...), not \"passwd\"",
          "main.cf:13: relay_domains: cannot be read: open /nonexistent/list: No such file or "
          "directory",
          "main.cf:14: mbox_lock_timeout: expected a time such as 30 secs, 2 mins or 1 day, not "
          "\"10\"",
      }));
}

TEST(Load, UnknownNamesAreWarnings) {
  EXPECT_EQ(warnings(load_main("myhostnam = x.example\nfrobnicate = 1\n")),
            (Strings{"main.cf:1: unknown parameter myhostnam; did you mean myhostname?",
                     "main.cf:2: unknown parameter frobnicate"}));
  EXPECT_EQ(warnings(load_dovecot("mail_locatio = x\nprotocol imap {\n  mail_plugin = a\n}\n")),
            (Strings{"dovecot.conf:1: unknown parameter mail_locatio; did you mean mail_location?",
                     "dovecot.conf:3: unknown parameter protocol/imap/mail_plugin; did you mean "
                     "mail_plugins?"}));
  EXPECT_EQ(warnings(load_main("own = a\nmyorigin = $own.org\nmydestination = $mydomian\n")),
            Strings{"main.cf:3: mydestination: undefined parameter $mydomian; did you mean "
                    "$mydomain?"});
  EXPECT_EQ(warnings(load_main("alias_maps = hash:/etc/aliases, nis:mail.aliases, nis:x\n")),
            Strings{"main.cf:1: alias_maps: table type nis is not supported; such tables count as "
                    "empty"});
  EXPECT_EQ(warnings(load_main("relay_destination_concurrency_limit = 3\n")), Strings{});
}

TEST(Load, NamespacesKeepTheirOwnValues) {
  const auto loaded =
      load_text({{{Grammar::Postfix, "main.cf"}, "recipient_delimiter = -\n"},
                 {{Grammar::Dovecot, "dovecot.conf"}, "hostname = a\n"},
                 {{Grammar::Postfix, "second.cf"}, "myorigin = two\nhostname = b\n"},
                 {{Grammar::Dovecot, "third.conf"}, "hostname = c\n"}},
                kHost);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->postfix().get_string("recipient_delimiter"), "-");
  EXPECT_EQ(loaded->dovecot().get_string("recipient_delimiter"), "+");
  EXPECT_EQ(loaded->dovecot().get_string("hostname"), "c");
  EXPECT_EQ(loaded->postfix().get_string("myorigin"), "two");
}

TEST(Load, DovecotSections) {
  const auto loaded = load_dovecot(R"(
mail_plugins = a
namespace inbox {
  inbox = yes   # ours
  mailbox Drafts {
    special_use = \Drafts
  }
  mailbox "Sent Messages" {
    special_use = \Sent
    auto = subscribe
  }
}
passdb {
  driver = pam
}
passdb {
  driver = passwd-file
  args = scheme=CRYPT username_format=%u /etc/dovecot/users
}
service imap-login {
  inet_listener imap {
    port = 1143
  }
}
protocol imap {
  mail_max_userip_connections = 20
  mail_plugins = $mail_plugins b
}
ssl_cert = </etc/dovecot/private/dovecot.pem
login_greeting = "Hello \"there\" # not a comment"
mbox_write_locks = fcntl \
   dotlock
)");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(warnings(loaded),
            Strings{"dovecot.conf: no effect here: login_greeting, "
                    "mail_plugins, service imap-login { inet_listener }; addresses and ports are "
                    "those of the socket units (tubepost(7))"});
  EXPECT_EQ(loaded->sections("passdb"), (Strings{"1", "2"}));
  EXPECT_EQ(loaded->sections("namespace/inbox/mailbox"), (Strings{"Drafts", "Sent Messages"}));
  const auto dovecot = loaded->dovecot();
  EXPECT_EQ(dovecot.get_string("passdb/1/driver"), "pam");
  EXPECT_EQ(dovecot.get_string("passdb/2/args"),
            "scheme=CRYPT username_format=%u /etc/dovecot/users");
  EXPECT_EQ(dovecot.get_string("namespace/inbox/mailbox/Sent Messages/special_use"), "\\Sent");
  EXPECT_TRUE(dovecot.get_bool("namespace/inbox/inbox"));
  EXPECT_EQ(dovecot.get_integer("service/imap-login/inet_listener/imap/port"), 1143U);
  EXPECT_EQ(dovecot.get_integer("mail_max_userip_connections"), 10U);
  EXPECT_EQ(loaded->dovecot("imap").get_integer("mail_max_userip_connections"), 20U);
  EXPECT_EQ(loaded->dovecot("pop3").get_integer("mail_max_userip_connections"), 10U);
  EXPECT_EQ(dovecot.get_string("ssl_cert"), "</etc/dovecot/private/dovecot.pem");
  EXPECT_EQ(dovecot.get_string("login_greeting"), "Hello \"there\" # not a comment");
  EXPECT_EQ(dovecot.get_list("mbox_write_locks"), (Strings{"fcntl", "dotlock"}));

  // As a session gets it.
  const auto handed_over = load_serialized(loaded->serialize());
  ASSERT_TRUE(handed_over) << mistakes(handed_over).front();
  EXPECT_EQ(handed_over->dovecot().get_string("passdb/2/args"),
            dovecot.get_string("passdb/2/args"));
  EXPECT_EQ(handed_over->dovecot("imap").get_integer("mail_max_userip_connections"), 20U);
  EXPECT_EQ(handed_over->dovecot().get_string("login_greeting"),
            dovecot.get_string("login_greeting"));
  EXPECT_EQ(handed_over->dovecot().origin("ssl_cert"), dovecot.origin("ssl_cert"));
  EXPECT_EQ(handed_over->sections("namespace/inbox/mailbox"),
            loaded->sections("namespace/inbox/mailbox"));
  EXPECT_EQ(handed_over->sections("passdb"), loaded->sections("passdb"));
}

TEST(Load, HandOverHoldsWhatFilesOfListsSay) {
  char name[] = "/tmp/tubepost-list-XXXXXX";
  const int fd = ::mkstemp(name);
  ASSERT_EQ(::write(fd, "one.example two.example\n", 24), 24);
  ::close(fd);
  const auto loaded = load_main("mydestination = $myhostname, " + std::string(name) + "\n");
  ::unlink(name);  // the one it is handed to could not read it
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  const auto handed_over = load_serialized(loaded->serialize());
  ASSERT_TRUE(handed_over) << mistakes(handed_over).front();
  EXPECT_EQ(handed_over->postfix().get_list("mydestination").size(), 3U);
  EXPECT_EQ(handed_over->postfix().get_list("mydestination").back(), "two.example");
  EXPECT_EQ(loaded->postfix().get_list("mydestination").back(), "two.example");
}

TEST(Load, HandOverHoldsNoSecret) {
  const auto loaded = load_dovecot(
      "ssl_key_password = hush\nprotocols = imap\n"
      "passdb {\n  driver = static\n  args = password=hush\n}\n");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(loaded->serialize().find("hush"), std::string::npos);
  EXPECT_TRUE(load_serialized(loaded->serialize()));
}

TEST(Load, DamagedHandOver) {
  const std::string whole = load_dovecot("protocols = imap\n")->serialize();
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_FALSE(load_serialized(whole.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(load_serialized("99999999999999999999:x"));
}

TEST(Load, DovecotMistakes) {
  EXPECT_EQ(mistakes(load_dovecot("foo bar\n}\nnamespace inbox {\n = x\n"
                                  "protocols = imap $nothing\n")),
            (Strings{"dovecot.conf:1: expected '=' or '{' after the name: foo bar",
                     "dovecot.conf:2: '}' without a section to close",
                     "dovecot.conf:3: section is not closed with '}': namespace/inbox/",
                     "dovecot.conf:4: no setting name: = x",
                     "dovecot.conf:5: warning: unknown parameter namespace/inbox/protocols; "
                     "did you mean protocols?"}));
}

// Mistakes of sections, each told once, and what stands around them still read.
TEST(Load, DovecotSectionMistakes) {
  struct Case {
    const char* text;
    Strings wanted;
  };
  for (const auto& one : std::vector<Case>{
           {"service imap-login\n{\n  process_limit = 2\n}\nssl = maybe\n",
            {"d:1: '{' must stand on the line of the section's name: service imap-login",
             "d:5: ssl: \"maybe\" is none of: yes, no, required"}},
           {"service x { inet_listener y { port = 0 } }\n",
            {"d:1: a section's '{' ends its line; what follows goes on lines of its own"}},
           {"protocol imap {\n  protocol pop3 {\n  }\n}\n",
            {"d:2: protocol { protocol { } } is not allowed"}},
           {"protocol imap {\n  local 10.0.0.0/8 {\n  }\n}\n",
            {"d:2: protocol { local { } } is not allowed; write local { protocol { } }"}},
           {"namespace inbox {\n  protocol imap {\n  }\n}\n",
            {"d:2: unknown section namespace { protocol { } }"}},
           {"remote somewhere {\n}\n",
            {"d:1: remote: expected an address or ADDRESS/BITS, not \"somewhere\""}},
           {"local {\n}\n", {"d:1: local { } needs an address or ADDRESS/BITS"}},
           {"passdb a {\n}\npassdb a {\n}\n", {"d:3: passdb a is there already"}},
           {"!include /nonexistent/*.conf\n!include /nonexistent/file\n",
            {"d:1: no file matches /nonexistent/*.conf",
             "d:2: cannot read included file /nonexistent/file"}},
       }) {
    EXPECT_EQ(mistakes(load_text({{{Grammar::Dovecot, "d"}, one.text}}, kHost)), one.wanted)
        << one.text;
  }
  EXPECT_EQ(
      warnings(load_dovecot("namespce inbox {\n  inbox = yes\n  mailbox x {\n  }\n}\n"
                            "inet_listener x {\n  port = 3\n}\n")),
      (Strings{"dovecot.conf:1: unknown section namespce; did you mean namespace?",
               "dovecot.conf:6: unknown section inet_listener; did you mean inet_listener?"}));
}

// Dovecot expands $name at the top level and in filters, as a word of its own, and only text.
TEST(Load, DovecotVariables) {
  const auto loaded = load_dovecot(
      "mail_home = a\nmail_home = $mail_home b\nhostname = x$mail_home $mail_home. $ssl $\n"
      "login_greeting = \"$mail_home\"\nprotocol imap {\n  mail_home = $mail_home c\n"
      "  hostname = $mail_home\n}\nnamespace inbox {\n  prefix = $mail_home\n}\n"
      "plugin {\n  quota = $mail_home\n}\nplugin {\n  quota = z\n}\n"
      "protocols = $protocols imap\n");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(loaded->dovecot().get_string("mail_home"), "a b");
  EXPECT_EQ(loaded->dovecot().get_string("hostname"), "x$mail_home $mail_home. $ssl $");
  EXPECT_EQ(loaded->dovecot().get_string("login_greeting"), "$mail_home");
  EXPECT_EQ(loaded->dovecot("imap").get_string("hostname"), "a b c");
  EXPECT_EQ(loaded->dovecot().get_string("namespace/inbox/prefix"), "$mail_home");
  EXPECT_EQ(loaded->dovecot().get_list("protocols"), Strings{"imap"});
  EXPECT_EQ(warnings(loaded).at(2), "dovecot.conf:3: unknown variable $ssl stays as it is");
}

TEST(Load, DovecotFilters) {
  const auto loaded = load_dovecot(
      "protocol !imap {\n  ssl = no\n}\nprotocol pop3 {\n  ssl = required\n}\nssl = yes\n"
      "local 10.0.0.0/8 {\n  ssl = no\n  protocol imap {\n    ssl = required\n  }\n}\n"
      "local 10.1.2.3/16 {\n  mail_location = maildir:~/a\n}\n"
      "remote \"192.0.2.1 2001:db8::/32\" {\n  ssl = no\n  mail_location = maildir:~/b\n}\n");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  const auto ssl = [&](const Connection& connection) {
    return loaded->dovecot(connection).get_string("ssl");
  };
  EXPECT_EQ(ssl({}), "yes");
  EXPECT_EQ(ssl({"imap", "", "", ""}), "yes");
  EXPECT_EQ(ssl({"pop3", "", "", ""}), "no");  // of equal filters the first
  EXPECT_EQ(ssl({"pop3", "10.0.0.1", "", ""}), "no");
  EXPECT_EQ(ssl({"imap", "10.0.0.1", "", ""}), "required");
  EXPECT_EQ(ssl({"imap", "11.0.0.1", "2001:db8::7", ""}), "no");
  EXPECT_EQ(ssl({"imap", "11.0.0.1", "192.0.2.2", ""}), "yes");
  const auto location = [&](const char* local, const char* remote) {
    return loaded->dovecot({"imap", local, remote, ""}).get_string("mail_location");
  };
  EXPECT_EQ(location("10.1.9.9", "192.0.2.1"), "maildir:~/a");  // local before remote
  EXPECT_EQ(location("10.2.9.9", "192.0.2.1"), "maildir:~/b");
  EXPECT_EQ(location("10.2.9.9", ""), "");
  EXPECT_TRUE(loaded->depends_on_address());
  EXPECT_EQ(mask_network("10.1.2.3/16"), "10.1.0.0/16");
  EXPECT_EQ(mask_network("2001:db8::1/33"), "2001:db8::/33");
  EXPECT_EQ(mask_network("10.1.2.3"), "10.1.2.3");
}

// Of passdbs only what is understood is used: half of a condition would be an open door.
TEST(Load, AccountsOfPassdbAndUserdb) {
  const auto loaded = load_dovecot(
      "mail_uid = vmail\nauth_username_format = %Ln\n"
      "passdb {\n  driver = passwd-file\n  deny = yes\n  args = /etc/deny\n}\n"
      "passdb {\n  driver = pam\n  args = session=yes cache_key=%u dovecot\n}\n"
      "passdb {\n  driver = passwd-file\n  master = yes\n  args = /etc/masters\n}\n"
      "passdb {\n  driver = passwd-file\n  args = scheme=BLF-CRYPT username_format=%n /etc/users\n"
      "  result_success = continue\n}\n"
      "passdb {\n  driver = passwd-file\n  args = scheme=BLF-CRYPT username_format=%n /etc/users\n"
      "}\npassdb {\n  driver = shadow\n}\npassdb {\n  driver = ldap\n}\n"
      "userdb {\n  driver = static\n  args = uid=1 gid=2 home=/v/%d allow_all_users=yes\n"
      "  override_fields = mail=maildir:~/M\n}\nuserdb {\n  driver = sql\n}\n"
      "userdb {\n  driver = prefetch\n}\n");
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  const auto bound = account_bindings(*loaded).settings;
  Strings passdbs;
  for (const auto& one : bound.passdbs) {
    passdbs.push_back((one.driver == auth::Passdb::Driver::Pam ? one.service : one.path) + " " +
                      one.username_format + " " + one.scheme + (one.deny ? " deny" : ""));
  }
  EXPECT_EQ(passdbs,
            (Strings{"/etc/deny   deny", "dovecot  ", "/etc/users %n BLF-CRYPT", "tubepost  "}));
  ASSERT_EQ(bound.userdbs.size(), 2U);
  EXPECT_EQ(bound.userdbs.front().fields.home, "/v/%d");
  EXPECT_TRUE(bound.userdbs.front().allow_all_users);
  EXPECT_EQ(bound.userdbs.front().overrides.mail, "maildir:~/M");
  EXPECT_EQ(bound.defaults.uid, "vmail");
  EXPECT_EQ(bound.names.format, "%Ln");
  EXPECT_EQ(bound.names.chars, "");  // set by no file
  Strings told;
  for (const auto& line : warnings(loaded)) {
    if (line.find("db") != std::string::npos) told.push_back(line);
  }
  EXPECT_EQ(
      told,
      (Strings{"dovecot.conf: no effect here: passdb 3 { master }, passdb 4 { result_success }",
               "dovecot.conf:14: passdb { master = yes } is not known here, so this passdb is "
               "not used",
               "dovecot.conf:20: passdb { result_success = continue } is not known here, so "
               "this passdb is not used",
               "dovecot.conf:30: passdb ldap is not known here; accounts whose passwords are "
               "there cannot log in",
               "dovecot.conf:38: userdb sql is not known here; its accounts do not exist for "
               "us"}));
}

TEST(Load, APassdbWithAConditionIsNotUsed) {
  for (const char* condition :
       {"master = yes", "pass = yes", "skip = authenticated", "mechanisms = plain",
        "username_filter = *@a.org", "result_success = continue",
        "override_fields = userdb_x=y allow_nets=10.0.0.0/8", "default_fields = nologin"}) {
    const auto loaded = load_dovecot(
        std::string("passdb {\n  driver = passwd-file\n  args = /p\n  ") + condition + "\n}\n");
    ASSERT_TRUE(loaded) << condition;
    EXPECT_TRUE(account_bindings(*loaded).settings.passdbs.empty()) << condition;
    EXPECT_NE(warnings(loaded).back().find("is not used"), std::string::npos) << condition;
  }
  // One that may refuse logins which another passdb takes: nobody can log in without it.
  for (const char* refusing :
       {"result_failure = return-fail", "result_internalfail = return-fail",
        "result_success = return-fail", "deny = yes\n  driver = sql", "deny = yes\n  driver = pam",
        "deny = yes\n  username_filter = *@a.org"}) {
    const auto loaded = load_dovecot(
        std::string("passdb {\n  driver = passwd-file\n  args = /p\n  ") + refusing + "\n}\n");
    ASSERT_TRUE(loaded) << refusing;
    const auto passdbs = account_bindings(*loaded).settings.passdbs;
    ASSERT_EQ(passdbs.size(), 1U) << refusing;
    EXPECT_EQ(passdbs.front().driver, auth::Passdb::Driver::Unusable) << refusing;
    EXPECT_TRUE(passdbs.front().deny) << refusing;
    const auto told = warnings(loaded);
    EXPECT_TRUE(std::ranges::any_of(told, [](const auto& line) {
      return line.find("nobody can log in") != std::string::npos;
    })) << refusing;
  }
  for (const char* harmless : {"master = no", "skip = never", "override_fields = userdb_x=y"}) {
    const auto loaded = load_dovecot(
        std::string("passdb {\n  driver = passwd-file\n  args = /p\n  ") + harmless + "\n}\n");
    EXPECT_EQ(account_bindings(*loaded).settings.passdbs.size(), 1U) << harmless;
  }
  EXPECT_EQ(warnings(load_dovecot("passdb {\n  driver = pam\n  arg = x\n}\n")),
            Strings{"dovecot.conf:3: unknown parameter passdb/1/arg"});
}

// Without sections: PAM and the system's accounts. passwd_file goes before all of them.
TEST(Load, AccountsByDefault) {
  const auto stock = account_bindings(*load_main("")).settings;
  ASSERT_EQ(stock.passdbs.size(), 1U);
  EXPECT_EQ(stock.passdbs.front().service, "tubepost");
  ASSERT_EQ(stock.userdbs.size(), 1U);
  const auto loaded =
      load_text({{{Grammar::Postfix, "main.cf"}, "passwd_file = /p\n"},
                 {{Grammar::Dovecot, "dovecot.conf"}, "passdb {\n  driver = pam\n}\n"}},
                kHost);
  const auto own = account_bindings(*loaded).settings;
  ASSERT_EQ(own.passdbs.size(), 1U);
  EXPECT_EQ(own.passdbs.front().path, "/p");
  EXPECT_TRUE(own.userdbs.empty());
  // Passwords in a database we do not know: nobody may log in, system accounts neither.
  const auto sql = load_dovecot("passdb {\n  driver = sql\n}\nuserdb {\n  driver = sql\n}\n");
  EXPECT_TRUE(account_bindings(*sql).settings.passdbs.empty());
  // Nor the system's accounts of that name, where PAM knows passwords of others.
  const auto half = load_dovecot("passdb {\n  driver = pam\n}\nuserdb {\n  driver = sql\n}\n");
  const auto userdbs = account_bindings(*half).settings.userdbs;
  ASSERT_EQ(userdbs.size(), 1U);
  EXPECT_EQ(userdbs.front().driver, auth::Userdb::Driver::Unusable);
}

TEST(Load, WhatHasNoEffectIsNamedOnce) {
  const auto loaded = load_dovecot(
      "mail_plugins = quota\nprotocol imap {\n  mail_plugins = $mail_plugins imap_quota\n}\n"
      "plugin {\n  quota = maildir:User quota\n  sieve = ~/.sieve\n}\n"
      "service lmtp {\n  unix_listener /var/spool/postfix/private/lmtp {\n    mode = 0600\n"
      "    user = postfix\n  }\n}\nimap_max_line_length = 64 k\nprotocols = lmtp imap pop3\n"
      "metric x {\n  filter = event=imap*\n}\ndict {\n  quota = file:/x\n}\n"
      "local_name a.example {\n  ssl_cert = </x\n  ssl = no\n  protocol imap {\n"
      "    ssl_cert = </y\n  }\n}\n");
  EXPECT_EQ(warnings(loaded),
            Strings{"dovecot.conf: no effect here: mail_plugins, dict { quota }, local_name "
                    "a.example { ssl }, local_name a.example protocol imap { ssl_cert }, metric x "
                    "{ filter }, plugin { quota, sieve }, service lmtp { unix_listener }"});
  bool printed = false;
  for (const auto& line : loaded->print()) {
    printed = printed ||
              line == "plugin/sieve = ~/.sieve  # dovecot.conf:7; default empty; no effect here";
  }
  EXPECT_TRUE(printed);
}

class LoadFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/config-XXXXXX";
    directory_ = ::mkdtemp(name.data());
    std::filesystem::create_directory(directory_ + "/conf.d");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  std::string directory_;
};

TEST_F(LoadFiles, IncludesAndListFiles) {
  write("conf.d/20-b.conf", "protocols = imap\n");
  write("conf.d/10-mail.conf", "mail_location = maildir:~/Maildir\nprotocols = pop3\n");
  const auto inner = write("inner", "three.example !four.example\n");
  const auto list = write("list", "# ours\none.example,\n two.example\n" + inner + "\n");
  const auto dovecot = write("dovecot.conf",
                             "!include conf.d/*.conf\n!include_try local.conf\n"
                             "!include_try conf.d/nothing-*.conf\n");
  const auto postfix = write("main.cf", "relay_domains = " + list + ", last.example\n");
  const auto loaded = load({postfix, dovecot});
  ASSERT_TRUE(loaded) << mistakes(loaded).front();
  EXPECT_EQ(loaded->dovecot().get_list("protocols"), Strings{"imap"});
  EXPECT_EQ(loaded->dovecot().get_string("mail_location"), "maildir:~/Maildir");
  EXPECT_EQ(
      loaded->postfix().get_list("relay_domains"),
      (Strings{"one.example", "two.example", "three.example", "!four.example", "last.example"}));
  EXPECT_EQ(loaded->files().size(), 9U);  // with conf.d (twice) and local.conf, should it appear

  const auto loop = write("loop.conf", "!include loop.conf\n!include missing.conf\n");
  const auto broken = load({loop});
  ASSERT_FALSE(broken);
  EXPECT_EQ(mistakes(broken),
            (Strings{loop + ":1: file includes itself: " + loop,
                     loop + ":2: cannot read included file " + directory_ + "/missing.conf"}));
}

TEST(Load, GrammarGoesByName) {
  EXPECT_EQ(parse_source("/etc/postfix/main.cf")->grammar, Grammar::Postfix);
  EXPECT_EQ(parse_source("/etc/dovecot/dovecot.conf")->grammar, Grammar::Dovecot);
  EXPECT_EQ(parse_source("10-mail.conf")->grammar, Grammar::Dovecot);
  EXPECT_EQ(parse_source("dovecot:/x/main.cf")->grammar, Grammar::Dovecot);
  EXPECT_EQ(parse_source("postfix:/x/y")->path, "/x/y");
  EXPECT_EQ(parse_source("/x/y").error().code, Errc::Config);
  EXPECT_EQ(mistakes(load({std::string("/x/y"), std::string("/no/main.cf")})).size(), 1U);
}

TEST(Load, PrintTellsValueDefaultAndOrigin) {
  const auto loaded = load_main(
      "mydomain = a.org\nmyorigin = $mydomain\nmine = x$mydomain\n"
      "relayhost = $mine\nmail_owner = postfix\n");
  const auto lines = loaded->print();
  const auto has = [&](const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  EXPECT_TRUE(has("myorigin = a.org  # main.cf:2; written $mydomain; default $myhostname"));
  EXPECT_TRUE(has("mynetworks_style = host  # default"));
  EXPECT_TRUE(has("mine = xa.org  # main.cf:3; written x$mydomain; default empty; user-defined"));
  EXPECT_TRUE(has("mail_owner = postfix  # main.cf:5; default empty; not used by Tubepost"));
  EXPECT_TRUE(has("# dovecot"));
}

TEST(Load, EveryDefaultPassesItsOwnCheck) {
  const auto loaded = load_main("");
  for (const auto& row : postfix_parameters()) {
    EXPECT_TRUE(check_value(row, loaded->postfix().get_string(row.name))) << row.name;
  }
  for (const auto& row : dovecot_parameters()) {
    EXPECT_TRUE(check_value(row, row.fallback)) << row.name;
  }
}

}  // namespace
}  // namespace mail::config
