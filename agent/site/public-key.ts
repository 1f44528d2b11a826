import { Wrong } from "./leaves.ts";
import { isSecretKeyLine } from "./secrets.ts";
import { quote } from "./wording.ts";

/** "Ed", 8 octets that number the key, 32 of the key: signify(1) and minisign write the same. */
const KEY_OCTETS = 42;

/** Whether a text is a key itself and not the path of one. */
export function isKeyText(text: string): boolean {
  return text.includes("\n") || /^RW[A-Za-z0-9+/]{38,}=*$/.test(text.trim());
}

/**
 * Checks that a text holds a public key of signify or minisign: its base64 line, and its comment before it
 * where the tool has written one. Undefined: it does. The words repeat nothing of the text.
 */
export function refuseKey(text: string, tool: string): Wrong | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const [line = "", ...more] = lines.filter((l) => !l.startsWith("untrusted comment:"));
  const octets = Buffer.from(line.trim(), "base64");
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(line.trim());
  const isPublic = octets.length === KEY_OCTETS && octets[0] === 0x45 && octets[1] === 0x64;
  if (more.length === 0 && isBase64 && isPublic) return undefined;
  if (lines.some((l) => isSecretKeyLine(l))) {
    const cure = "name the public key, and keep this one off the machine";
    return new Wrong(`this is no public key of ${tool} but looks like its secret key`, cure);
  }
  const cure = `name the file that ${tool} wrote, or its line that begins with "RW" (${quote("RWQ…")}, 56 characters)`;
  return new Wrong(`this is no public key of ${tool}`, cure);
}
