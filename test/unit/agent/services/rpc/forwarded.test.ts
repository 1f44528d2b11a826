import { describe, expect, it } from "vitest";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { rpcPrograms } from "../../../../../agent/services/rpc/service.ts";
import {
  emitGetfileArgs,
  emitWhoamiArgs,
  WhoamiResultView,
} from "../../../../../protocols/bootparams/messages.ts";
import { emitMountPath } from "../../../../../protocols/mount/messages.ts";
import { callOctets, dispatch, type EmitArgs } from "../../../../support/rpc-client.ts";
import { ip, testRack } from "../../../../support/test-site.ts";

// What Debian's rpcbind -r does: a broadcast CALLIT comes to the program as a call from 127.0.0.1.

const BOOTPARAMS = 100_026;
const RPCBIND = { src: ip("127.0.0.1") };

async function setUp() {
  const rack = await testRack();
  const rpc = new RpcDispatcher(rack.context, rpcPrograms(rack.context));
  const call = (prog: number, vers: number, proc: number, args: EmitArgs = () => 0) =>
    dispatch(rpc, callOctets(prog, vers, proc, args), RPCBIND);
  return { ...rack, call };
}

const whoami =
  (address: string): EmitArgs =>
  (o, at) =>
    emitWhoamiArgs(ip(address), o, at);
const getfile =
  (client: string, key: string): EmitArgs =>
  (o, at) =>
    emitGetfileArgs(client, key, o, at);

describe("a call that rpcbind passes on", () => {
  it("is answered for the machine that it is about", async () => {
    const { call, last } = await setUp();
    const reply = await call(BOOTPARAMS, 1, 1, whoami("172.24.42.51"));
    const who = new WhoamiResultView();
    if (!reply) throw new Error("silence");
    expect(who.reset(reply.octets, reply.view.resultsAt, reply.view.resultsLen)).toBe(0);
    expect(last()).toMatchObject({ machine: "v100", protocol: "bootparams", outcome: "answered" });
    expect(await call(BOOTPARAMS, 1, 2, getfile("v100", "root"))).toBeDefined();
  });

  it.each([
    ["an address of nobody", BOOTPARAMS, 1, 1, whoami("172.24.42.99")],
    ["a name of nobody", BOOTPARAMS, 1, 2, getfile("nobody", "root")],
    ["a key that the machine lacks", BOOTPARAMS, 1, 2, getfile("v100", "install")],
    ["arguments cut off", BOOTPARAMS, 1, 1, () => 0],
    ["another version", BOOTPARAMS, 2, 1, whoami("172.24.42.51")],
    ["another procedure", BOOTPARAMS, 1, 7, whoami("172.24.42.51")],
    ["MOUNT", 100_005, 1, 1, (o, at) => emitMountPath("/sun", o, at)],
    ["the port mapper's list", 100_000, 2, 4, () => 0],
  ] as [string, number, number, number, EmitArgs][])(
    "is met with silence: %s",
    async (_, ...what) => {
      const { call } = await setUp();
      expect(await call(...what)).toBeUndefined();
    },
  );
});
