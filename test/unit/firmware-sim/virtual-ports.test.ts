import { createServer } from "node:http";
import { expect, it } from "vitest";
import type { FirmwareEvent } from "../../../firmware-sim/firmware.ts";
import { pxe } from "../../../firmware-sim/pxe/pxe.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import { VirtualDuplex, virtualClockOf, virtualUdpPorts } from "../../support/virtual-ports.ts";
import { VirtualWire } from "../../support/virtual-wire.ts";
import { type CollectedFiles, collectInto, digest, digestOf, ip, sampleFile } from "./boot-run.ts";
import { httpResponse, ScriptedPxeServer } from "./scripted-pxe-server.ts";

const SERVER = ip("192.168.77.1");
const KERNEL = sampleFile(300_000);

it("serves a simulated machine from node:http, with promises and loss", async () => {
  const host = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address: SERVER });
  new ScriptedPxeServer(host, {
    clientAddress: ip("192.168.77.71"),
    answer: () => ({ file: "http://192.168.77.1:8080/boot.ipxe" }),
    http: () => httpResponse(new Uint8Array(0), 404),
  });
  const server = createServer((request, response) => {
    setImmediate(() => {
      expect(request.socket.remoteAddress).toBe("192.168.77.71");
      if (request.url === "/boot.ipxe") {
        const script = "#!ipxe\nkernel vmlinuz\nboot\n";
        response.setHeader("Content-Length", script.length).end(script);
      } else response.setHeader("Content-Length", KERNEL.length).end(KERNEL);
    });
  });
  host.listen(8_080, (stream) => server.emit("connection", new VirtualDuplex(stream)));

  const files: CollectedFiles = new Map();
  const firmware = pxe({
    mac: Uint8Array.of(2, 0, 0, 0, 0, 2),
    random: seededRandom(1),
    ipxeRom: true,
    sink: collectInto(files),
  });
  const wire = new VirtualWire({ loss: 0.02, seed: 5 }).join(host, firmware);
  firmware.powerOn(0);
  expect(await wire.runAsync(120_000)).toBe(true);
  const events: FirmwareEvent[] = [];
  for (let e = firmware.pollEvent(); e; e = firmware.pollEvent()) events.push(e);
  expect(events.at(-1)).toEqual({ kind: "booted", octets: KERNEL.length });
  expect(digestOf(files, "http://192.168.77.1:8080/vmlinuz")).toBe(digest(KERNEL));
});

it("gives the agent's UDP lane and clock", async () => {
  const address = ip("10.0.0.1");
  const a = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address });
  const b = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 2), address: ip("10.0.0.2") });
  const port = await virtualUdpPorts(a).open(69);
  const heard: string[] = [];
  port.onDatagram((d) => {
    heard.push(String.fromCharCode(...d.octets.u8.subarray(d.at, d.at + d.len)));
    const slab = port.borrow();
    if (!slab) return;
    slab.octets.u8.set([0x68, 0x69]);
    port.send(slab, 2, d.src, d.srcPort, [Uint8Array.of(0x21), Uint8Array.of(0x21)]);
  });
  const peer = await virtualUdpPorts(b).openTransfer();
  const answers: string[] = [];
  peer.onDatagram((d) =>
    answers.push(String.fromCharCode(...d.octets.u8.subarray(d.at, d.at + d.len))),
  );
  const say = (text: string, dst: number): void => {
    const slab = peer.borrow();
    slab?.octets.u8.set(Array.from(text, (c) => c.charCodeAt(0)));
    if (slab) peer.send(slab, text.length, dst, 69);
  };
  virtualClockOf(b).after(1_000, () => say("late", address));
  say("hello", address);
  say("all", ip("10.0.0.255"));
  new VirtualWire().join(a, b).run(2_000);
  expect(heard).toEqual(["hello", "late"]);
  expect(answers).toEqual(["hi!!", "hi!!"]);
});
