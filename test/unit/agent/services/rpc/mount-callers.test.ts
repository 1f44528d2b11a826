import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { MountProgram } from "../../../../../agent/services/rpc/mount.ts";
import { emitMountPath, MountResultView } from "../../../../../protocols/mount/messages.ts";
import { answered, callOctets } from "../../../../support/rpc-client.ts";
import { ip, RACK, testRack } from "../../../../support/test-site.ts";

const MOUNT = 100_005;
const ACCES = 13;
const V100_CARD = "00:03:ba:5b:ae:b3";
const V100 = ip("172.24.42.51");
const STRICT = RACK.replace(
  "root: { netbsd: netbsd,",
  "privilegedPorts: true, root: { netbsd: netbsd,",
);

async function setUp(card?: string, site?: string) {
  const rack = await testRack(site);
  const asked: number[] = [];
  const cardOf = (address: number): Promise<string | undefined> => {
    asked.push(address);
    return Promise.resolve(card);
  };
  const rpc = new RpcDispatcher(rack.context, [new MountProgram(rack.context, 635, cardOf)]);
  const mount = async (srcPort?: number): Promise<number> => {
    const call = callOctets(MOUNT, 1, 1, (o, at) => emitMountPath("/sun", o, at));
    const from = { src: V100, ...(srcPort !== undefined && { srcPort }) };
    const { octets, view } = await answered(rpc, call, from);
    const result = new MountResultView();
    expect(result.reset(octets, view.resultsAt, view.resultsLen)).toBe(0);
    return result.status;
  };
  return { ...rack, asked, mount };
}

describe("MNT by a caller that is not the machine", () => {
  it("is refused where another card uses its address, and journalled", async () => {
    const { mount, last, asked } = await setUp("52:54:00:66:66:66");
    expect(await mount()).toBe(ACCES);
    expect(asked).toEqual([V100]);
    expect(last()).toMatchObject({
      protocol: "mount",
      outcome: "refused",
      machine: "v100",
      decision: `172.24.42.51 is used by the card 52:54:00:66:66:66, and the site gives it to ${V100_CARD}`,
    });
  });

  it.each([
    ["its own card", V100_CARD],
    ["no entry: it is behind a router", undefined],
  ])("is answered by %s", async (_, card) => {
    const { mount } = await setUp(card);
    expect(await mount()).toBe(0);
  });

  it("is refused from a port that any program may have, where the profile says so", async () => {
    const { mount, last } = await setUp(undefined, STRICT);
    expect(await mount(1_023)).toBe(0);
    expect(await mount(1_024)).toBe(ACCES);
    expect(last()).toMatchObject({ outcome: "refused", machine: "v100" });
    const { mount: relaxed } = await setUp();
    expect(await relaxed(50_000)).toBe(0);
  });
});
