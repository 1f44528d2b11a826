import { createPublicKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicKeyFault } from "../../../../agent/identity/curve.ts";
import {
  generateKey,
  isEncryptedPem,
  keyFromPem,
  publicKeyFromOctets,
  publicKeyOfObject,
  verifySignature,
} from "../../../../agent/identity/ed25519.ts";
import { codeOf } from "../../../support/agent-errors.ts";
import { bytes } from "../../../support/hex.ts";
import { EVA, MALLORY } from "../../../support/operator-keys.ts";

const MESSAGE = Buffer.from("boot v100");

describe("keyFromPem", () => {
  it("reads what toPem writes, with and without a passphrase", () => {
    const key = generateKey();
    for (const passphrase of [undefined, "correct horse"]) {
      const pem = key.toPem(passphrase);
      expect(isEncryptedPem(pem)).toBe(passphrase !== undefined);
      expect(keyFromPem(pem, passphrase).publicKey).toEqual(key.publicKey);
    }
  });

  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const encrypted = EVA.toPem("secret");
  it.each([
    ["no PEM", "rubbish", undefined, "PKCS #8"],
    ["nothing", "", undefined, "PKCS #8"],
    ["cut off", EVA.toPem().slice(0, 60), undefined, "PKCS #8"],
    [
      "a public key",
      createPublicKey(EVA.toPem()).export({ format: "pem", type: "spki" }).toString(),
      undefined,
      "public key",
    ],
    ["RSA", rsa.export({ format: "pem", type: "pkcs8" }).toString(), undefined, "rsa"],
    ["no passphrase", encrypted, undefined, "no passphrase"],
    ["the wrong passphrase", encrypted, "Secret", "passphrase is wrong"],
  ])("refuses %s", (_, pem, passphrase, words) => {
    const error = codeOf("E_KEY", () => keyFromPem(pem, passphrase));
    expect(error.message).toContain(words);
    expect(error.message).not.toContain("Secret");
  });
});

describe("PrivateKey", () => {
  it("signs what its public half verifies, and nothing else does", () => {
    const signature = EVA.sign(MESSAGE);
    expect(signature).toHaveLength(64);
    expect(verifySignature(EVA.publicKey, MESSAGE, signature)).toBe(true);
    expect(verifySignature(MALLORY.publicKey, MESSAGE, signature)).toBe(false);
    expect(verifySignature(EVA.publicKey, Buffer.from("boot v101"), signature)).toBe(false);
    expect(verifySignature(EVA.publicKey, MESSAGE, signature.subarray(1))).toBe(false);
    expect(
      verifySignature({ ...EVA.publicKey, octets: new Uint8Array(31) }, MESSAGE, signature),
    ).toBe(false);
  });

  it("signs as RFC 8032 section 7.1 does (test 1)", () => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${Buffer.concat([
      bytes("302e020100300506032b657004220420"),
      bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
    ]).toString("base64")}\n-----END PRIVATE KEY-----\n`;
    const key = keyFromPem(pem);
    expect(Buffer.from(key.publicKey.octets).toString("hex")).toBe(
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    );
    expect(Buffer.from(key.sign(new Uint8Array(0))).toString("hex")).toMatch(/^e5564300c360ac72/);
  });
});

/** Of order 1, 2, 4 and 8, with both signs of x; the last ones are other encodings of y = 0 and y = 1. */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

describe("publicKeyFromOctets", () => {
  it.each(SMALL_ORDER)("refuses %s", (text) => {
    const error = codeOf("E_KEY", () => publicKeyFromOctets(bytes(text)));
    expect(error.message).toMatch(/small order|one encoding/);
  });

  it("refuses another length, and y that no point has", () => {
    expect(publicKeyFault(new Uint8Array(31))).toContain("31 octets");
    expect(publicKeyFault(bytes(`02${"00".repeat(31)}`))).toContain("not a point");
  });

  it("takes every key that is made, and keeps a copy", () => {
    for (let n = 0; n < 20; n++) {
      const { octets, fingerprint } = generateKey().publicKey;
      const own = Uint8Array.from(octets);
      const key = publicKeyFromOctets(own);
      own.fill(0);
      expect(key).toEqual({ octets, fingerprint });
    }
  });

  it("takes about half of all octets: those that are on the curve", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32, size: "max" }), (octets) => {
        if (publicKeyFault(octets) === undefined) taken++;
      }),
      { numRuns: 200, seed: 8032 },
    );
    expect(taken).toBeGreaterThan(40);
    expect(taken).toBeLessThan(160);
  });
});

describe("publicKeyOfObject", () => {
  it("gives the key of Ed25519 alone", () => {
    expect(publicKeyOfObject(createPublicKey(EVA.toPem()))).toEqual(EVA.publicKey);
    expect(publicKeyOfObject(generateKeyPairSync("x25519").publicKey)).toBeUndefined();
  });
});
