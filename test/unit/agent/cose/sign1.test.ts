import { createPrivateKey, createPublicKey } from "node:crypto";
import { Algorithms, Headers, Sign1 } from "@auth0/cose";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CborValue, cborHead, encodeCbor } from "../../../../agent/cose/cbor-writer.ts";
import { ANSWER, BUNDLE, REQUEST } from "../../../../agent/cose/purposes.ts";
import { openSign1, sealSign1 } from "../../../../agent/cose/sign1.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { keyDigest } from "../../../../agent/identity/fingerprint.ts";
import { codeOf } from "../../../support/agent-errors.ts";
import { EVA, MALLORY } from "../../../support/operator-keys.ts";

const PAYLOAD = encodeCbor({ verb: "status.get" });
const SEALED = sealSign1(PAYLOAD, EVA, REQUEST);
const KID = keyDigest(EVA.publicKey.octets);
const PLAIN = { contentType: "application/x" };

/** Whether anybody would take this for something that EVA signed as a request. */
function isTaken(octets: Uint8Array): boolean {
  try {
    const opened = openSign1(octets, REQUEST);
    return opened.verify(EVA.publicKey);
  } catch (error) {
    expect(error).toBeInstanceOf(AgentError);
    expect((error as AgentError).code).toBe("E_PROTOCOL");
    return false;
  }
}

/** A message of these parts, with EVA's signature over them. */
function message(protectedOctets: Uint8Array, unprotected: CborValue, tag = 18): Uint8Array {
  const structure = encodeCbor(["Signature1", protectedOctets, REQUEST.externalAad ?? [], PAYLOAD]);
  const body = encodeCbor([protectedOctets, unprotected, PAYLOAD, EVA.sign(structure)]);
  return Buffer.concat([cborHead(6, tag), body]);
}

function headers(...entries: readonly (readonly [number, CborValue])[]): Uint8Array {
  return encodeCbor(new Map(entries));
}

const ALG = [1, -8] as const;
const TYPE = [3, REQUEST.contentType] as const;
const KEY = [4, KID] as const;

describe("sealSign1", () => {
  it("makes what openSign1 opens", () => {
    const opened = openSign1(SEALED, REQUEST);
    expect(Buffer.from(opened.payload)).toEqual(Buffer.from(PAYLOAD));
    expect(Buffer.from(opened.kid)).toEqual(Buffer.from(KID));
    expect(opened).toMatchObject({
      signer: EVA.publicKey.fingerprint,
      contentType: REQUEST.contentType,
    });
    expect(opened.verify(EVA.publicKey)).toBe(true);
    expect(opened.verify(MALLORY.publicKey)).toBe(false);
    expect(isTaken(SEALED)).toBe(true);
  });

  it("always makes the same octets", () => {
    expect(sealSign1(PAYLOAD, EVA, REQUEST)).toEqual(SEALED);
  });

  it("takes payloads of any size", () => {
    for (const size of [0, 1, 23, 24, 255, 256, 65_536, 4 * 1024 * 1024]) {
      const opened = openSign1(sealSign1(new Uint8Array(size), EVA, ANSWER), ANSWER);
      expect(opened.payload).toHaveLength(size);
      expect(opened.verify(EVA.publicKey)).toBe(true);
    }
  });
});

