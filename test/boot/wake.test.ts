import path from "node:path";
import { expect, it } from "vitest";
import { EthernetView } from "../../protocols/ethernet/frame.ts";
import { macText } from "../../protocols/wire/mac-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { MagicPacketView } from "../../protocols/wol/magic-packet.ts";
import { bytes } from "../support/hex.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startVirtualAgent } from "../support/virtual-agent.ts";
import { VirtualWire } from "../support/virtual-wire.ts";

const SITE = `
site: rack7
network: { interface: eth0, address: 172.24.42.150/24 }
machines: { v100: { mac: "00:03:ba:5b:ae:b3", ip: 172.24.42.51 } }
`;

it("wakes a machine on the agent's wire: six frames, no more, 200 ms apart", async () => {
  const seen: string[] = [];
  const dir = tempDir({ "site.yaml": SITE });
  const agent = await startVirtualAgent(path.join(dir, "site.yaml"), bytes("525400770001"));
  const tap = (frame: Uint8Array, ms: number): void => {
    const o = new Octets(frame);
    const [eth, magic] = [new EthernetView(), new MagicPacketView()];
    expect(eth.reset(o, 0, frame.length)).toBe(0);
    expect(magic.reset(o, eth.payloadAt, eth.payloadLen)).toBe(0);
    seen.push(`${Math.round(ms)} ${eth.etherType.toString(16)} ${macText(o, magic.macAt)}`);
  };
  const wire = new VirtualWire({ tap }).join(agent.host);
  const machine = agent.site.machines[0];
  if (!machine) throw new Error("no machine");
  agent.services.wake.wake(machine, "eva");
  await wire.runAsync(5_000);
  const mac = "00:03:ba:5b:ae:b3";
  expect(seen).toEqual([0, 200, 400].flatMap((ms) => [`${ms} 842 ${mac}`, `${ms} 800 ${mac}`]));
  expect(agent.journal.map((e) => e.event)).toEqual([`wake ${mac}`]);
  await agent.stop();
});
