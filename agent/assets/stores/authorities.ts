import { createHash, X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { readSmallFile } from "./small-file.ts";
import { StoreError } from "./store-error.ts";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** A distribution's whole bundle has a fifth of it. Octets. */
const MAX_LEN = 1_048_576;
/** Files that are remembered. */
const MAX_FILES = 32;

/** The certificates of one file. */
export interface Authorities {
  readonly pem: readonly string[];
  /** Tells contents apart. */
  readonly hash: string;
}

/** Reads files of certificate authorities, again only when they changed. */
export class AuthorityFiles {
  private readonly known = new Map<string, Authorities & { readonly version: string }>();

  /** Rejects with E_STORE_TLS when the file cannot be read or holds no certificate in PEM format. */
  async read(file: string): Promise<Authorities> {
    const version = await versionOf(file);
    const known = this.known.get(file);
    if (known !== undefined && known.version === version) return known;
    const { text } = await readSmallFile(file, MAX_LEN).catch((cause: unknown) => {
      throw unreadable(file, cause);
    });
    const pem = certificates(file, text);
    const hash = createHash("sha256").update(pem.join()).digest("hex");
    this.known.delete(file);
    this.known.set(file, { pem, hash, version });
    if (this.known.size > MAX_FILES) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    return { pem, hash };
  }
}

async function versionOf(file: string): Promise<string> {
  try {
    const { size, mtimeNs, ino } = await stat(file, { bigint: true });
    return `${size}-${mtimeNs}-${ino}`;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): StoreError {
  return new StoreError("E_STORE_TLS", `the certificate authority ${file} cannot be read`, {
    cause,
    cure: "Put the file in place, readable by the agent's user, or correct `ca` of the store.",
  });
}

function certificates(file: string, text: string): readonly string[] {
  const pem = text.match(PEM) ?? [];
  try {
    for (const block of pem) new X509Certificate(block);
    if (pem.length === 0) throw new Error("no BEGIN CERTIFICATE in it");
  } catch (cause) {
    throw new StoreError("E_STORE_TLS", `${file} holds no certificate in PEM format`, {
      cause,
      cure: "Give the authority's certificate as PEM (`openssl x509 -inform der -in FILE`).",
    });
  }
  return pem;
}
