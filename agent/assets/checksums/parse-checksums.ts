import { AgentError } from "../../errors.ts";
import { suggest } from "../../site/suggest.ts";

/** A list at most, octets. */
export const MAX_LIST_LEN: number = 1024 * 1024;

/** A line of SHA256SUMS: digest, blank, then a blank (text) or an asterisk (binary) and the name. */
const GNU = /^([0-9a-fA-F]{64}) [ *](.+)$/;
/** A line as BSDs' sha256(1) writes it. */
const BSD = /^SHA256 ?\((.+)\) ?= ?([0-9a-fA-F]{64})$/;

/**
 * The digests of a published list, by name: SHA256SUMS as GNU tools write it, or BSD's lines, also mixed. Lines of other
 * digests, comments and whatever else lists have around them are passed over; a leading `./` of names is dropped.
 *
 * Throws E_CHECKSUMS for a list above 1 MiB, for one with no SHA-256 digest, and for a name with two of them. `label` says
 * where the list is from.
 */
export function parseChecksums(list: Uint8Array, label: string): ReadonlyMap<string, string> {
  if (list.length > MAX_LIST_LEN) {
    throw new AgentError(
      "E_CHECKSUMS",
      `${label}: a list of ${list.length} octets; at most ${MAX_LIST_LEN} are read`,
    );
  }
  const digests = new Map<string, string>();
  for (const line of new TextDecoder().decode(list).split("\n")) {
    const entry = parseLine(line.replace(/\s+$/, ""));
    if (entry === undefined) continue;
    const { name, digest } = entry;
    const other = digests.get(name);
    if (other !== undefined && other !== digest) {
      throw new AgentError("E_CHECKSUMS", `${label}: has two SHA-256 digests for ${name}`);
    }
    digests.set(name, digest);
  }
  if (digests.size === 0) throw new AgentError("E_CHECKSUMS", `${label}: has no SHA-256 digest`);
  return digests;
}

/** The digest that a list has for `name`; throws E_CHECKSUMS where it has none. */
export function digestOf(
  digests: ReadonlyMap<string, string>,
  name: string,
  label: string,
): string {
  const digest = digests.get(bare(name));
  if (digest !== undefined) return digest;
  const near = suggest(name, digests.keys());
  const hint = near === undefined ? "" : `; it has ${near}`;
  throw new AgentError("E_CHECKSUMS", `${label}: has no SHA-256 digest for ${name}${hint}`);
}

function parseLine(line: string): { readonly name: string; readonly digest: string } | undefined {
  const gnu = GNU.exec(line);
  const [digest, name] =
    gnu !== null ? [gnu[1], gnu[2]] : (BSD.exec(line) ?? []).slice(1).reverse();
  if (digest === undefined || name === undefined) return undefined;
  return { name: bare(name), digest: digest.toLowerCase() };
}

function bare(name: string): string {
  return name.replace(/^(\.\/+)+/, "");
}
