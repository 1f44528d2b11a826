import { createSocket } from "node:dgram";
import { describe, expect, it } from "vitest";
import { PeerGuard } from "../../../../agent/link/peer-guard.ts";
import { InheritedSockets } from "../../../../agent/link/systemd.ts";
import { bindError, KernelUdpPorts } from "../../../../agent/link/udp-port.ts";
import { Journal } from "../../../../agent/log/journal.ts";
import { ip } from "../../../support/test-site.ts";

const LOOPBACK = ip("127.0.0.1");

/** Ports of the loopback address; nothing is sent. `broadcast`: what is bound beside it. */
function portsOf(broadcast: string): KernelUdpPorts {
  const guard = new PeerGuard(LOOPBACK, ip("255.0.0.0"), [], new Journal(10, () => 0));
  return new KernelUdpPorts(LOOPBACK, ip(broadcast), guard, InheritedSockets.none(), () => 0);
}

/** A UDP port that nobody has. */
async function freePort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((done) => socket.bind({ address: "127.0.0.1", port: 0 }, done));
  const { port } = socket.address();
  await new Promise<void>((done) => {
    socket.close(() => done());
  });
  return port;
}

describe("KernelUdpPorts", () => {
  it("leaves no socket open when a broadcast address cannot be had", async () => {
    const number = await freePort();
    const other = createSocket("udp4");
    await new Promise<void>((done) =>
      other.bind({ address: "127.255.255.255", port: number }, done),
    );
    const failing = portsOf("127.255.255.255").open(number, { broadcast: true });
    await expect(failing).rejects.toMatchObject({ code: "E_PORT_IN_USE" });
    const again = await portsOf("127.255.255.255").open(number);
    again.close();
    other.close();
  });

  it.each([
    ["hears", true],
    ["cannot hear", false],
  ])("%s broadcasts beside another program (which lets it: %s)", async (_, reuseAddr) => {
    const number = await freePort();
    const other = createSocket({ type: "udp4", reuseAddr });
    await new Promise<void>((done) => other.bind({ address: "0.0.0.0", port: number }, done));
    const opening = portsOf("127.255.255.255").open(number, { broadcast: "shared" });
    if (reuseAddr) {
      const port = await opening;
      port.close();
    } else {
      await expect(opening).rejects.toMatchObject({ code: "E_PORT_IN_USE" });
    }
    other.close();
  });

  it("takes from the loopback what comes from it", async () => {
    const port = await portsOf("127.255.255.255").open(await freePort(), { loopback: true });
    const heard = new Promise<number>((done) => port.onDatagram((d) => done(d.src)));
    const other = createSocket("udp4");
    other.send("x", port.port, "127.0.0.1");
    expect(await heard).toBe(LOOPBACK);
    other.close();
    port.close();
  });

  it("says that a port is in use", async () => {
    const number = await freePort();
    const port = await portsOf("127.255.255.255").open(number);
    await expect(portsOf("127.255.255.255").open(number)).rejects.toMatchObject({
      code: "E_PORT_IN_USE",
    });
    port.close();
  });

  it("gives transfers ports that SGI PROMs take, each its own", async () => {
    const ports = portsOf("127.255.255.255");
    const open = [await ports.openTransfer(), await ports.openTransfer()];
    const numbers = open.map((p) => p.port);
    expect(new Set(numbers).size).toBe(2);
    for (const n of numbers) expect(n >= 20_000 && n < 32_000).toBe(true);
    for (const p of open) p.close();
  });

  it("takes back the memory of what is sent when the port is closed", async () => {
    const port = await portsOf("127.255.255.255").openTransfer();
    port.close();
    for (let i = 0; i < 200; i++) {
      const slab = port.borrow();
      if (!slab) throw new Error(`no slab after ${i}`);
      port.send(slab, 4, LOOPBACK, 9);
    }
  });

  it.each([false, true])(
    "says once when a payload was sent (closed before: %s)",
    async (closed) => {
      const port = await portsOf("127.255.255.255").openTransfer();
      if (closed) port.close();
      const slab = port.borrow();
      if (!slab) throw new Error("no slab");
      let said = 0;
      await new Promise<void>((done) => {
        port.send(slab, 4, LOOPBACK, 9, [new Uint8Array(1_000)], () => {
          said += 1;
          done();
        });
      });
      if (!closed) port.close();
      expect(said).toBe(1);
    },
  );
});

describe("bindError", () => {
  it.each([
    ["EADDRINUSE", "E_PORT_IN_USE"],
    ["EACCES", "E_CAPABILITY"],
    ["EADDRNOTAVAIL", "E_INTERFACE"],
  ])("explains %s", (cause, code) => {
    const error = bindError(Object.assign(new Error(cause), { code: cause }), "UDP 127.0.0.1:69");
    expect(error).toMatchObject({ code });
    expect(error.message).toContain("UDP 127.0.0.1:69");
  });
});
