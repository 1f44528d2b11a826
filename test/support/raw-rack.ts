import { NET } from "./boot-site.ts";
import { Namespace } from "./netns.ts";
import { mac, RawHost, RawWires } from "./raw-wire.ts";

/** A rack of two namespaces: the agent's, whose interface has the site's address, and the machines', with one of them on it. */
export class RawRack {
  readonly inside: Namespace;
  readonly wires: RawWires;
  /** The hardware address of the agent's interface. */
  readonly rackMac: Uint8Array;
  readonly u5: RawHost;
  private readonly outside: Namespace;

  private constructor(inside: Namespace, outside: Namespace, wires: RawWires) {
    this.inside = inside;
    this.outside = outside;
    this.wires = wires;
    this.rackMac = mac(inside.macOf(NET.rack));
    this.u5 = new RawHost(wires.wire(0), NET.u5.mac, NET.u5.ip);
  }

  static async open(): Promise<RawRack> {
    const inside = await Namespace.create();
    const outside = await Namespace.create(inside);
    inside.connect(NET.rack, outside, "rack");
    const wires = await RawWires.open(outside, "rack");
    inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
    return new RawRack(inside, outside, wires);
  }

  async close(): Promise<void> {
    this.wires.close();
    await this.outside.close();
    await this.inside.close();
  }
}
