"""Joins two network namespaces by a link that loses, delays and reorders, for kernels without sch_netem.

bad-link.py PID-A NAME-A PID-B NAME-B LOSS DELAY-MS JITTER-MS

A TUN device in each namespace (of the process with that pid). What leaves A is lost with the chance LOSS and otherwise
delivered after DELAY-MS plus or minus up to JITTER-MS, each packet for itself, so that packets overtake each other. What
leaves B arrives at once. Prints "up", and ends with its standard input.
"""
import ctypes, fcntl, heapq, os, random, select, struct, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 1, 0x1000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def tun_in(pid, name):
    with open(f"/proc/{pid}/ns/net") as ns:
        if libc.setns(ns.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def write(fd, packet):
    try:
        os.write(fd, packet)
    except OSError:
        pass  # the device is down: lost, as on any link


def main():
    pid_a, name_a, pid_b, name_b = sys.argv[1:5]
    loss, delay, jitter = float(sys.argv[5]), float(sys.argv[6]) / 1e3, float(sys.argv[7]) / 1e3
    a, b = tun_in(pid_a, name_a), tun_in(pid_b, name_b)
    chance, late, count = random.Random(7), [], 0
    print("up", flush=True)
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select([a, b, 0], [], [], wait)
        if 0 in ready and not os.read(0, 4096):
            return
        for fd in ready:
            if fd == 0:
                continue
            try:
                packet = os.read(fd, 65536)
            except OSError:
                continue
            if fd == b:
                write(a, packet)
            elif chance.random() >= loss:
                count += 1
                due = time.monotonic() + delay + chance.uniform(-jitter, jitter)
                heapq.heappush(late, (due, count, packet))
        while late and late[0][0] <= time.monotonic():
            write(b, heapq.heappop(late)[2])


main()
