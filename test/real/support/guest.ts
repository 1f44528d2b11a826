import { inspect } from "node:util";
import type { Child } from "./child.ts";
import type { Lab } from "./lab.ts";

/** What to run in the client namespace, and when it has succeeded. */
export interface Guest {
  /** Names its console file: `console-<name>.log`. */
  readonly name?: string;
  readonly command: readonly string[];
  /**
   * Done when the console shows this; the guest is then ended. Without it the guest must end by
   * itself, with status 0.
   */
  readonly until?: RegExp;
  readonly timeoutMs?: number;
}

const GUEST_TIMEOUT_MS = 60_000;

/** What a guest showed, with assertions whose failure quotes its end. */
export class Console {
  private readonly child: Child;
  private readonly name: string;

  constructor(name: string, child: Child) {
    this.name = name;
    this.child = child;
  }

  shows(expected: string | RegExp): void {
    if (!found(this.child.text, expected)) this.fail(`did not show ${inspect(expected)}`);
  }

  lacks(unwanted: string | RegExp): void {
    if (found(this.child.text, unwanted)) this.fail(`showed ${inspect(unwanted)}`);
  }

  private fail(what: string): never {
    throw new Error(`${this.name} ${what}; its last lines:\n${this.child.tail()}`);
  }
}

function found(text: string, pattern: string | RegExp): boolean {
  return typeof pattern === "string" ? text.includes(pattern) : pattern.test(text);
}

/** Runs a guest (QEMU, or any program) until it has succeeded; rejects otherwise. */
export async function runGuest(lab: Lab, guest: Guest): Promise<Console> {
  const name = guest.name ?? "guest";
  const timeoutMs = guest.timeoutMs ?? GUEST_TIMEOUT_MS;
  const child = lab.startIn(lab.client, guest.command, `console-${name}.log`);
  const result = await child.until(guest.until, timeoutMs);
  const { status, signal } = await child.stop("SIGTERM");
  if (result === "match" || (result === "exit" && guest.until === undefined && status === 0)) {
    return new Console(name, child);
  }
  const expected = guest.until === undefined ? "" : ` without showing ${guest.until}`;
  const what =
    result === "timeout"
      ? `ran for ${timeoutMs / 1000} s${expected}`
      : `ended (status ${status}, signal ${signal})${expected}`;
  throw new Error(`${name} ${what}; its last lines:\n${child.tail()}`);
}
