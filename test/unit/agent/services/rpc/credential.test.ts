import { describe, expect, it } from "vitest";
import { credentialOf, RpcCredential } from "../../../../../agent/services/rpc/credential.ts";
import { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import type { RpcProgram } from "../../../../../agent/services/rpc/program.ts";
import { RpcCallView } from "../../../../../protocols/sunrpc/call.ts";
import { Octets } from "../../../../../protocols/wire/octets.ts";
import { callOctets, dispatch } from "../../../../support/rpc-client.ts";
import { ip, testRack } from "../../../../support/test-site.ts";

type Unix = Parameters<typeof callOctets>[4];

const SIXTEEN = Array.from({ length: 16 }, (_, i) => 100 + i);

function viewOf(unix?: Unix): RpcCallView {
  const u8 = callOctets(100_003, 2, 1, () => 0, unix);
  const view = new RpcCallView();
  expect(view.reset(new Octets(u8), 0, u8.length)).toBe(0);
  return view;
}

describe("credentialOf", () => {
  it("takes a caller without credentials for nobody", () => {
    const cred = credentialOf(viewOf(), new RpcCredential(0, 0));
    expect([cred.uid, cred.gid, cred.has(0)]).toEqual([65_534, 65_534, false]);
  });

  it("knows user, group and all of 16 groups", () => {
    const unix = { machineName: "v100", uid: 1_000, gid: 7, groups: SIXTEEN };
    const cred = credentialOf(viewOf(unix), RpcCredential.nobody);
    expect([cred.uid, cred.gid]).toEqual([1_000, 7]);
    expect([7, ...SIXTEEN].every((gid) => cred.has(gid))).toBe(true);
    expect([0, 116, 1_000].some((gid) => cred.has(gid))).toBe(false);
  });

  it("is the last one again for a call that says the same, and only then", () => {
    const unix = { machineName: "v100", uid: 0, gid: 0, groups: [0, 5] };
    const cred = credentialOf(viewOf(unix), RpcCredential.nobody);
    expect(credentialOf(viewOf({ ...unix, stamp: 9 }), cred)).toBe(cred);
    for (const other of [{ uid: 1 }, { gid: 1 }, { groups: [0] }, { groups: [0, 6] }]) {
      expect(credentialOf(viewOf({ ...unix, ...other }), cred)).not.toBe(cred);
    }
  });
});

describe("RpcDispatcher", () => {
  it("tells a program whose call it is, and it holds after the call", async () => {
    const { context } = await testRack();
    const seen: RpcCredential[] = [];
    const program: RpcProgram = {
      name: "nfs",
      prog: 100_003,
      versions: [2],
      port: 2049,
      indirect: false,
      handle: (call) => void seen.push(call.cred),
    };
    const rpc = new RpcDispatcher(context, [program]);
    const unix = { machineName: "", uid: 1, gid: 2, groups: [3] };
    for (const each of [unix, undefined, { ...unix, uid: 4 }]) {
      await dispatch(
        rpc,
        callOctets(100_003, 2, 1, () => 0, each),
        { src: ip("172.24.42.51") },
      );
    }
    expect(seen.map((c) => [c.uid, c.gid, c.has(3)])).toEqual([
      [1, 2, true],
      [65_534, 65_534, false],
      [4, 2, true],
    ]);
  });
});
