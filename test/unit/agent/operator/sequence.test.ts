import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCbor } from "../../../../agent/control/cbor.ts";
import { sequenceItems } from "../../../../agent/operator/sequence.ts";
import { ANSWER_LIMITS } from "../../../../agent/operator/signed-messages.ts";
import { failureOf } from "../../../support/agent-errors.ts";

async function* cut(octets: Uint8Array, lengths: readonly number[]): AsyncIterable<Uint8Array> {
  let at = 0;
  for (const length of lengths) {
    yield octets.subarray(at, at + length);
    at += length;
  }
  if (at < octets.length) yield octets.subarray(at);
}

async function items(
  pieces: AsyncIterable<Uint8Array>,
  limits = ANSWER_LIMITS,
): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of sequenceItems(pieces, limits)) all.push(item);
  return all;
}

describe("sequenceItems", () => {
  const item = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.uint8Array(),
    fc.array(fc.boolean()),
    fc.dictionary(fc.string(), fc.nat()),
  );

  it("gives the items of a sequence, however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item), fc.array(fc.nat(20)), async (sent, lengths) => {
        const octets = Buffer.concat(sent.map((value) => encodeCbor(value)));
        const got = await items(cut(octets, lengths));
        expect(Buffer.concat(got.map((value) => encodeCbor(value))).equals(octets)).toBe(true);
      }),
      { interruptAfterTimeLimit: 2_000 },
    );
  });

  it("throws nothing but E_PROTOCOL for octets of any kind", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.array(fc.nat(20)), async (octets, lengths) => {
        const code = await items(cut(octets, lengths)).then(
          () => "E_PROTOCOL",
          (error: { readonly code?: unknown }) => error.code,
        );
        expect(code).toBe("E_PROTOCOL");
      }),
      { interruptAfterTimeLimit: 2_000 },
    );
  });

  it("does not collect an item that is larger than it may be", async () => {
    let asked = 0;
    async function* endless(): AsyncIterable<Uint8Array> {
      yield Uint8Array.of(0x5a, 0x7f, 0xff, 0xff, 0xff);
      for (; asked < 1_000; asked++) yield new Uint8Array(1_000);
    }
    const error = await failureOf(() => items(endless(), { ...ANSWER_LIMITS, octets: 10_000 }));
    expect(error.code).toBe("E_PROTOCOL");
    expect(asked).toBeLessThan(15);
  });

  it("does not take half an item for none", async () => {
    const octets = encodeCbor("a text").subarray(0, 4);
    expect((await failureOf(() => items(cut(octets, [])))).code).toBe("E_PROTOCOL");
  });
});
