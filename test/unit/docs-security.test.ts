import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MAX_BUNDLE, MAX_FILE, MAX_FILES, MAX_PATH } from "../../agent/bundle/bundle-rules.ts";
import { openBundle } from "../../agent/bundle/open-bundle.ts";
import { sealBundle } from "../../agent/bundle/seal-bundle.ts";
import { ANSWER, BUNDLE, REQUEST } from "../../agent/cose/purposes.ts";
import { claimedProof, claimProof, parseClaimCode } from "../../agent/identity/claim-proof.ts";
import { keyDigest, shortFingerprint } from "../../agent/identity/fingerprint.ts";
import { MAX_OPERATORS } from "../../agent/identity/open-trust.ts";
import { formatPublicKey } from "../../agent/identity/public-key-text.ts";
import { bytes } from "../support/hex.ts";
import { AGENT, EVA } from "../support/operator-keys.ts";

const PAGE = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");

describe("docs/security.md", () => {
  it("has the octets of the bundle that it describes", () => {
    const [, hex = ""] = /```hex\n([\s\S]*?)```/.exec(PAGE) ?? [];
    const { bundle, octets } = openBundle(bytes(hex));
    expect(Buffer.from(sealBundle(bundle, EVA))).toEqual(Buffer.from(octets));
    expect(bundle).toMatchObject({
      serial: 7,
      made: 1_795_262_400,
      targets: { agents: [AGENT.publicKey.fingerprint] },
    });
    const { octets: signer } = EVA.publicKey;
    expect(PAGE).toContain(`"signer": h'${Buffer.from(signer).toString("hex")}'`);
    expect(PAGE).toContain(`"agents": ["${AGENT.publicKey.fingerprint}"]`);
    expect(PAGE).toContain(`4: h'${Buffer.from(keyDigest(signer)).toString("hex")}'`);
    const signature = Buffer.from(octets.subarray(-64)).toString("hex");
    expect(PAGE.replace(/\s+/g, "")).toContain(`h'${signature}'`);
  });

  it("has the forms of keys", () => {
    expect(PAGE).toContain(formatPublicKey({ key: EVA.publicKey, name: "eva@laptop" }));
    expect(PAGE).toContain(`\`${shortFingerprint(EVA.publicKey.fingerprint)}\``);
  });

  it("has what is signed for what", () => {
    for (const { contentType, externalAad = new Uint8Array(0) } of [BUNDLE, REQUEST, ANSWER]) {
      const row = PAGE.split("\n").find((line) => line.includes(`\`${contentType}\``)) ?? "";
      expect(row).toContain(`\`${Buffer.from(externalAad).toString()}\``);
    }
  });

  it("has the proofs of its claim", () => {
    const code = parseClaimCode("k7xq-m2ab-hh5c-2q4z") ?? "";
    const nonce = bytes("000102030405060708090a0b0c0d0e0f");
    const facts = {
      fingerprint: AGENT.publicKey.fingerprint,
      nonce,
      publicKey: EVA.publicKey.octets,
    };
    expect(PAGE).toContain(`claim    ${Buffer.from(claimProof(code, facts)).toString("hex")}`);
    expect(PAGE).toContain(`claimed  ${Buffer.from(claimedProof(code, facts)).toString("hex")}`);
  });

  it("has the limits that hold", () => {
    expect([MAX_BUNDLE, MAX_FILES, MAX_FILE, MAX_PATH]).toEqual([4 << 20, 256, 1 << 20, 512]);
    expect(PAGE).toContain("4 MiB in all, 256 files, 1 MiB a file");
    expect(PAGE).toContain("at most 512 octets");
    expect(PAGE).toContain(`of which ${MAX_OPERATORS} can be trusted at a time`);
  });
});
