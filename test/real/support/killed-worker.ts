import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { setTimeout as later } from "node:timers/promises";
import { expect } from "vitest";

/** When a worker is killed. */
export interface Kill {
  /** The longest that it works after it spoke for the first time, ms. */
  readonly lifeMs: number;
  /** One in so many is killed before that, at any moment of its first `earlyMs`. */
  readonly early: number;
  readonly earlyMs: number;
}

/** Runs a program of this repository in Node, kills it at random, and returns the whole lines that it printed until then. */
export async function killedWorker(
  command: readonly string[],
  { lifeMs, early, earlyMs }: Kill,
): Promise<readonly string[]> {
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let errors = "";
  const speaks = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      resolve();
    });
    child.once("close", () => resolve());
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  if (randomInt(early) === 0) {
    await later(randomInt(earlyMs));
  } else {
    await speaks;
    await later(randomInt(lifeMs));
  }
  child.kill("SIGKILL");
  await ended;
  expect(errors).toBe("");
  expect(child.signalCode).toBe("SIGKILL");
  return out.split("\n").slice(0, -1);
}
