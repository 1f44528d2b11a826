import { Server } from "node:net";
import { describe, expect, it } from "vitest";
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
    tcp: new KernelTcpPorts(address, guard, inherited, 7),
  };
}

const passed = (): InheritedSockets =>
  InheritedSockets.fromEnvironment({ LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: "http" }, 1);

describe("KernelTcpPorts", () => {
  it("listens on the rack's address, for a bounded number", async () => {
    const { tcp, server } = setUp();
    await tcp.listen(server, 80, "http");
    expect(server.asked).toEqual({ host: "172.24.42.150", port: 80 });
    expect(server.maxConnections).toBe(7);
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
    await tcp.listen(server, 80, "http");
    const seen: boolean[] = [];
    server.on("connection", (socket) => seen.push(socket.destroyed));
    for (const from of ["172.24.42.51", "8.8.8.8", "::1"]) {
      server.emit("connection", new FakeSocket(from));
    }
    expect(seen).toEqual([false, true, true]);
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
