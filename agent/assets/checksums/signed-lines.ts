import { AgentError } from "../../errors.ts";
import { KEY_NUMBER_LEN, PUBLIC_KEY_LEN } from "./ed25519.ts";

/** A public key as signify and minisign have it: algorithm 2, number 8, key 32 octets. */
export interface NumberedKey {
  readonly number: Uint8Array;
  readonly key: Uint8Array;
}

/** A public key file, or its line of base64 alone. `label` says whose it is; throws E_CHECKSUMS for what is none. */
export function parsePublicKey(text: string, label: string): NumberedKey {
  const lines = text.split("\n").map((line) => line.trim());
  const line = lines.find((each) => each !== "" && !each.startsWith("untrusted comment:"));
  const octets = decodeBase64(line ?? "");
  if (octets?.length !== 2 + KEY_NUMBER_LEN + PUBLIC_KEY_LEN || algorithmOf(octets) !== "Ed") {
    throw new AgentError("E_CHECKSUMS", `${label}: the public key is not one`, {
      cure: "Put the key's file, or its line of 56 characters, into the site as its tool wrote it.",
    });
  }
  return { number: octets.subarray(2, 10), key: octets.subarray(10) };
}

/** The first two octets, as text: "Ed", or minisign's "ED". */
export function algorithmOf(octets: Uint8Array): string {
  return String.fromCharCode(...octets.subarray(0, 2));
}

/** The next line from `at`, without its end, and where the one behind it begins; undefined where none ends. */
export function lineAt(
  octets: Uint8Array,
  at: number,
): { readonly line: string; readonly next: number } | undefined {
  const end = octets.indexOf(0x0a, at);
  if (end < 0) return undefined;
  const line = new TextDecoder().decode(octets.subarray(at, end)).replace(/\r$/, "");
  return { line, next: end + 1 };
}

/** Undefined for what is not base64 with its padding. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    return undefined;
  return Buffer.from(text, "base64");
}

/** As the tools print it: the octets in reverse. */
export function keyNumberText(number: Uint8Array): string {
  return Buffer.from(number).reverse().toString("hex").toUpperCase();
}

/** Refuses a signature by another key than the one that is trusted. */
export function refuseOtherKey(signed: Uint8Array, trusted: NumberedKey, label: string): void {
  if (Buffer.from(signed).equals(trusted.number)) return;
  throw new AgentError(
    "E_CHECKSUMS",
    `${label}: signed by the key ${keyNumberText(signed)}, and the site trusts ${keyNumberText(trusted.number)}`,
    {
      cure: "If the publisher has a new key, put it into the site once you know that it is theirs.",
    },
  );
}
