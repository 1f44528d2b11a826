import { AgentError } from "../errors.ts";
import { publicKeyFromOctets } from "./ed25519.ts";
import type { PublicKey } from "./keys.ts";

/** The first word of a public key's line: it tells them from those of SSH. */
const KIND = "pilotlight-ed25519";
/** Characters of an operator's name. */
const MAX_NAME = 64;
/** A line has about 90 characters, and a name's may be longer in UTF-8. */
const MAX_LINE = 512;

/** A public key with the name that goes with it. */
export interface NamedKey {
  readonly key: PublicKey;
  readonly name: string;
}

/** One line without its end: "pilotlight-ed25519 BASE64 NAME". */
export function formatPublicKey({ key, name }: NamedKey): string {
  return `${KIND} ${Buffer.from(key.octets).toString("base64")} ${name}`;
}

/**
 * The key of such a line; blanks around it do not count.
 *
 * @throws AgentError E_KEY, which repeats nothing of the text: it may be a private key
 */
export function parsePublicKey(line: string): NamedKey {
  const text = line.trim();
  if (text.length > MAX_LINE || /[\r\n]/.test(text)) {
    throw notOne(text.includes("PRIVATE KEY") ? "it is a private key" : "it is not one line");
  }
  const [kind = "", base64 = "", ...words] = text.split(/[ \t]+/);
  if (kind !== KIND) {
    const ssh = kind.startsWith("ssh-") || kind.startsWith("ecdsa-");
    throw notOne(ssh ? "it is a key of SSH" : `it does not begin with "${KIND}"`);
  }
  const octets = Buffer.from(base64, "base64");
  if (octets.length !== 32 || octets.toString("base64") !== base64) {
    throw notOne("its second word is not the base64 of 32 octets");
  }
  const name = words.join(" ");
  const fault = operatorNameFault(name);
  if (fault !== undefined) throw notOne(fault);
  return { key: publicKeyFromOctets(octets), name };
}

/** Why a text cannot be an operator's name, in words. Undefined: it can. */
export function operatorNameFault(name: string): string | undefined {
  if (name.trim() === "") return "it has no name";
  if (name.length > MAX_NAME) return `its name is longer than ${MAX_NAME} characters`;
  // Control characters, marks that turn the direction of writing, lone surrogates, line separators.
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(name)) return "its name has characters that cannot be printed";
  return name === name.trim() ? undefined : "its name begins or ends with a blank";
}

function notOne(why: string): AgentError {
  return new AgentError("E_KEY", `this is no public key of an operator: ${why}`, {
    cure: `Give the whole line that \`pilotlight keygen\` shows: ${KIND} BASE64 NAME.`,
  });
}
