// What the workers' parts say, as lines.
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";

export const say = (...words) => writeSync(1, `${words.join(" ")}\n`);

/** Ends the worker with a line that the test looks for. */
export function fault(...words) {
  say("FAULT", ...words);
  process.exit(1);
}

export function must(condition, ...words) {
  if (!condition) fault(...words);
}

export const sha256 = (octets) => createHash("sha256").update(octets).digest("hex");
