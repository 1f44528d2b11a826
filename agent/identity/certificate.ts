import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { AgentError } from "../errors.ts";
import { type PrivateKey, publicKeyOfObject } from "./ed25519.ts";
import type { PublicKey } from "./keys.ts";

/** What TLS is served with, PEM both. */
export interface Certificate {
  readonly certificate: string;
  /** PKCS #8. */
  readonly privateKey: string;
}

/** A small board needs seconds to load the library. */
const TIMEOUT_MS = 60_000;
/** A certificate of this kind has 500 octets or so. */
const MAX_OCTETS = 16 * 1024;

/**
 * The child process, as text: a file of its own would have another name before and after compilation. It takes the private key
 * from its standard input, for arguments and environments can be read by others, and ends with the library that it loaded.
 *
 * The dates are fixed and wide (RFC 5280 section 4.1.2.5 says what 9999 means), since clocks may say 1970; the serial number
 * is of the key. So the same key always has the same certificate.
 */
const CHILD = `
const [reflectMetadata, x509, name, serialNumber] = process.argv.slice(1);
require(reflectMetadata);
const { X509CertificateGenerator } = require(x509);
const { createPrivateKey, createPublicKey, webcrypto } = require("node:crypto");
const signingAlgorithm = { name: "Ed25519" };
async function main() {
  let pem = "";
  for await (const piece of process.stdin) pem += piece;
  const key = createPrivateKey(pem);
  const { subtle } = webcrypto;
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const privateKey = await subtle.importKey("pkcs8", pkcs8, signingAlgorithm, false, ["sign"]);
  const publicKey = await subtle.importKey("spki", spki, signingAlgorithm, true, ["verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    serialNumber,
    notBefore: new Date("1970-01-01T00:00:00Z"),
    notAfter: new Date("9999-12-31T23:59:59Z"),
    signingAlgorithm,
    keys: { privateKey, publicKey },
  }, webcrypto);
  process.stdout.write(certificate.toString("pem") + "\\n");
}
void main();
`;

/**
 * Makes a self-signed certificate of a key. What it says beside the key means nothing: peers compare the key with one that they
 * know. Rejects with E_STATE when this host cannot run the process.
 */
export async function makeCertificate(key: PrivateKey): Promise<Certificate> {
  const privateKey = key.toPem();
  const { fingerprint, octets } = key.publicKey;
  // A common name has 64 characters at most (RFC 5280 appendix A.1). A serial number is positive.
  const name = `CN=pilotlight-${fingerprint}`;
  const serial = `01${Buffer.from(octets.subarray(0, 15)).toString("hex")}`;
  const { resolve } = createRequire(import.meta.url);
  const modules = [resolve("reflect-metadata"), resolve("@peculiar/x509")];
  const certificate = await run([...modules, name, serial], privateKey);
  if (certificateKey(certificate)?.fingerprint !== fingerprint) {
    throw failed("what came is no certificate of the key", undefined);
  }
  return { certificate, privateKey };
}

/**
 * The key of a certificate (PEM text or DER octets) that was signed by that key itself, as all of ours are. Undefined: it
 * is of another kind, was signed by somebody else or is damaged.
 */
export function certificateKey(certificate: string | Uint8Array): PublicKey | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    const key = publicKeyOfObject(parsed.publicKey);
    return key !== undefined && parsed.verify(parsed.publicKey) ? key : undefined;
  } catch {
    return undefined;
  }
}

function run(args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--no-warnings", "-e", CHILD, ...args], {
      env: {},
      stdio: ["pipe", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (output.length < MAX_OCTETS) output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (complaint.length < MAX_OCTETS) complaint += text;
    });
    child.on("error", (cause) => reject(failed(cause.message, cause)));
    child.on("close", (status, signal) => {
      if (status === 0) resolve(output);
      else reject(failed(complaint.trim() || `it ended with ${signal ?? status}`, undefined));
    });
    // A child that ended early says why itself.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function failed(why: string, cause: unknown): AgentError {
  return new AgentError("E_STATE", `the certificate for TLS could not be made: ${why}`, {
    cause,
    cure: "Check that the host has 64 MB of memory free and lets the user start a process; then try again.",
  });
}
