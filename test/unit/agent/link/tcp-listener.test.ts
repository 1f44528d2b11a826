import { Server } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { PeerGuard } from "../../../../agent/link/peer-guard.ts";
import { InheritedSockets } from "../../../../agent/link/systemd.ts";
import { KernelTcpPorts } from "../../../../agent/link/tcp-listener.ts";
import { Journal } from "../../../../agent/log/journal.ts";
import { FakeSocket } from "../../../support/fake-socket.ts";
import { ip } from "../../../support/test-site.ts";

/** A server that says it listens, or why it cannot. */
class FakeServer extends Server {
  asked: unknown;
  bound: string = "172.24.42.150";
  failure: NodeJS.ErrnoException | undefined;

  override readonly listening = true;

  override listen(options: unknown, ready?: unknown): this {
    this.asked = options;
    if (this.failure) this.emit("error", this.failure);
    else if (typeof ready === "function") ready();
    return this;
  }

  override address(): { address: string; family: string; port: number } {
    return { address: this.bound, family: "IPv4", port: 80 };
  }
}

function setUp(inherited = InheritedSockets.none()) {
  const journal = new Journal(10, () => 0);
  const address = ip("172.24.42.150");
  const guard = new PeerGuard(address, ip("255.255.255.0"), [], journal);
  return {
    journal,
    server: new FakeServer(),
    tcp: new KernelTcpPorts(address, guard, inherited, { lasting: 5, inTurn: 7 }),
  };
}

const passed = (): InheritedSockets =>
  InheritedSockets.fromEnvironment({ LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: "http" }, 1);

describe("KernelTcpPorts", () => {
  it("listens on the rack's address", async () => {
    const { tcp, server } = setUp();
    await tcp.listen(server, 80, "http");
    expect(server.asked).toEqual({ host: "172.24.42.150", port: 80 });
  });

  it("serves as many connections as the board allows, the others in their turn, and says so once", async () => {
    const { tcp, server, journal } = setUp();
    const seen: FakeSocket[] = [];
    server.on("connection", (socket: unknown) => seen.push(socket as FakeSocket));
    await tcp.listen(server, 80, "http");
    const sockets = Array.from({ length: 10 }, () => new FakeSocket("172.24.42.51"));
    for (const socket of sockets) server.emit("connection", socket);
    expect(seen).toEqual(sockets.slice(0, 7));
    expect(sockets.some((s) => s.destroyed)).toBe(false);
    expect(journal.entries()).toMatchObject([
      {
        event: "connection of 172.24.42.51 to TCP port 80",
        decision: "waits for its turn: as many as this board serves at once are being served",
      },
    ]);
    sockets[3]?.destroy();
    await vi.waitFor(() => expect(seen).toEqual(sockets.slice(0, 8)));
  });

  it("resets connections that may last when there are too many, and says so", async () => {
    const { tcp, journal } = setUp();
    const listen = vi.spyOn(Server.prototype, "listen").mockImplementation(function (
      this: Server,
      ...args: unknown[]
    ) {
      const ready = args.at(-1);
      if (typeof ready === "function") setImmediate(() => ready());
      return this;
    });
    const address = { address: "172.24.42.150", family: "IPv4", port: 2049 };
    vi.spyOn(Server.prototype, "address").mockReturnValue(address);
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const server = await tcp.open(2049, "nfs-tcp");
    expect(listen).toHaveBeenCalledOnce();
    expect(server.maxConnections).toBe(5);
    server.emit("drop", { remoteAddress: "172.24.42.51" });
    expect(journal.entries()).toMatchObject([
      { decision: "reset: there are more connections than this board serves at once" },
    ]);
  });

  it("takes the socket that systemd passed, if it is ours", async () => {
    const { tcp, server } = setUp(passed());
    await tcp.listen(server, 80, "http");
    expect(server.asked).toEqual({ fd: 3 });
    const other = setUp(passed());
    other.server.bound = "0.0.0.0";
    await expect(other.tcp.listen(other.server, 80, "http")).rejects.toMatchObject({
      code: "E_INTERFACE",
    });
  });

  it("turns away at once who is not of the rack, and journals it", async () => {
    const { tcp, server, journal } = setUp();
    const seen: string[] = [];
    server.on("connection", (socket) => seen.push(socket.remoteAddress ?? ""));
    await tcp.listen(server, 80, "http");
    const sockets = ["172.24.42.51", "8.8.8.8", "::1"].map((from) => new FakeSocket(from));
    for (const socket of sockets) server.emit("connection", socket);
    expect(seen).toEqual(["172.24.42.51"]);
    expect(sockets.map((s) => s.destroyed)).toEqual([false, true, true]);
    expect(journal.entries()).toMatchObject([{ address: "8.8.8.8", outcome: "silent" }]);
  });

  it.each([
    ["EADDRINUSE", "E_PORT_IN_USE"],
    ["EACCES", "E_CAPABILITY"],
    ["EADDRNOTAVAIL", "E_INTERFACE"],
    ["EIO", "E_PORT_IN_USE"],
  ])("explains %s", async (cause, code) => {
    const { tcp, server } = setUp();
    server.failure = Object.assign(new Error(cause), { code: cause });
    await expect(tcp.listen(server, 80, "http")).rejects.toMatchObject({ code });
  });
});
