import { rmSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { Lab } from "./lab.ts";

/** Longer than all time limits inside one test together, so that theirs speak first. */
const TEST_TIMEOUT_MS = 240_000;

/**
 * One test with a lab of its own, captured from the start and always taken down. When it fails, the
 * consoles, the agent's log and the capture stay in `test-output/real/<test>/`.
 */
export function realTest(
  name: string,
  body: (lab: Lab) => Promise<void>,
  timeoutMs: number = TEST_TIMEOUT_MS,
): void {
  it(
    name,
    async () => {
      const evidence = join("test-output", "real", name.replace(/[^a-zA-Z0-9]+/g, "-"));
      const lab = new Lab(evidence);
      try {
        await lab.capture();
        await body(lab);
        await lab.runChecks();
      } catch (error) {
        await lab.close();
        const again = name.replace(/[^a-zA-Z0-9 ,-]+/g, ".");
        const where = `console, agent's log and capture: ${evidence}/`;
        throw explain(error, `${where}\nthis test alone: make test-real T="${again}"`);
      }
      await lab.close();
      rmSync(evidence, { recursive: true, force: true });
    },
    timeoutMs,
  );
}

function explain(error: unknown, what: string): unknown {
  if (error instanceof Error) {
    error.message = `${error.message}\n${what}`;
    return error;
  }
  return new Error(`${String(error)}\n${what}`);
}
