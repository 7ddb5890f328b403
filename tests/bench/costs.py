#!/usr/bin/env python3
"""What a POP3 login costs, of servers in turn: time to the greeting, login to STAT (plain, TLS with a full and with a
resumed handshake), RETR of a whole mailbox one by one (plain, TLS); server's CPU for each.

    costs.py NAME:PID[+PID]:PORT:TLSPORT ... [--rounds 5] [--n 100] [--user bench000] [--password pw-bench000]

PID is the server's first process (those of its two ports); CPU is its own, that of its children, and of those they have
waited for. The mailbox of the user must hold messages for RETR. Prints a table of medians, with the ratio to the first server."""
import argparse
import os
import socket
import ssl
import statistics
import time

TICK = os.sysconf("SC_CLK_TCK")


def cpu(roots):
    """Seconds of user and system time of the processes, their descendants, and those waited for."""
    parents, times = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(pid)] = int(fields[1])
        times[int(pid)] = sum(map(int, fields[11:15])) / TICK
    total = 0.0
    for pid in times:
        at = pid
        while at not in roots and at in parents:
            at = parents[at]
        if at in roots:
            total += times[pid]
    return total


class Client:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def __init__(self, port, tls, session=None):
        self.begun = time.perf_counter()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = self.context.wrap_socket(self.socket, session=session)
        self.file = self.socket.makefile("rb")
        self.line()
        self.greeted = time.perf_counter()

    def line(self):
        answer = self.file.readline()
        assert answer.startswith(b"+OK"), answer
        return answer

    def say(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        return self.line()

    def log_in(self, user, password):
        self.say(f"USER {user}")
        self.say(f"PASS {password}")
        return int(self.say("STAT").split()[1])

    def retrieve(self, count):
        octets = 0
        for number in range(1, count + 1):
            self.say(f"RETR {number}")
            while (line := self.file.readline()) != b".\r\n":
                octets += len(line)
        return octets

    def quit(self):
        self.say("QUIT")
        self.file.read()
        self.socket.close()


def logins(server, options, tls, resume):
    spent, used, greetings, session, resumed = [], cpu(server.roots), [], None, 0
    for _ in range(options.n):
        client = Client(server.tls_port if tls else server.port, tls, session if resume else None)
        client.log_in(options.user, options.password)
        spent.append(time.perf_counter() - client.begun)
        greetings.append(client.greeted - client.begun)
        if tls:
            session, resumed = client.socket.session, resumed + client.socket.session_reused
        client.quit()
    time.sleep(0.2)  # the last processes end
    kind = ("TLS, resumed" if resume else "TLS, full") if tls else "plain"
    figures = {f"greeting, {kind}: ms": statistics.median(greetings) * 1000,
               f"login to STAT, {kind}: ms": statistics.median(spent) * 1000,
               f"login to QUIT, {kind}: CPU ms": (cpu(server.roots) - used) / options.n * 1000}
    if resume:
        figures["handshakes that were resumed: %"] = 100 * resumed / options.n
    return figures


def retrieval(server, options, tls):
    kind = "TLS" if tls else "plain"
    client = Client(server.tls_port if tls else server.port, tls)
    count = client.log_in(options.user, options.password)
    begun, used = time.perf_counter(), cpu(server.roots)
    octets = client.retrieve(count)
    spent = time.perf_counter() - begun
    figures = {f"RETR, {kind}: MiB/s": octets / spent / 2**20,
               f"RETR, {kind}: CPU ms a MiB": (cpu(server.roots) - used) * 1000 / (octets / 2**20) if octets else 0}
    client.quit()
    return figures


class Server:
    def __init__(self, text):
        self.name, pid, port, tls_port = text.rsplit(":", 3)
        self.roots = set(map(int, pid.split("+")))
        self.port, self.tls_port = int(port), int(tls_port)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("servers", nargs="+", type=Server)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--user", default="bench000")
    parser.add_argument("--password", default="pw-bench000")
    options = parser.parse_args()
    kept = {}
    for _ in range(options.rounds):
        for server in options.servers:
            for figures in (logins(server, options, False, False), logins(server, options, True, False),
                            logins(server, options, True, True), retrieval(server, options, False),
                            retrieval(server, options, True)):
                for name, value in figures.items():
                    kept.setdefault(name, {}).setdefault(server.name, []).append(value)
    print("| | " + " | ".join(server.name for server in options.servers) + " |")
    print("|---|" + "---:|" * len(options.servers))
    for name, of in kept.items():
        medians = [statistics.median(of[server.name]) for server in options.servers]
        shown = [f"{value:.4g}" + (f" ({value / medians[0]:.2f})" if at and medians[0] else "") for at, value in enumerate(medians)]
        print(f"| {name} | " + " | ".join(shown) + " |")


main()
