import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  base32,
  fingerprintOf,
  fingerprintPrefix,
  isFingerprint,
  matchFingerprint,
  shortFingerprint,
} from "../../../../agent/identity/fingerprint.ts";
import { AGENT, EVA } from "../../../support/operator-keys.ts";

/** The examples of RFC 4648 section 10, in lower case and without padding. */
const RFC_4648: readonly (readonly [string, string])[] = [
  ["", ""],
  ["f", "my"],
  ["fo", "mzxq"],
  ["foo", "mzxw6"],
  ["foob", "mzxw6yq"],
  ["fooba", "mzxw6ytb"],
  ["foobar", "mzxw6ytboi"],
];

describe("base32", () => {
  it.each(RFC_4648)("writes %j as RFC 4648 does", (text, expected) => {
    expect(base32(Buffer.from(text))).toBe(expected);
  });

  it("loses nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        expect(decoded(base32(octets)).subarray(0, octets.length)).toEqual(Buffer.from(octets));
      }),
      { interruptAfterTimeLimit: 500 },
    );
  });
});

describe("fingerprintOf", () => {
  it("is the SHA-256 of the key", () => {
    const { octets, fingerprint } = EVA.publicKey;
    expect(fingerprintOf(octets)).toBe(fingerprint);
    expect(decoded(fingerprint)).toEqual(createHash("sha256").update(octets).digest());
  });

  it("is a fingerprint, and what is close to one is none", () => {
    const { fingerprint } = EVA.publicKey;
    expect(isFingerprint(fingerprint)).toBe(true);
    expect(isFingerprint(fingerprint.toUpperCase())).toBe(false);
    expect(isFingerprint(fingerprint.slice(1))).toBe(false);
    expect(isFingerprint(`${fingerprint.slice(0, -1)}b`)).toBe(false);
  });

  it("is shown in groups of four", () => {
    const short = shortFingerprint(EVA.publicKey.fingerprint);
    expect(short).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
    expect(EVA.publicKey.fingerprint.startsWith(short.replaceAll("-", ""))).toBe(true);
  });
});

describe("matchFingerprint", () => {
  const all = [EVA.publicKey.fingerprint, AGENT.publicKey.fingerprint];

  it("finds what was typed, with dashes, in capitals, whole or in part", () => {
    for (const fingerprint of all) {
      const short = shortFingerprint(fingerprint);
      for (const text of [
        short,
        short.toUpperCase(),
        ` ${short}\n`,
        fingerprint,
        fingerprint.slice(0, 20),
      ]) {
        expect(matchFingerprint(text, all)).toEqual([fingerprint]);
      }
    }
  });

  it("does not take what is too short, too long or something else", () => {
    const [fingerprint = ""] = all;
    for (const text of [
      "",
      fingerprint.slice(0, 15),
      `${fingerprint}a`,
      "rack7.example.org",
      "0".repeat(16),
    ]) {
      expect(fingerprintPrefix(text)).toBeUndefined();
      expect(matchFingerprint(text, all)).toEqual([]);
    }
  });

  it("gives all that a beginning fits", () => {
    const [fingerprint = ""] = all;
    const twin = `${fingerprint.slice(0, 30)}${"a".repeat(22)}`;
    expect(matchFingerprint(fingerprint.slice(0, 30), [...all, twin, twin])).toEqual([
      fingerprint,
      twin,
    ]);
    expect(matchFingerprint(fingerprint, [...all, twin])).toEqual([fingerprint]);
  });
});

function decoded(text: string): Buffer {
  const bits = [...text]
    .map((c) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(c).toString(2).padStart(5, "0"))
    .join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
