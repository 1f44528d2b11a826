import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideFile } from "../../../../../agent/plan/boot-plan.ts";
import { uploadName } from "../../../../../agent/services/tftp/upload-store.ts";
import { testRack } from "../../../../support/test-site.ts";

const BUDGET_MS = 1_000;

/** Pieces of which names that climb are made, and names that are there. */
const piece = fc.oneof(
  fc.constantFrom("..", ".", "/", "\\", "//", "C:", "\0", "%2e%2e", "netbsd", "boot", "kernel"),
  fc.constantFrom("etc", "passwd", "config.txt", "AC182A3C", ".SUN4M", " ", "\u00e9"),
  fc.string({ maxLength: 8 }),
);
const name = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));

describe("any TFTP name", () => {
  it("leads to a file of the plan or nowhere, in whatever case", async () => {
    const { plan } = await testRack();
    const minipc = plan("minipc");
    const names = new Set(minipc.files.names);
    fc.assert(
      fc.property(name, fc.boolean(), (asked, ignoreCase) => {
        const found = decideFile(minipc, asked, ignoreCase);
        if (!found.slot) return;
        expect(names.has(found.name)).toBe(true);
        expect(minipc.files.get(found.name)).toBe(found.slot);
      }),
      { interruptAfterTimeLimit: BUDGET_MS, numRuns: 20_000 },
    );
  });

  it("is written as a plain name in one folder, or not at all", () => {
    fc.assert(
      fc.property(name, (asked) => {
        const plain = uploadName(asked);
        if (plain === undefined) return;
        expect(plain).toMatch(/^[A-Za-z0-9_][^/\\\0]*$/);
        expect(plain).not.toBe("..");
        expect(plain.length).toBeLessThanOrEqual(200);
      }),
      { interruptAfterTimeLimit: BUDGET_MS, numRuns: 20_000 },
    );
  });
});
