import { spawnSync } from "node:child_process";
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Identity } from "../../agent/identity/identity.ts";

/** A fingerprint of its own, for tests: hex in place of base32, as long as a real one. */
export function testFingerprint(publicKey: Uint8Array): string {
  const hex = createHash("sha256").update(publicKey).digest("hex");
  return hex
    .replace(/[0189]/g, (c) => ({ "0": "g", "1": "h", "8": "i", "9": "j" })[c] ?? c)
    .slice(0, 52);
}

/** A key with a self-signed certificate, made by openssl. */
export function testIdentity(): Identity {
  const dir = mkdtempSync(join(tmpdir(), "pilotlight-test-"));
  try {
    const [keyFile, certFile] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const args = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=pilotlight"];
    const files = ["-days", "30", "-keyout", keyFile, "-out", certFile];
    const { status, stderr } = spawnSync("openssl", [...args, ...files], { encoding: "utf8" });
    if (status !== 0) throw new Error(`openssl: ${stderr}`);
    return identityOf(readFileSync(keyFile, "utf8"), readFileSync(certFile, "utf8"));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function identityOf(privateKey: string, certificate: string): Identity {
  const key = createPrivateKey(privateKey);
  const octets = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");
  return {
    certificate,
    privateKey,
    key: {
      publicKey: { octets, fingerprint: testFingerprint(octets) },
      sign: (message) => sign(null, message, key),
    },
  };
}
