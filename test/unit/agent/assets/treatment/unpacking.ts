import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { treat } from "../../../../../agent/assets/treatment/treat.ts";
import type { Treatment } from "../../../../../agent/assets/treatment/treatment.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

/** What fixtures/make.sh puts into boot/vmlinuz and into payload.*. */
export const PAYLOAD = Array.from({ length: 150 }, (_, i) => `line ${i + 1} of the kernel\n`).join(
  "",
);

/** A file of fixtures/; ISO images are compressed there. */
export function fixture(name: string): Uint8Array {
  const stored = name.endsWith(".iso") ? `${name}.gz` : name;
  const octets = readFileSync(fileURLToPath(new URL(`./fixtures/${stored}`, import.meta.url)));
  return stored === name ? octets : gunzipSync(octets);
}

/** Options of {@link unpack}. */
interface Options {
  readonly maxOctets?: number;
  readonly signal?: AbortSignal;
}

/** All that comes out of a file, as text. */
export async function unpackFile(
  file: string,
  size: number,
  treatment: Treatment,
  { signal = new AbortController().signal, ...options }: Options = {},
): Promise<string> {
  const pieces: Uint8Array[] = [];
  const input = { file, size, treatment, label: "sample", signal, ...options };
  for await (const piece of treat(input)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** All that comes out of octets, as text. */
export async function unpack(
  octets: Uint8Array,
  treatment: Treatment,
  options: Options = {},
): Promise<string> {
  const file = `${tempDir({ input: octets })}/input`;
  return unpackFile(file, octets.length, treatment, options);
}

/** The message of the E_TREATMENT that unpacking ends with. */
export async function refusal(
  octets: Uint8Array,
  treatment: Treatment,
  options: Options = {},
): Promise<string> {
  const error = await unpack(octets, treatment, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AgentError);
  const { code, message } = error as AgentError;
  expect(code, message).toBe("E_TREATMENT");
  return message;
}

/** Lengths below `len`: every one of a small file; of a larger one those at its ends, and some between. */
export function cuts(len: number): readonly number[] {
  const step = Math.max(1, Math.floor(len / 100));
  return Array.from({ length: len }, (_, cut) => cut).filter(
    (cut) => len <= 400 || cut % step === 0 || len - cut < 60 || cut < 30,
  );
}

/** Holds that a file that was cut off at any place gives all of `expected` or an E_TREATMENT. */
export async function holdsWhenCut(
  octets: Uint8Array,
  treatment: Treatment,
  expected: string,
): Promise<void> {
  const file = `${tempDir({ input: octets })}/input`;
  let refused = 0;
  for (const cut of cuts(octets.length)) {
    // Told as shorter, and as long as it is: what lies behind is not ours.
    const outcome = await unpackFile(file, cut, treatment).catch((reason: unknown) => reason);
    if (outcome === expected) continue;
    expect(outcome, `cut at ${cut}: ${String(outcome)}`).toBeInstanceOf(AgentError);
    const { code, message } = outcome as AgentError;
    expect(code, `cut at ${cut}: ${message}`).toBe("E_TREATMENT");
    refused++;
  }
  expect(refused).toBeGreaterThan(0);
}
