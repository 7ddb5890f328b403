#!/usr/bin/env python3
"""A site's dovecot.conf with its conf.d, as one with virtual users has it: loads unchanged, what can take effect does, the rest is
named once. Accounts in a passwd-file per domain, a deny list, static userdb, Maildir with INBOX. and dots, special-use mailboxes."""
import imaplib
import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tubepost  # noqa: E402

if not shutil.which("openssl"):
    tubepost.skip("no openssl")
"codec".encode("idna")  # loaded while its file can be read
tubepost.become_nobody()

FILES = {
    "dovecot.conf": """
# mail.example.org; local changes are in conf.d
protocols = imap pop3 lmtp sieve
listen = *, ::
!include_try /nonexistent/protocols.d/*.protocol
dict {
  quota = file:@/quota
}
!include conf.d/*.conf
!include_try local.conf
""",
    "conf.d/10-auth.conf": """
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_username_format = %Lu
auth_username_chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@"
auth_username_translation = "#@"
auth_verbose = yes
auth_failure_delay = 0
!include auth-files.conf.ext
""",
    "conf.d/auth-files.conf.ext": """
passdb {
  driver = passwd-file
  deny = yes
  args = @/etc/deny
}
passdb {
  driver = passwd-file   # one for each domain
  args = scheme=SHA512-CRYPT username_format=%u @/etc/%d.users
}
passdb {
  driver = sql
  args = /etc/dovecot/dovecot-sql.conf.ext
}
userdb {
  driver = static
  args = uid=#UID# gid=#GID# home=@/vhosts/%d/%n
}
""",
    "conf.d/10-mail.conf": """
mail_location = maildir:~/Maildir:INDEX=~/index
mail_privileged_group = mail
mail_plugins = $mail_plugins quota
namespace inbox {
  inbox = yes
  type = private
  separator = .
  prefix = INBOX.
  mailbox Drafts {
    special_use = \\Drafts
  }
  mailbox Sent {
    auto = subscribe
    special_use = \\Sent
  }
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
  mailbox Junk {
    auto = create
    special_use = \\Junk
    autoexpunge = 30 days
  }
}
namespace {
  type = shared
  prefix = shared.%%u.
  separator = .
}
# Another address, another place.
local 127.0.0.2 {
  mail_location = maildir:~/Archive
}
""",
    "conf.d/10-ssl.conf": """
ssl = required
ssl_cert = <@/etc/cert.pem
ssl_key = <@/etc/key.pem
ssl_dh = </usr/share/dovecot/dh.pem
ssl_min_protocol = TLSv1.2
ssl_cipher_list = ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
ssl_prefer_server_ciphers = yes
""",
    "conf.d/10-master.conf": """
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 993
    ssl = yes
  }
  process_min_avail = 2
  service_count = 0
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
    user = postfix
    group = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
  }
}
service stats {
  inet_listener http {
    port = 9900
  }
}
metric imap_commands {
  filter = event=imap_command_finished
}
""",
    "conf.d/20-protocols.conf": """
protocol imap {
  mail_plugins = $mail_plugins imap_quota imap_sieve
  mail_max_userip_connections = 50
  imap_client_workarounds = delay-newmail tb-extra-mailbox-sep
}
protocol lmtp {
  postmaster_address = postmaster@example.org
  mail_plugins = $mail_plugins sieve
}
protocol !imap {
  imap_idle_notify_interval = 29 mins
}
protocol pop3 {
  pop3_uidl_format = %u.%v
}
""",
    "conf.d/90-plugins.conf": """
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=5GB
  quota_rule2 = Trash:storage=+10%%
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_before = /etc/dovecot/sieve/before.sieve
}
""",
}
NO_EFFECT = """auth_verbose, imap_client_workarounds, mail_plugins, mail_privileged_group, postmaster_address,
protocols, ssl_dh, dict { quota }, metric imap_commands { filter }, namespace inbox mailbox Junk { autoexpunge }, plugin { quota, quota_rule,
quota_rule2, sieve, sieve_before }, service auth { unix_listener }, service imap-login { inet_listener, process_min_avail, service_count },
service lmtp { unix_listener }, service stats { inet_listener }""".replace("\n", " ")


