import { describe, expect, it } from "vitest";
import type { RpcDispatcher } from "../../../../../agent/services/rpc/dispatcher.ts";
import { serveRpcByUdp } from "../../../../../agent/services/rpc/udp-transport.ts";
import { FakeUdpPort } from "../../../../support/fake-udp.ts";
import { ip } from "../../../../support/test-site.ts";

const V100 = ip("172.24.42.51");

/** A port whose calls are answered with a head of four octets and this payload. */
function answering(payload?: readonly Uint8Array[]): FakeUdpPort {
  const port = new FakeUdpPort(2_049);
  const handle: RpcDispatcher["handle"] = (_o, _at, _len, _from, sink) => {
    if (sink.begin()) sink.commit(4, payload);
    return undefined;
  };
  serveRpcByUdp(port, { handle } as RpcDispatcher);
  return port;
}

describe("serveRpcByUdp", () => {
  it("answers who asked, at the port that he asked from", () => {
    const port = answering();
    port.deliver(new Uint8Array(40), V100, 1_023);
    expect(port.take()).toMatchObject([{ dst: V100, dstPort: 1_023 }]);
    expect([port.hastened, port.slabsOut]).toEqual([undefined, 0]);
  });

  it("has files' octets go by the shortest way", () => {
    const port = answering([Uint8Array.of(1, 2, 3)]);
    port.deliver(new Uint8Array(40), V100, 1_023);
    expect(port.take().map(({ octets }) => octets.u8.length)).toEqual([7]);
    expect(port.hastened).toBe(V100);
  });
});
