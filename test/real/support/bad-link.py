"""Joins two network namespaces by a link that loses, delays and reorders, for kernels without sch_netem.

bad-link.py PID-A NAME-A PID-B NAME-B LOSS DELAY-MS JITTER-MS [frames]

A TUN device in each namespace (of the process with that pid). What leaves A is lost with the chance LOSS and otherwise
delivered after DELAY-MS plus or minus up to JITTER-MS, each packet for itself, so that packets overtake each other. What
leaves B arrives at once. Prints "up", and ends with its standard input.

With "frames" they are TAP devices that carry Ethernet, and what leaves B fares as badly. It then ends by a signal.
"""
import ctypes, fcntl, heapq, os, random, select, struct, sys, time

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 1, 2, 0x1000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def device_in(pid, name, kind):
    with open(f"/proc/{pid}/ns/net") as ns:
        if libc.setns(ns.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | IFF_NO_PI))
    return fd


def write(fd, packet):
    try:
        os.write(fd, packet)
    except OSError:
        pass  # the device is down: lost, as on any link


def main():
    pid_a, name_a, pid_b, name_b = sys.argv[1:5]
    loss, delay, jitter = float(sys.argv[5]), float(sys.argv[6]) / 1e3, float(sys.argv[7]) / 1e3
    frames = sys.argv[8:] == ["frames"]
    kind = IFF_TAP if frames else IFF_TUN
    a, b = device_in(pid_a, name_a, kind), device_in(pid_b, name_b, kind)
    chance, late, count = random.Random(7), [], 0
    print("up", flush=True)
    while True:
        wait = max(0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select([a, b] if frames else [a, b, 0], [], [], wait)
        if 0 in ready and not os.read(0, 4096):
            return
        for fd in ready:
            if fd == 0:
                continue
            try:
                packet = os.read(fd, 65536)
            except OSError:
                continue
            if fd == b and not frames:
                write(a, packet)
            elif chance.random() >= loss:
                count += 1
                due = time.monotonic() + delay + chance.uniform(-jitter, jitter)
                heapq.heappush(late, (due, count, b if fd == a else a, packet))
        while late and late[0][0] <= time.monotonic():
            write(*heapq.heappop(late)[2:])


main()
