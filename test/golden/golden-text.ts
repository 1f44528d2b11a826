import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { expect } from "vitest";
import { textDifference } from "../support/pcap-text.ts";

const { GOLDEN } = process.env;
const WRITES = GOLDEN === "write";

/**
 * Compares a text with its golden file, or with GOLDEN=write writes that anew. Fails with the frames that differ, and with how to
 * accept them. `what`: what the text is made of.
 */
export function expectGolden(file: string, text: string, what: string): void {
  if (WRITES) writeFileSync(file, text);
  const expected = existsSync(file) ? readFileSync(file, "utf8") : "";
  const difference = textDifference(expected, text);
  if (difference === undefined) return;
  expect.fail(
    `${what} something else than ${basename(file)} says:\n${difference}` +
      "If the new text (+) is right, type `make golden`, look through `git diff`, and commit it.",
  );
}
