import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { hexIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { tempDir } from "../../support/temp-dir.ts";

const WORKER = path.resolve("test/unit/agent/addresses/lease-worker.mjs");
const IN_FLIGHT = 4;
const MACHINES = 40;
const STEPS = 25;
/** Longer than all pages of a commit: strace cuts what is longer. */
const STRING_LEN = 65_536;
const CALLS = "openat,write,writev,pwrite64,pwritev,fdatasync,fsync,msync";

/** "PID call(arguments) = result", or the first or second half of one during which another thread was told of. */
const LINE = /^(\d+) +(<\.\.\. )?(\w+)(\(| resumed>)(.*)$/s;
/**
 * A record of a lease as LMDB has it: the address (10.0.…) in hex, and in the record the card and at last the name. The record of an
 * offer has no name, and a page has remains of others: no search goes on into the next record.
 */
const RECORD =
  /(0A00[0-9A-F]{4})(?:(?!\d\d:|0A00[0-9A-F]{4}).)*?((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:(?!0A00[0-9A-F]{4}).)*?(h\d{6})/gs;

describe("the system calls of an agent that gives addresses", () => {
  it("have each promise on disk before the word of it", () => {
    const dir = tempDir();
    const trace = path.join(dir, "trace");
    execFileSync("strace", [
      ...["-f", "-yy", "-s", String(STRING_LEN), "-e", `trace=${CALLS}`, "-o", trace],
      ...[process.execPath, WORKER, dir, String(IN_FLIGHT), String(MACHINES), String(STEPS)],
    ]);
    const disk = new TracedDisk();
    const early: string[] = [];
    /** Promises that are on disk, until they are given back: a renewal within them needs no write. */
    const covered = new Set<string>();
    let written = 0;
    for (const line of readFileSync(trace, "latin1").split("\n")) {
      const said = disk.sees(line);
      if (said === undefined) continue;
      for (const [, word, mac = "", address = "", host = ""] of said.matchAll(
        /(bound|leaving) (\S+) ([\d.]+)(?: (h\d+))?/g,
      )) {
        const key = `${hexIpv4(parseIpv4(address) ?? 0)} ${mac}`;
        if (word === "leaving") covered.delete(key);
        else if (disk.durable.has(`${key} ${host}`)) written += Number(covered.add(key).has(key));
        else if (!covered.has(key)) early.push(`${mac} ${address} ${host}`);
      }
    }
    expect(early).toEqual([]);
    expect(disk.commits).toBeGreaterThan(STEPS / 2);
    expect(written).toBeGreaterThan(STEPS);
  });
});

/**
 * What a trace says of `data.mdb`. A commit is: pages, fdatasync of them, and the page that makes them valid, through a
 * descriptor that was opened with O_DSYNC.
 */
class TracedDisk {
  /** Records that no power cut takes away: "ADDRESS CARD NAME". */
  readonly durable = new Set<string>();
  commits = 0;
  private readonly begun = new Map<string, string>();
  private metaFd = "";
  private pages = new Set<string>();
  private synced = new Set<string>();

  /** Takes a line of strace. Returns what it says to the world. */
  sees(line: string): string | undefined {
    const [, pid = "", , call = "", mark, rest = ""] = LINE.exec(line) ?? [];
    if (mark === "(" && rest.endsWith("<unfinished ...>")) {
      this.begun.set(pid, rest);
      // What is written is out as soon as the call begins; what is to be durable is so when it ends.
      return call === "write" ? said(rest) : undefined;
    }
    const whole = mark === "(" ? rest : `${this.begun.get(pid) ?? ""}${rest}`;
    this.begun.delete(pid);
    if (call === "openat" && /data\.mdb", [A-Z_|]*O_DSYNC/.test(whole)) {
      this.metaFd = /= (\d+)/.exec(whole)?.[1] ?? "";
    } else if (call === "write") return mark === "(" ? said(rest) : undefined;
    else if (/^\d+<[^>]*data\.mdb>/.test(whole)) this.changes(call, whole);
    return undefined;
  }

  private changes(call: string, whole: string): void {
    if (call === "fdatasync" || call === "fsync") {
      for (const record of this.pages) this.synced.add(record);
      this.pages.clear();
    } else if (whole.startsWith(`${this.metaFd}<`)) {
      for (const record of this.synced) this.durable.add(record);
      this.commits += this.synced.size > 0 ? 1 : 0;
      this.synced.clear();
    } else {
      for (const [, address, mac, host] of whole.matchAll(RECORD)) {
        this.pages.add(`${address} ${mac} ${host}`);
      }
    }
  }
}

/** What is written to standard output. */
function said(rest: string): string | undefined {
  return rest.startsWith("1<") ? rest : undefined;
}
