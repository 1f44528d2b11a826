import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CaptureReader } from "../../../../agent/capture/capture-reader.ts";
import { Dissector } from "../../../../agent/capture/dissector.ts";
import { messageJson } from "../../../../agent/capture/message.ts";
import { messageText } from "../../../../agent/capture/message-text.ts";
import { AgentError } from "../../../../agent/errors.ts";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../../support/captures");
const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));

const PROTOCOLS: ReadonlySet<string> = new Set(
  "arp rarp dhcp tftp portmap bootparams mount nfs rpc mdns udp ipv4 ethernet".split(" "),
);

/** Reads a file as `decode` does, both forms of output included. Anything thrown but E_CAPTURE comes out. */
function decode(file: Uint8Array, piece: number): void {
  let found = 0;
  const reader = new CaptureReader();
  const dissector = new Dissector(
    (message) => {
      found += 1;
      expect(PROTOCOLS.has(message.protocol)).toBe(true);
      JSON.parse(messageJson(message));
      messageText(message);
    },
    { octets: true },
  );
  const drain = (): void => {
    for (let f = reader.next(); f; f = reader.next()) {
      const before = found;
      dissector.frame(f);
      // Every frame has a line, so that silence never hides one.
      expect(found).toBeGreaterThan(before);
    }
  };
  try {
    for (let at = 0; at < file.length; at += piece) {
      reader.feed(file.subarray(at, at + piece));
      drain();
    }
    reader.end();
    drain();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    expect(error.code).toBe("E_CAPTURE");
  }
  dissector.end();
}

/** Real captures with octets changed and the end cut off. Half of them keep what a file begins with. */
const mutated = fc
  .record({
    file: fc.constantFrom(...files),
    changes: fc.array(fc.tuple(fc.nat(1_000_000), fc.integer({ min: 0, max: 255 })), {
      maxLength: 60,
    }),
    cut: fc.oneof(fc.constant(0), fc.nat(2_000)),
    spare: fc.boolean(),
  })
  .map(({ file, changes, cut, spare }) => {
    const u8 = Uint8Array.from(file.subarray(0, file.length - cut));
    for (const [at, value] of changes) {
      const place = at % u8.length;
      if (!spare || place > 200) u8[place] = value;
    }
    return u8;
  });

describe("decode", () => {
  it("never throws, and gives a line for every frame", () => {
    fc.assert(fc.property(mutated, fc.integer({ min: 1, max: 5_000 }), decode), {
      numRuns: 2_000,
      interruptAfterTimeLimit: 3_000,
    });
  });

  it("reads any octets after a file header", () => {
    const header = Uint8Array.from(files[0]?.subarray(0, 28) ?? []);
    const any = fc.uint8Array({ maxLength: 400 }).map((rest) => Uint8Array.of(...header, ...rest));
    fc.assert(
      fc.property(any, (file) => decode(file, 64)),
      { numRuns: 2_000, interruptAfterTimeLimit: 1_000 },
    );
  });
});
