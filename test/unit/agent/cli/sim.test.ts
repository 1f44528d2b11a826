import { describe, expect, it } from "vitest";
import { runSim } from "../../../../agent/cli/sim.ts";
import type { Firmware, FirmwareEvent } from "../../../../firmware-sim/firmware.ts";
import { openFirmware } from "../../../../firmware-sim/openfirmware/openfirmware.ts";
import { seededRandom } from "../../../support/virtual-clock.ts";
import { VirtualHost } from "../../../support/virtual-host.ts";
import { virtualClockOf } from "../../../support/virtual-ports.ts";
import { VirtualWire } from "../../../support/virtual-wire.ts";
import { ip, sampleFile } from "../../firmware-sim/boot-run.ts";
import { ScriptedSunServer } from "../../firmware-sim/scripted-sun-server.ts";

const MAC = Uint8Array.of(0x00, 0x03, 0xba, 0x5b, 0xae, 0xb3);
const LOADER = sampleFile(2_000);
const KERNEL = sampleFile(5_000);

/** The host whose interface the simulated machine borrows, and a server if there is one. */
function onInterface(firmware: Firmware, served: boolean, timeoutMs = 60_000) {
  const local = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address: ip("10.0.0.1") });
  const remote = new VirtualHost({
    mac: Uint8Array.of(2, 0, 0, 0, 0, 2),
    address: ip("172.24.42.150"),
  });
  if (served) {
    new ScriptedSunServer(remote, {
      clientMac: MAC,
      clientAddress: ip("172.24.42.51"),
      tftp: { AC182A33: LOADER },
      nfs: { bsd: KERNEL },
      rootPath: "/root",
    });
  }
  const events: FirmwareEvent[] = [];
  const clock = virtualClockOf(local);
  const options = { firmware, timeoutMs, clock, say: (e: FirmwareEvent) => events.push(e) };
  const run = runSim(options, local.frameLane());
  const wire = new VirtualWire().join(local, remote);
  return { run, events, wire };
}

function sun(): Firmware {
  return openFirmware({ mac: MAC, random: seededRandom(1) });
}

describe("runSim", () => {
  it("drives a firmware over a frame lane until it has booted", async () => {
    const { run, events, wire } = onInterface(sun(), true);
    wire.run(30_000);
    expect(await run.verdict).toBe(true);
    expect(events.at(-1)).toEqual({ kind: "booted", octets: LOADER.length + KERNEL.length });
  });

  it("gives up when its time is over", async () => {
    const { run, events, wire } = onInterface(sun(), false, 20_000);
    wire.run(30_000);
    expect(await run.verdict).toBe(false);
    expect(events.at(-1)).toEqual({
      kind: "failed",
      stage: "sim",
      reason: "not booted after 20 s",
    });
    expect(events.filter((e) => e.kind === "step" && e.text.startsWith("Timeout"))).toHaveLength(4);
  });

  it("can be stopped, once", async () => {
    const { run, events, wire } = onInterface(sun(), false);
    run.stop("stopped");
    run.stop("again");
    wire.run(30_000);
    expect(await run.verdict).toBe(false);
    expect(events.filter((e) => e.kind === "failed")).toEqual([
      { kind: "failed", stage: "sim", reason: "stopped" },
    ]);
  });
});
