#!/usr/bin/env python3
"""The floor of RETR: a mailbox's octets through a TCP connection on loopback, a read and a send for each message.

    copy.py MAILDIR|MBOX [--octets 4232] [--rounds 5]

Of a Maildir each file is opened and read; an mbox is read in pieces of --octets. Prints messages and MiB a second, and the sender's CPU."""
import argparse
import os
import resource
import socket
import statistics
import time


def pieces(box, octets):
    if os.path.isdir(box):
        for entry in os.scandir(box + "/cur"):
            fd = os.open(entry.path, os.O_RDONLY)
            yield os.read(fd, os.fstat(fd).st_size)
            os.close(fd)
    else:
        fd = os.open(box, os.O_RDONLY)
        while piece := os.read(fd, octets):
            yield piece
        os.close(fd)


def swallow(port):
    with socket.create_connection(("127.0.0.1", port)) as peer:
        buffer = bytearray(1 << 18)
        while peer.recv_into(buffer):
            pass
    os._exit(0)


def once(options):
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        swallow(listener.getsockname()[1])
    peer, _ = listener.accept()
    count = total = 0
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    begun = time.perf_counter()
    for piece in pieces(options.box, options.octets):
        peer.sendall(piece)
        count += 1
        total += len(piece)
    peer.shutdown(socket.SHUT_WR)
    os.waitpid(child, 0)
    took = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return count / took, total / took / (1 << 20), used * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("box")
    parser.add_argument("--octets", type=int, default=4232)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rate, octets, used = (statistics.median(x) for x in zip(*(once(options) for _ in range(options.rounds))))
    print(f"{rate:,.0f} messages/s, {octets:.1f} MiB/s, CPU {used:.0f} ms")


if __name__ == "__main__":
    main()
