import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeCommand } from "../../../../agent/cli/decode.ts";
import { pcapFile } from "../../../support/capture-files.ts";
import { type CommandRun, runCommand } from "../../../support/command-run.ts";

const captures = join(dirname(fileURLToPath(import.meta.url)), "../../../support/captures");

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "decode-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function decode(args: readonly string[], terminal = false): Promise<CommandRun> {
  return runCommand((host) => decodeCommand(host).parseAsync(args, { from: "user" }), { terminal });
}

function write(name: string, octets: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, octets);
  return path;
}

describe("pilotlight decode", () => {
  it("prints an object a line with --json", async () => {
    const { stdout, stderr, status } = await decode(["--json", join(captures, "nfs-tcp.pcap")]);
    expect([stderr, status]).toEqual(["", 0]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThanOrEqual(22);
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(["frame", "time", "protocol", "status", "fields"]);
      expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    }
    expect(lines.some((line) => line.fields.procName === "READDIR")).toBe(true);
  });

  it("prints text that fits a terminal", async () => {
    const { stdout, status } = await decode([join(captures, "slof-dhcp-tftp.pcapng")]);
    expect(status).toBe(0);
    expect(stdout).toContain("filename=of.fth");
    const long = stdout.split("\n").filter((line) => line.length > 100);
    expect(long.filter((line) => line.trimStart().includes(" "))).toEqual([]);
  });

  it("lets no octet of a peer reach the terminal as a control", async () => {
    const name = "\u001b[2J\u202e\u0007";
    const payload = Uint8Array.of(0, 1, ...Buffer.from(name), 0, ...Buffer.from("octet"), 0);
    const udp = [0x10, 0, 0, 69, 0, 8 + payload.length, 0, 0, ...payload];
    const ip = [0x45, 0, 0, 20 + udp.length, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += ((ip[i] ?? 0) << 8) | (ip[i + 1] ?? 0);
    sum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
    ip[10] = sum >> 8;
    ip[11] = sum & 255;
    const file = pcapFile([{ data: Uint8Array.from([...ip, ...udp]) }], { linkType: 101 });
    const { stdout } = await decode([write("x.pcap", file)]);
    expect(stdout).toContain("filename=");
    const controls = [...stdout].filter(
      (c) => c !== "\n" && (c < " " || (c > "~" && c < "\u00a0") || c > "\u00ff"),
    );
    expect(controls).toEqual([]);
  });

  it("gives what can be read of a damaged file, then says what is wrong", async () => {
    const file = pcapFile([{ data: new Uint8Array(60) }, { data: new Uint8Array(60) }]);
    const path = write("cut.pcap", file.slice(0, -1));
    const { stdout, stderr, status } = await decode(["--json", path]);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain(`E_CAPTURE: ${path}: the capture ends inside frame 2`);
    expect(stderr).toContain("1 frames read");
    expect(status).toBe(1);
  });

  it("says so when the file is not there", async () => {
    const { stdout, stderr, status } = await decode([join(folder, "none.pcap")]);
    expect([stdout, status]).toEqual(["", 1]);
    expect(stderr).toContain("E_CAPTURE");
    expect(stderr).toContain("none.pcap");
  });

  it("shows progress on a terminal, and takes it away", async () => {
    const frames = Array.from({ length: 3_000 }, () => ({ data: new Uint8Array(60) }));
    const path = write("many.pcap", pcapFile(frames));
    expect((await decode([path], false)).stderr).toBe("");
    const { stderr } = await decode([path], true);
    expect(stderr).toMatch(/read 0\.\d MB of 0\.2 MB, \d+ %, \d+ frames/);
    expect(stderr.endsWith("\r\u001b[K")).toBe(true);
  });
});
