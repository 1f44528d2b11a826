import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { rpcPrograms } from "../../../../../agent/services/rpc/service.ts";
import { emitMountPath, MountResultView } from "../../../../../protocols/mount/messages.ts";
import { emitDiropArgs, emitReadArgs } from "../../../../../protocols/nfs/args.ts";
import { NfsProc } from "../../../../../protocols/nfs/constants.ts";
import { DiropResultView, ReadResultView } from "../../../../../protocols/nfs/results.ts";
import { tar } from "../../../../support/archive-octets.ts";
import { eventually } from "../../../../support/eventually.ts";
import { answered, callOctets, type EmitArgs, type Reply } from "../../../../support/rpc-client.ts";
import { ip, RACK, RACK_FILES, testRack } from "../../../../support/test-site.ts";

const MINIPC = { src: ip("172.24.42.60") };
const [MOUNT, NFS] = [100_005, 100_003];
const IMAGE_RACK = RACK.replace("root: tree", "rootImage: image").replace(
  "assets:",
  "assets:\n  image: { file: root.tar }",
);
const IMAGE = tar({ name: "sbin/init", text: "x".repeat(3_000), mode: "0000755" });

async function setUp(image: Uint8Array = IMAGE) {
  const rack = await testRack(IMAGE_RACK, { ...RACK_FILES, "root.tar": image });
  const rpc = new RpcDispatcher(rack.context, rpcPrograms(rack.context));
  const ask = (prog: number, proc: number, args: EmitArgs): Promise<Reply> =>
    answered(rpc, callOctets(prog, prog === NFS ? 2 : 1, proc, args), MINIPC);
  const mount = async (path: string): Promise<{ status: number; handle: Uint8Array }> => {
    const reply = await ask(MOUNT, 1, (o, at) => emitMountPath(path, o, at));
    const { status, fhandleAt } = viewOf(new MountResultView(), reply);
    return { status, handle: reply.octets.u8.slice(fhandleAt, fhandleAt + 32) };
  };
  return { ...rack, ask, mount };
}

function viewOf<V extends { reset(o: Reply["octets"], at: number, len: number): number }>(
  view: V,
  { octets, view: reply }: Reply,
): V {
  expect(view.reset(octets, reply.resultsAt, reply.resultsLen)).toBe(0);
  return view;
}

describe("a root that is an image", () => {
  it("is mounted, looked into and read", async () => {
    const { ask, mount } = await setUp();
    const mounted = await mount("/debian/sbin");
    expect(mounted.status).toBe(0);
    const sbin = mounted.handle;
    const found = await ask(NFS, NfsProc.Lookup, (o, at) => emitDiropArgs(sbin, "init", o, at));
    const entry = viewOf(new DiropResultView(), found);
    expect(entry.status).toBe(0);
    const init = found.octets.u8.slice(entry.fhandleAt, entry.fhandleAt + 32);
    const reply = await ask(NFS, NfsProc.Read, (o, at) =>
      emitReadArgs({ fhandle: init, offset: 1_000, count: 1_500 }, o, at),
    );
    const read = viewOf(new ReadResultView(), reply);
    expect(read.dataLen).toBe(1_500);
    const data = reply.octets.u8.subarray(read.dataAt, read.dataAt + read.dataLen);
    expect(Buffer.from(data).toString()).toBe("x".repeat(1_500));
  });

  it("is waited for by MOUNT while it is fetched, and the journal says so", async () => {
    const { mount, assets, journal, last } = await setUp();
    const release = assets.withhold("image");
    const mounted = mount("/debian");
    await eventually(
      () => journal.entries().at(-1)?.outcome === "silent",
      "the journal says that it waits",
    );
    expect(last().decision).toContain("fetching image");
    release();
    expect((await mounted).status).toBe(0);
    expect(last()).toMatchObject({ protocol: "mount", outcome: "answered" });
  });

  it("is refused where it cannot be read, and the operator is told why", async () => {
    const { mount, problems, last } = await setUp(Buffer.from("hsqs".padEnd(600)));
    expect((await mount("/debian")).status).toBe(5);
    expect(last()).toMatchObject({ outcome: "refused", decision: "its root cannot be read" });
    expect(problems.map(({ code }) => code)).toContain("E_TREE_IMAGE");
  });

  it("is among what a machine needs", async () => {
    const { plan } = await setUp();
    expect(plan("minipc").rootFiles.map(({ name }) => name)).toEqual(["image"]);
  });
});