def write_site(mail):
    for name, text in FILES.items():
        path = mail.path("etc", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text.replace("#UID#", str(os.getuid())).replace("#GID#", str(os.getgid())).replace("@/", mail.dir + "/"))
    with open(mail.main_cf) as f:
        lines = [line.replace("$mydomain\n", "$mydomain, example.org\n") if line.startswith("mydestination") else line
                 for line in f if not line.startswith(("passwd_file", "mail_location", "disable_plaintext", "auth_failure"))]
    with open(mail.main_cf, "w") as f:
        f.writelines(lines)
    mail.config = ["-c", mail.main_cf, "-c", mail.path("etc", "dovecot.conf")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail.example.org", "-days", "2",
                    "-keyout", mail.path("etc", "key.pem"), "-out", mail.path("etc", "cert.pem")], check=True, capture_output=True)
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], check=True, capture_output=True, text=True).stdout.strip()
    with open(mail.path("etc", "example.org.users"), "w") as f:
        # As other tools write it: the scheme by args, or said; uid and gid from the userdb; allow_nets.
        f.write(f"ann@example.org:{hashed}::::::\nbob@example.org:{{SHA512-CRYPT}}{hashed}\n"
                f"far@example.org:{{PLAIN}}secret::::::allow_nets=192.0.2.0/24\n"
                f"near@example.org:{{PLAIN}}secret::::::allow_nets=192.0.2.0/24,127.0.0.0/8 userdb_quota_rule=*:storage=1G\n")
    with open(mail.path("etc", "deny"), "w") as f:
        f.write("bob@example.org\n")


def refused(mail, user, password="secret"):
    try:
        mail.imap(user, password)
    except imaplib.IMAP4.error as error:
        return "AUTHENTICATIONFAILED" in str(error) or "AUTHORIZATIONFAILED" in str(error) or str(error)
    raise AssertionError(f"{user} may log in")


def check_load(mail):
    _, _, said = mail.run("imap-serve", "--check")
    lines = [re.sub(r"^[^:]*: ", "", line) for line in said.strip().splitlines()]
    etc = mail.path("etc")
    tubepost.check_equal("\n".join(lines), "\n".join([
        f"{etc}/dovecot.conf: no effect here: " + NO_EFFECT + "; addresses and ports are those of the socket units (tubepost(7))",
        f"{etc}/conf.d/auth-files.conf.ext:12: passdb sql is not known here; accounts whose passwords are there cannot log in",
        f"{etc}/conf.d/10-mail.conf:28: namespace is not served; only the one with inbox = yes is",
    ]), "what --check says")


def check_imap(mail):
    box = mail.imap("ANN@Example.org", "secret")
    tubepost.check_equal(box.namespace()[1], [b'(("INBOX." ".")) NIL NIL'], "NAMESPACE")
    listed = sorted(line.decode() for line in box.list()[1])
    tubepost.check_equal("\n".join(listed), "\n".join(sorted([
        '(\\HasChildren) "." INBOX', '(\\HasNoChildren \\Junk) "." INBOX.Junk', '(\\HasNoChildren \\Sent) "." INBOX.Sent'])), "LIST")
    tubepost.check_equal(box.lsub()[1], [b'() "." INBOX.Sent'], "LSUB")
    assert box.create("INBOX.Work.2026")[0] == "OK"
    assert box.create("Other")[0] == "NO", "a name outside the namespace"
    assert box.append("INBOX.Sent", "\\Seen", None, b"Subject: hello\r\n\r\nbody\r\n")[0] == "OK"
    assert box.append("INBOX", None, None, b"Subject: in\r\n\r\nbody\r\n")[0] == "OK"
    tubepost.check_equal(box.select("inbox.Sent")[1], [b"1"], "INBOX. in any case of letters")
    tubepost.check_equal([line.decode() for line in box.list("INBOX.", "%")[1] if b"Work" in line],
                         ['(\\Noselect \\HasChildren) "." INBOX.Work'], "LIST %")
    box.logout()
    home = mail.path("vhosts", "example.org", "ann")
    assert os.listdir(f"{home}/Maildir/.Sent/cur"), "the message lies where the userdb and mail_location say"
    assert os.path.isdir(f"{home}/Maildir/.Work.2026")