describe("openSign1", () => {
  it("does not take what was signed for something else", () => {
    for (const purpose of [BUNDLE, ANSWER]) {
      const error = codeOf("E_PROTOCOL", () =>
        openSign1(sealSign1(PAYLOAD, EVA, purpose), REQUEST),
      );
      expect(error.message).toContain(purpose.contentType);
    }
    const { contentType } = REQUEST;
    const { externalAad = new Uint8Array(0) } = BUNDLE;
    expect(isTaken(sealSign1(PAYLOAD, EVA, { contentType }))).toBe(false);
    expect(isTaken(sealSign1(PAYLOAD, EVA, { contentType, externalAad }))).toBe(false);
  });

  it("does not need the tag", () => {
    expect(isTaken(SEALED.subarray(1))).toBe(true);
  });

  it("takes the headers in any order", () => {
    const parts = [ALG, TYPE, KEY].map((entry) => headers(entry).subarray(1));
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const octets = Buffer.concat([
        Uint8Array.of(0xa3),
        ...order.map((n) => parts[n] ?? Buffer.alloc(0)),
      ]);
      expect(isTaken(message(octets, {}))).toBe(true);
    }
  });

  it.each<readonly [string, Uint8Array]>([
    ["another algorithm", message(headers([1, -7], TYPE, KEY), {})],
    ["no algorithm", message(headers(TYPE, KEY), {})],
    ["no content type", message(headers(ALG, KEY), {})],
    ["a content type by number", message(headers(ALG, [3, 60], KEY), {})],
    ["no key", message(headers(ALG, TYPE), {})],
    ["a short key", message(headers(ALG, TYPE, [4, KID.subarray(1)]), {})],
    ["a critical header", message(headers(ALG, TYPE, KEY, [2, [99]]), {})],
    ["a critical header in place of another", message(headers(ALG, TYPE, [2, [99]]), {})],
    [
      "a header twice",
      message(
        Buffer.concat([
          Uint8Array.of(0xa3),
          headers(ALG).subarray(1),
          headers(ALG).subarray(1),
          headers(KEY).subarray(1),
        ]),
        {},
      ),
    ],
    ["no headers", message(new Uint8Array(0), {})],
    ["headers that are no map", message(encodeCbor([1]), {})],
    [
      "something behind the headers",
      message(Buffer.concat([headers(ALG, TYPE, KEY), Uint8Array.of(0)]), {}),
    ],
    ["unprotected headers", message(headers(ALG, TYPE, KEY), new Map([[4, KID]]))],
    ["the tag of COSE_Mac0", message(headers(ALG, TYPE, KEY), {}, 17)],
    [
      "no payload (detached)",
      Buffer.concat([
        cborHead(6, 18),
        encodeCbor([headers(ALG, TYPE, KEY), {}]).with(0, 0x84),
        Uint8Array.of(0xf6),
        encodeCbor(new Uint8Array(64)),
      ]),
    ],
  ])("refuses %s", (_, octets) => {
    codeOf("E_PROTOCOL", () => openSign1(octets, REQUEST));
  });

  it("refuses what is cut off anywhere, and what follows", () => {
    for (let len = 0; len < SEALED.length; len++)
      expect(isTaken(SEALED.subarray(0, len))).toBe(false);
    expect(isTaken(Buffer.concat([SEALED, Uint8Array.of(0)]))).toBe(false);
    expect(isTaken(Buffer.concat([SEALED.subarray(0, 1), SEALED]))).toBe(false);
  });

  it("refuses every flipped bit", () => {
    for (let at = 0; at < SEALED.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(SEALED);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(isTaken(changed), `bit ${bit} of octet ${at}`).toBe(false);
      }
    }
  });

  it("refuses parts of two messages put together", () => {
    const other = sealSign1(encodeCbor({ verb: "agent.restart" }), EVA, REQUEST);
    const [mine, theirs] = [openSign1(SEALED), openSign1(other)];
    const start = SEALED.length - 64;
    const swapped = Buffer.concat([SEALED.subarray(0, start), other.subarray(other.length - 64)]);
    expect(mine.payload).not.toEqual(theirs.payload);
    expect(isTaken(swapped)).toBe(false);
    const bad = Buffer.concat([
      SEALED.subarray(0, start),
      sealSign1(PAYLOAD, MALLORY, REQUEST).subarray(-64),
    ]);
    expect(isTaken(bad)).toBe(false);
  });

  it("never throws anything else, whatever comes", () => {
    const mutated = fc
      .array(fc.tuple(fc.nat(SEALED.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const octets = Uint8Array.from(SEALED);
        for (const [at, value] of changes) octets[at] = value;
        return octets;
      });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (octets) => {
        const same = Buffer.compare(octets, SEALED) === 0;
        expect(isTaken(octets)).toBe(same);
      }),
      { interruptAfterTimeLimit: 2_000, numRuns: 5_000 },
    );
  });
});

describe("beside @auth0/cose", () => {
  it("is verified there", async () => {
    const theirs = Sign1.decode(SEALED);
    const key = createPublicKey(EVA.toPem());
    const { externalAad: externalAAD = new Uint8Array(0) } = REQUEST;
    await theirs.verify(key, { externalAAD });
    expect(Buffer.from(theirs.payload)).toEqual(Buffer.from(PAYLOAD));
    await expect(theirs.verify(key)).rejects.toThrow();
    const strange = createPublicKey(MALLORY.toPem());
    await expect(theirs.verify(strange, { externalAAD })).rejects.toThrow();
  });

  it("takes what is signed there", async () => {
    const protectedHeaders = [
      [Headers.Algorithm, Algorithms.EdDSA],
      // Their types know numbers and octets alone; RFC 9052 section 3.1 has text as well.
      [Headers.ContentType, PLAIN.contentType as unknown as number],
      [Headers.KeyID, Uint8Array.from(KID)],
    ] as const;
    const key = createPrivateKey(EVA.toPem());
    const signed = await Sign1.sign(
      new Map<number, unknown>(protectedHeaders) as never,
      undefined,
      Uint8Array.from(PAYLOAD),
      key,
    );
    const opened = openSign1(signed.encode(), PLAIN);
    expect(Buffer.from(opened.payload)).toEqual(Buffer.from(PAYLOAD));
    expect(opened.verify(EVA.publicKey)).toBe(true);
    expect(opened.verify(MALLORY.publicKey)).toBe(false);
    expect(sealSign1(PAYLOAD, EVA, PLAIN)).toEqual(Buffer.from(signed.encode()));
  });
});
