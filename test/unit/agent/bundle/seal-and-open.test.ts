import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bundle } from "../../../../agent/bundle/bundle.ts";
import { openBundle } from "../../../../agent/bundle/open-bundle.ts";
import { sealBundle } from "../../../../agent/bundle/seal-bundle.ts";
import { type CborValue, encodeCbor } from "../../../../agent/cose/cbor-writer.ts";
import { BUNDLE, REQUEST } from "../../../../agent/cose/purposes.ts";
import { sealSign1 } from "../../../../agent/cose/sign1.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { codeOf } from "../../../support/agent-errors.ts";
import { bundleOf, NOON } from "../../../support/bundles.ts";
import { AGENT, EVA, MALLORY } from "../../../support/operator-keys.ts";

const SEALED = sealBundle(bundleOf(), EVA);
const SITE = Buffer.from("site: rack7\n");

/** What a bundle signs, for changes that `sealBundle` does not make. */
const PAYLOAD = {
  version: 1,
  site: "rack7",
  serial: 7,
  targets: { any: true },
  made: NOON,
  main: "site.yaml",
  files: { "site.yaml": SITE },
  signer: EVA.publicKey.octets,
} satisfies Record<string, CborValue>;

function signed(payload: CborValue, contentType: typeof BUNDLE = BUNDLE): Uint8Array {
  return sealSign1(encodeCbor(payload), EVA, contentType);
}

describe("openBundle", () => {
  it("opens what sealBundle seals", () => {
    const full = bundleOf({
      targets: { agents: [AGENT.publicKey.fingerprint], names: ["rack7", "Büro"] },
      notBefore: NOON,
      expires: 2 ** 40,
      serial: Number.MAX_SAFE_INTEGER,
    });
    for (const bundle of [bundleOf(), full]) {
      const octets = sealBundle(bundle, EVA);
      const opened = openBundle(octets);
      expect(plain(opened.bundle)).toEqual(plain(bundle));
      expect(opened.signer).toBe(EVA.publicKey.fingerprint);
      expect(opened.digest).toBe(createHash("sha256").update(octets).digest("hex"));
      expect(Buffer.from(opened.octets)).toEqual(Buffer.from(octets));
    }
  });

  it("keeps nothing of the octets that it was given", () => {
    const octets = Uint8Array.from(SEALED);
    const opened = openBundle(octets);
    octets.fill(0);
    expect(plain(opened.bundle)).toEqual(plain(bundleOf()));
    expect(openBundle(opened.octets).digest).toBe(opened.digest);
  });

  it("seals the same octets again", () => {
    expect(sealBundle(bundleOf(), EVA)).toEqual(SEALED);
    expect(openBundle(signed(PAYLOAD)).bundle.site).toBe("rack7");
  });

  it.each<readonly [string, CborValue, string]>([
    ["a later version", { ...PAYLOAD, version: 2 }, "version 2"],
    ["a field that it does not know", { ...PAYLOAD, boards: ["x"] }, "boards"],
    ["targets that it does not know", { ...PAYLOAD, targets: { any: true, boards: [] } }, "boards"],
    ["no serial number", { ...PAYLOAD, serial: undefined }, "missing"],
    ["no signer", { ...PAYLOAD, signer: undefined }, "missing"],
    [
      "another key than that which signed",
      { ...PAYLOAD, signer: MALLORY.publicKey.octets },
      "another key",
    ],
    ["half a key", { ...PAYLOAD, signer: new Uint8Array(16) }, "missing"],
    ["a key of small order", { ...PAYLOAD, signer: new Uint8Array(32) }, "small order"],
    ["serial number 0", { ...PAYLOAD, serial: 0 }, "serial number is 0"],
    ["a negative serial number", { ...PAYLOAD, serial: -1 }, "whole number"],
    ["a text for a number", { ...PAYLOAD, serial: "7" }, "whole number"],
    ["a text for octets", { ...PAYLOAD, files: { "site.yaml": "site: x" } }, "octets"],
    ["a list", [PAYLOAD], "a map"],
    ["no site file", { ...PAYLOAD, main: "other.yaml" }, "is not in it"],
    ["nobody to be for", { ...PAYLOAD, targets: {} }, "no agent"],
    ["any: false and nobody", { ...PAYLOAD, targets: { any: false, agents: [] } }, "no agent"],
    [
      "an agent by half a fingerprint",
      { ...PAYLOAD, targets: { agents: ["k7xq"] } },
      "fingerprint",
    ],
    ["an agent by an empty name", { ...PAYLOAD, targets: { names: [""] } }, "name is none"],
    ["an expiry before its beginning", { ...PAYLOAD, notBefore: 9, expires: 9 }, "expires before"],
    ["a site name with an escape", { ...PAYLOAD, site: "\u001b[2J" }, "printable"],
    [
      "more agents than allowed",
      { ...PAYLOAD, targets: { names: Array.from({ length: 257 }, (_, n) => `n${n}`) } },
      "256",
    ],
    [
      "more files than allowed",
      {
        ...PAYLOAD,
        files: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`f${n}`, SITE])),
      },
      "256",
    ],
    [
      "a larger file than allowed",
      { ...PAYLOAD, files: { "site.yaml": new Uint8Array(1024 * 1024 + 1) } },
      "1048576",
    ],
  ])("refuses one with %s", (_, payload, words) => {
    const error = codeOf("E_BUNDLE", () => openBundle(signed(payload)));
    expect(error.message).toContain(words);
    expect(error.message.length).toBeLessThan(300);
  });

  it("refuses what was signed for something else, or is larger than allowed", () => {
    codeOf("E_BUNDLE", () => openBundle(signed(PAYLOAD, REQUEST)));
    const error = codeOf("E_BUNDLE", () => openBundle(new Uint8Array(4 * 1024 * 1024 + 1)));
    expect(error.message).toContain("larger");
  });

  it("refuses every flipped bit and every cut, and throws nothing else", () => {
    const octets = sealBundle(bundleOf({ files: new Map([["site.yaml", SITE]]) }), EVA);
    for (let at = 0; at < octets.length; at++) {
      const changed = Uint8Array.from(octets);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      codeOf("E_BUNDLE", () => openBundle(changed));
      codeOf("E_BUNDLE", () => openBundle(octets.subarray(0, at)));
    }
    expect(openBundle(octets).bundle.main).toBe("site.yaml");
  });

  it("throws nothing else, whatever somebody has signed", () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(), fc.nat(255)).map(([at, value]) => {
        const octets = Uint8Array.from(encodeCbor(PAYLOAD));
        octets[at % octets.length] = value;
        return octets;
      }),
    );
    fc.assert(
      fc.property(payload, (octets) => {
        try {
          openBundle(sealSign1(octets, EVA, BUNDLE));
        } catch (error) {
          expect(error).toBeInstanceOf(AgentError);
          expect((error as AgentError).code).toBe("E_BUNDLE");
        }
      }),
      { interruptAfterTimeLimit: 2_000, numRuns: 3_000 },
    );
  });
});

