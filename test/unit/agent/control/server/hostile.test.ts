import { describe, expect, it } from "vitest";
import { encodeCbor } from "../../../../../agent/control/cbor.ts";
import { RawClient } from "../../../../support/control/raw-client.ts";
import { COSE, Rig, ServerRig } from "../../../../support/control/rig.ts";
import { seal } from "../../../../support/control/sign1.ts";
import { seededRandom } from "../../../../support/virtual-clock.ts";

// PILOTLIGHT_FUZZ_SEED=n repeats a round.
const { PILOTLIGHT_FUZZ_SEED = "20260101" } = process.env;
const SEED = Number(PILOTLIGHT_FUZZ_SEED);
const INPUTS = 400;
const BODIES = 1_500;

/** A copy with a few octets changed, put in, repeated or cut off. */
function mutated(octets: Uint8Array, random: () => number): Uint8Array {
  let made = Buffer.from(octets);
  for (let edits = 1 + (random() % 4); edits > 0; edits--) {
    const at = random() % (made.length + 1);
    switch (random() % 4) {
      case 0:
        if (at < made.length) made[at] = random() & 0xff;
        break;
      case 1:
        made = Buffer.concat([made.subarray(0, at), Buffer.of(random() & 0xff), made.subarray(at)]);
        break;
      case 2:
        made = Buffer.concat([made.subarray(0, at), made.subarray(at + (random() % 8))]);
        break;
      default:
        made = Buffer.concat([made.subarray(0, at), made.subarray(Math.max(0, at - 16))]);
    }
  }
  return new Uint8Array(made);
}

function requests(rig: Rig): Uint8Array[] {
  const post = (path: string, type: string, body: Uint8Array): Uint8Array => {
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  };
  const claim = encodeCbor({
    publicKey: new Uint8Array(32),
    name: "a",
    nonce: rig.nonces.issue(),
    proof: new Uint8Array(32),
  });
  return [
    Buffer.from("GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n"),
    Buffer.from(
      "GET /v1/events?machine=v100 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
    ),
    Buffer.from(
      "POST /v1/claim HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
    post("/v1/call", COSE, rig.signed("agent.restart", {})),
    post("/v1/claim", "application/cbor", claim),
    Buffer.from("16030100c8010000c40303", "hex"),
  ];
}

describe(`hostile octets, seed ${SEED}`, () => {
  it("to the socket end nothing but their own connection", { timeout: 120_000 }, async () => {
    const random = seededRandom(SEED);
    const rig = await ServerRig.open();
    const samples = requests(rig);
    for (let i = 0; i < INPUTS; i++) {
      const raw = await RawClient.open(rig.port);
      const sample = samples[random() % samples.length] ?? Buffer.alloc(0);
      const input =
        i % 4 === 0
          ? Uint8Array.from({ length: random() % 300 }, () => random() & 0xff)
          : mutated(sample, random);
      const cut = random() % (input.length + 1);
      raw.send(input.subarray(0, cut));
      raw.socket.end(input.subarray(cut));
      if (i % 40 === 0) expect((await rig.ask("/v1/identity")).status).toBe(200);
      if (i % 3 === 0) raw.destroy();
    }
    expect((await rig.call("log.level", { level: "debug" })).said).toMatchObject({ status: "ok" });
    expect(rig.bugs).toEqual([]);
    // What a mutant may ask for is read, or what one signed; nothing else.
    const changed = rig.asked.filter(({ asked }) => asked.caller.kind === "operator");
    expect(changed.every(({ verb }) => verb === "agent.restart" || verb === "log.level")).toBe(
      true,
    );
    expect(changed.length).toBeLessThanOrEqual(2);
  });

  it("in bodies are refused with a reason, and only the right one is done", async () => {
    const random = seededRandom(SEED + 1);
    const rig = new Rig();
    const signed = rig.signed("agent.restart", {});
    const claim = encodeCbor({
      publicKey: new Uint8Array(32),
      name: "a",
      nonce: rig.nonces.issue(),
      proof: new Uint8Array(32),
    });
    for (let i = 0; i < BODIES; i++) {
      const body =
        i % 3 === 0
          ? Uint8Array.from({ length: random() % 200 }, () => random() & 0xff)
          : undefined;
      const call = await rig.directCall(body ?? mutated(signed, random));
      expect(call.status).toBeLessThan(500);
      const headers = { "content-type": random() & 1 ? "application/cbor" : "application/json" };
      const claimed = await rig.answer("/v1/claim", {
        method: "POST",
        headers,
        body: body ?? mutated(claim, random),
      });
      expect([400, 403]).toContain(claimed.status);
      // Signed rubbish: what an operator's broken tool sends.
      const payload = mutated(
        encodeCbor({
          agent: rig.agent.publicKey.fingerprint,
          nonce: rig.nonces.issue(),
          verb: "log.level",
          args: { level: "debug" },
        }),
        random,
      );
      const own = await rig.directCall(seal(payload, rig.operator, "request"));
      expect([200, 400, 403, 404]).toContain(own.status);
    }
    expect(rig.bugs).toEqual([]);
    expect(rig.asked.filter(({ verb }) => verb === "agent.restart").length).toBeLessThanOrEqual(1);
    expect(rig.asked.every(({ verb }) => verb === "agent.restart" || verb === "log.level")).toBe(
      true,
    );
  });
});