def check_logins(mail):
    mail.imap("near@example.org", "secret").logout()
    mail.imap("near#example.org", "secret").logout()  # auth_username_translation
    for user in ("bob@example.org", "far@example.org", "nobody@example.org", "nobody@example.net", "ann", "ann+x@example.org",
                 "ann@../example.org", "nobody@../../etc/passwd"):
        refused(mail, user)
    refused(mail, "ann@example.org", "wrong")
    pop = mail.pop3("ann@example.org", "secret")
    tubepost.check_equal(pop.stat()[0], 1, "POP3 sees the INBOX")
    tubepost.check_equal(len(pop.uidl()[1][0].split()[1].split(b".")), 2, "pop3_uidl_format of protocol pop3")
    pop.quit()


def check_tls(mail):
    context = ssl.create_default_context(cafile=mail.path("etc", "cert.pem"))
    context.check_hostname = False
    box = imaplib.IMAP4("127.0.0.1", mail.ports["imap"], timeout=60)
    box.starttls(context)
    subject = dict(pair[0] for pair in box.sock.getpeercert()["subject"])
    tubepost.check_equal(subject["commonName"], "mail.example.org", "certificate")
    box.login("ann@example.org", "secret")
    box.logout()


def check_address(mail):
    """local 127.0.0.2 { mail_location }."""
    port = tubepost.free_port()
    mail.start_program("imap-serve", "--listen", f"127.0.0.2:{port}")
    def connect():
        try:
            return imaplib.IMAP4("127.0.0.2", port, timeout=60)
        except OSError:
            return None
    box = tubepost.wait_for(connect, 20, "127.0.0.2")
    box.login("ann@example.org", "secret")
    tubepost.check_equal(box.select("INBOX")[1], [b"0"], "another place by the address")
    box.logout()
    assert os.path.isdir(mail.path("vhosts", "example.org", "ann", "Archive")), "Archive"


def check_delivery(mail):
    """An account with a domain gets mail, under its own name only, by an alias, and its .forward's own name is itself."""
    home = mail.path("vhosts", "example.org", "near")
    with mail.smtp() as client:
        for recipient in ("near@example.org", "NEAR@Example.org", "helpdesk@example.org"):
            client.sendmail("x@elsewhere.example", [recipient], f"Subject: to {recipient}\r\n\r\nx\r\n")
        with open(f"{home}/.forward", "w") as f:
            f.write("\\near\n")
        client.sendmail("x@elsewhere.example", ["near@example.org"], "Subject: by .forward\r\n\r\nx\r\n")
        for nobody in ("near@linuxprobe.com", "nobody@example.org", "near@[127.0.0.1]"):
            client.mail("x@elsewhere.example")
            status, text = client.rcpt(nobody)
            assert status == 550 and b"5.1.1" in text, (nobody, status, text)
            client.rset()
    box = mail.imap("near@example.org", "secret")
    tubepost.check_equal(box.select("INBOX")[1], [b"4"], "messages of near@example.org")
    box.logout()
    tubepost.check_equal(len(os.listdir(f"{home}/Maildir/new")) + len(os.listdir(f"{home}/Maildir/cur")), 4, home)


with tubepost.System() as mail:
    write_site(mail)
    mail.write_aliases("mailer-daemon: postmaster\npostmaster: root\nhelpdesk: near@example.org\n")
    check_load(mail)
    mail.start(queue=False)
    check_imap(mail)
    check_logins(mail)
    check_tls(mail)
    said = [line for line in mail.log().splitlines() if "no effect here" in line]
    tubepost.check_equal(len([line for line in said if "-serve" in line]), 2, "lines of what has no effect, one for each server")
    check_address(mail)
    check_delivery(mail)
    print("a site's dovecot.conf takes effect")
