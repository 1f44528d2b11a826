import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the captures of real clients lie, each with the text that it decodes to. */
export const CAPTURES: string = fileURLToPath(new URL("captures", import.meta.url));

/** Names of the captures, in order. */
export function captureNames(): readonly string[] {
  return readdirSync(CAPTURES)
    .filter((name) => name.endsWith(".pcap"))
    .sort();
}

export function capturePath(name: string): string {
  return join(CAPTURES, name);
}

/** The text beside a capture. */
export function textPath(name: string): string {
  return join(CAPTURES, name.replace(/\.pcap$/, ".txt"));
}
