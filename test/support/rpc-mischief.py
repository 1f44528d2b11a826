"""A machine of the rack that speaks RPC to SERVER, first as it should and then not. Prints one line of JSON."""

import json
import socket
import struct
import sys
import time

SERVER, ROOT, FILE = sys.argv[1:4]
MOUNT, NFS = (100005, 635), (100003, 2049)
CREDENTIAL = struct.pack(">3I", 7, 0, 0) + struct.pack(">18I", 0, 16, *range(16))


def text(s):
    return struct.pack(">I", len(s)) + s + b"\0" * (-len(s) % 4)


def call(xid, prog, vers, proc, args):
    head = struct.pack(">6I", xid, 0, 2, prog, vers, proc)
    return head + struct.pack(">2I", 1, len(CREDENTIAL)) + CREDENTIAL + bytes(8) + args


def udp(program, vers, proc, args):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.sendto(call(5, program[0], vers, proc, args), (SERVER, program[1]))
        return s.recv(65536)[24:]


def connect(program=NFS):
    s = socket.create_connection((SERVER, program[1]), 20)
    s.settimeout(20)
    return s


def record(octets, last=True):
    return struct.pack(">I", len(octets) | (0x80000000 if last else 0)) + octets


def exactly(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got


def reply(s):
    (mark,) = struct.unpack(">I", exactly(s, 4))
    return exactly(s, mark & 0x7FFFFFFF)


def closed(s):
    try:
        return s.recv(1) == b""
    except ConnectionError:
        return True


root = udp(MOUNT, 1, 1, text(ROOT.encode()))[4:36]
handle = udp(NFS, 2, 4, root + text(FILE.encode()))[4:36]
read = handle + struct.pack(">3I", 0, 8192, 0)
write = handle + struct.pack(">4I", 0, 0, 0, 8192) + bytes(8192)
out = {}

# Datagrams of more than one packet, both ways.
out["udpRead"] = len(udp(NFS, 2, 6, read)) - 4 - 68 - 4
out["udpWrite"] = struct.unpack(">I", udp(NFS, 2, 8, write)[:4])[0]

# Calls in a row, each in its own fragments, answered in any order.
with connect() as s:
    for xid in range(50):
        message = call(xid, *(NFS[0], 2, 6), read)
        s.sendall(b"".join(record(message[i : i + 37], i + 37 >= len(message)) for i in range(0, len(message), 37)))
    out["pipelined"] = sorted(struct.unpack(">I", reply(s)[:4])[0] for _ in range(50)) == list(range(50))
    s.sendall(record(call(9, NFS[0], 2, 8, write)))
    out["tcpWrite"] = struct.unpack(">I", reply(s)[24:28])[0]

with connect() as s:
    s.sendall(struct.pack(">I", 0x80000000 | 16385))
    out["tooLong"] = closed(s)
with connect() as s:
    try:
        for _ in range(1000):
            s.sendall(record(bytes(1000), last=False))
        out["endless"] = closed(s)
    except ConnectionError:
        out["endless"] = True

# Many half calls, and clients that ask for much and take nothing.
lingering = [connect() for _ in range(60)]
for s in lingering:
    try:
        s.sendall(struct.pack(">I", 0x80000000 | 4096) + bytes(100))
    except ConnectionError:
        pass
greedy = [connect() for _ in range(8)]
for s in greedy:
    s.setblocking(False)
    message = record(call(1, NFS[0], 2, 6, read))
    try:
        for _ in range(20000):
            s.send(message * 16)
    except (BlockingIOError, ConnectionError):
        pass
began = time.monotonic()
with connect() as s:
    s.sendall(record(call(77, NFS[0], 2, 6, read)))
    out["served"] = len(reply(s))
out["servedMs"] = round((time.monotonic() - began) * 1000)
print(json.dumps(out), flush=True)
sys.stdin.read()