/** Paths that a bundle must not have, sealed or opened. */
const BAD_PATHS: readonly (readonly string[])[] = [
  ["/etc/passwd"],
  ["../secret"],
  ["a/../b"],
  ["a/.."],
  ["./a"],
  ["a//b"],
  ["a/"],
  [""],
  ["a\0b"],
  ["a\nb"],
  ["a\\b"],
  ["\u202eexe.txt"],
  ["x".repeat(256)],
  ["x/".repeat(16).concat("x")],
  [`${"y".repeat(200)}/${"y".repeat(200)}/${"y".repeat(200)}`],
  ["README", "readme"],
  ["stra\u00dfe/x", "STRA\u00dfE/x"],
  ["\u00e9", "e\u0301"],
  ["a", "a/b"],
  ["a/b", "A"],
  ["a/b/c", "a/B"],
];

describe("the paths of a bundle", () => {
  it.each(BAD_PATHS.map((paths) => [paths] as const))("%j", (paths) => {
    const more = paths.map((path) => [path, SITE] as const);
    const files = new Map([["site.yaml", SITE], ...more]);
    codeOf("E_BUNDLE", () => sealBundle(bundleOf({ files }), EVA));
    const error = codeOf("E_BUNDLE", () => openBundle(signed({ ...PAYLOAD, files })));
    expect(error.message).not.toContain("\n");
    expect(error.message).not.toContain("\u202e");
  });

  it("may have dots, blanks, dashes and letters of all kinds", () => {
    const paths = [
      "a.b",
      "..a",
      "a..",
      ".hidden",
      "a b",
      "-rf",
      "\u00fcber/\u6771\u4eac",
      "a/b",
      "a/c",
      "A.b2",
    ];
    const files = new Map([["site.yaml", SITE], ...paths.map((path) => [path, SITE] as const)]);
    const opened = openBundle(sealBundle(bundleOf({ files }), EVA));
    expect([...opened.bundle.files.keys()].sort()).toEqual([...files.keys()].sort());
  });
});

describe("sealBundle", () => {
  it("takes 256 files and 4 MiB, and no more", () => {
    const files = (count: number, size: number): Map<string, Uint8Array> =>
      new Map([
        ["site.yaml", SITE],
        ...Array.from({ length: count }, (_, n) => [`f${n}`, new Uint8Array(size)] as const),
      ]);
    expect(openBundle(sealBundle(bundleOf({ files: files(255, 1) }), EVA)).bundle.files.size).toBe(
      256,
    );
    codeOf("E_BUNDLE", () => sealBundle(bundleOf({ files: files(256, 1) }), EVA));
    openBundle(sealBundle(bundleOf({ files: files(3, 1024 * 1024) }), EVA));
    const error = codeOf("E_BUNDLE", () =>
      sealBundle(bundleOf({ files: files(4, 1024 * 1024) }), EVA),
    );
    expect(error.message).toContain("4194304");
    codeOf("E_BUNDLE", () => sealBundle(bundleOf({ files: files(1, 1024 * 1024 + 1) }), EVA));
  });

  it.each<readonly [string, Partial<Bundle>]>([
    ["a fraction", { serial: 1.5 }],
    ["no number", { made: Number.NaN }],
    ["a time before 1970", { notBefore: -1 }],
    ["2^53", { expires: 2 ** 53 }],
    ["no targets", { targets: {} }],
  ])("refuses %s", (_, change) => {
    codeOf("E_BUNDLE", () => sealBundle(bundleOf(change), EVA));
  });
});

/** With octets as hex, and files in the order of their names: a map's order says nothing. */
function plain(bundle: Bundle): unknown {
  const files = [...bundle.files].map(([path, octets]) => [
    path,
    Buffer.from(octets).toString("hex"),
  ]);
  return { ...bundle, files: files.sort() };
}
