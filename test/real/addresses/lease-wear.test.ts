import { execFileSync, spawnSync } from "node:child_process";
import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { tempDir } from "../../support/temp-dir.ts";

const WORKER = path.resolve("test/real/addresses/wear-worker.mjs");
const DISK_LEN: number = 64 * 1024 * 1024;
/** What a busy minute may write, octets. */
const MOST_A_MINUTE = 1_000_000;

describe("what a rack of a hundred machines writes", () => {
  it("is nothing when it is idle, and less than a megabyte in a busy minute", {
    timeout: 360_000,
  }, () => {
    const { dir, device } = ownDisk();
    const child = spawnSync(process.execPath, [WORKER, dir, device], { encoding: "utf8" });
    expect([child.status, child.stderr]).toEqual([0, ""]);
    const written = new Map(
      child.stdout
        .trim()
        .split("\n")
        .map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]),
    );
    expect([...written.keys()]).toEqual(["first-boot", "boot-again", "idle", "all-renew"]);
    expect(written.get("idle"), child.stdout).toBe(0);
    for (const [name, octets] of written) {
      expect(octets, `${name}: ${child.stdout}`).toBeLessThan(MOST_A_MINUTE);
    }
  });
});

/** An ext4 on a loop device, so that what reaches it can be counted: its journal too. It goes with the test. */
function ownDisk(): { readonly dir: string; readonly device: string } {
  const [image, dir] = [path.join(tempDir(), "disk.img"), tempDir()];
  writeFileSync(image, "");
  truncateSync(image, DISK_LEN);
  const atOnce = "lazy_itable_init=0,lazy_journal_init=0";
  execFileSync("mke2fs", ["-q", "-t", "ext4", "-F", "-E", atOnce, image]);
  const device = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
  onTestFinished(() => {
    execFileSync("losetup", ["--detach", device]);
  });
  execFileSync("mount", ["-o", "noatime", device, dir]);
  onTestFinished(() => {
    execFileSync("umount", [dir]);
  });
  return { dir, device: path.basename(device) };
}
