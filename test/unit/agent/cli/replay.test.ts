import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { replayCommand } from "../../../../agent/cli/replay.ts";
import { capturePath } from "../../../golden/captures.ts";
import { goldenSite } from "../../../golden/replay/rack.ts";
import { type CommandRun, runCommand } from "../../../support/command-run.ts";
import { tempDir } from "../../../support/temp-dir.ts";

function replay(...args: string[]): Promise<CommandRun> {
  return runCommand((host) =>
    replayCommand(host).exitOverride().parseAsync(args, { from: "user" }),
  );
}

const SLOF = capturePath("slof-dhcp-tftp.pcap");

describe("pilotlight replay", { timeout: 30_000 }, () => {
  it("prints a block for each request and a table", async () => {
    const { stdout, stderr, status } = await replay(SLOF, "--site", goldenSite());
    expect(stdout).toContain("slof (52:54:00:aa:00:05): DISCOVER");
    expect(stdout).toContain("option 51 (IpAddressLeaseTime): ours 43200, recorded 600");
    expect(stdout).toMatch(/\nall +5 +3 +2 +0 +0\n$/);
    expect([stderr, status]).toEqual(["", 0]);
  });

  it("prints JSON lines, the summary last", async () => {
    const { stdout, status } = await replay(SLOF, "--site", goldenSite(), "--json");
    const lines = stdout.trimEnd().split("\n");
    const objects = lines.map((line) => JSON.parse(line) as { readonly frame?: number });
    expect(objects.length).toBe(6);
    expect(objects.slice(0, -1).map((o) => o.frame)).toEqual([8, 10, 14, 16, 18]);
    expect(Object.keys(objects.at(-1) ?? {})).toEqual(["summary"]);
    expect(status).toBe(0);
  });

  it("says which server to name when the site's never speaks, and prints nothing else", async () => {
    const site = goldenSite((text) => text.replace("192.168.77.1/24", "192.168.77.5/24"));
    expect((await replay(SLOF, "--site", site)).error).toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining("192.168.77.5, the site's address, never speaks"),
      cure: expect.stringContaining("--server 192.168.77.1"),
    });
    const { stdout, status } = await replay(SLOF, "--site", site, "--server", "192.168.77.1");
    expect(stdout).toMatch(/\nall +5 +3 +2 +0 +0\n$/);
    expect(status).toBe(0);
  });

  it("replays a capture in which nobody answers", async () => {
    // The DISCOVER alone: file header, then the frames up to it.
    const octets = readFileSync(SLOF);
    let at = 24;
    for (let frame = 1; frame <= 8; frame++) at += 16 + octets.readUInt32LE(at + 8);
    const file = path.join(tempDir(), "asked.pcap");
    writeFileSync(file, octets.subarray(0, at));
    const { stdout, status } = await replay(file, "--site", goldenSite());
    expect(stdout).toContain("they:   silence");
    expect(stdout).toContain("No server answers in this capture.");
    expect(status).toBe(0);
  });

  it("replays what can be read of a damaged capture and ends with status 1", async () => {
    const file = path.join(tempDir(), "cut.pcap");
    const octets = readFileSync(SLOF);
    writeFileSync(file, octets.subarray(0, octets.length - 10));
    const { stdout, stderr, status } = await replay(file, "--site", goldenSite());
    expect(stdout).toContain("DISCOVER");
    expect(stdout).toMatch(/\nall +4 /); // the last request was in the frame that is cut off
    expect(stderr).toMatch(/^E_CAPTURE: .*cut\.pcap: the capture ends inside .* frames read\)\n/);
    expect(status).toBe(1);
  });

  it("refuses what is no address, no site or no file", async () => {
    const site = goldenSite();
    expect((await replay(SLOF, "--site", site, "--server", "here")).error).toMatchObject({
      code: "E_USAGE",
    });
    expect((await replay(SLOF, "--site", `${site}.not`)).error).toMatchObject({
      code: "E_SITE_READ",
    });
    const { stderr, status } = await replay("/nowhere.pcap", "--site", site);
    expect(stderr).toContain("E_CAPTURE: /nowhere.pcap: cannot be read");
    expect(status).toBe(1);
  });
});
