import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TFTP_PORT, TftpOpcode } from "../../protocols/tftp/packet.ts";
import { NET } from "../support/boot-site.ts";
import type { Namespace, PipedChild } from "../support/netns.ts";
import { read } from "../support/questions.ts";
import { RawRack } from "../support/raw-rack.ts";
import { ip, type RawHost } from "../support/raw-wire.ts";
import { tempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const PROGRAM = fileURLToPath(new URL("../support/steered-agent.mjs", import.meta.url));
const LONG_MS = 60_000;
const AGAIN_MS = 500;
const HISTORY_MS = 5_000;
/** A probation that is over soon; no shorter one is accepted. */
const SHORT_MS = 5_000;

function siteText(name: string, files: string, address: string = NET.cidr): string {
  return `site: ${name}
network: { interface: ${NET.rack}, address: ${address} }
assets: { hello: { file: ${files}/hello.txt } }
profiles: { sun: { files: { ${name}: hello } } }
machines: { u5: { mac: "${NET.u5.mac}", ip: ${NET.u5.ip}, profile: sun } }
`;
}

interface Line {
  readonly done?: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
  readonly announced?: { readonly state: string; readonly site?: string };
  readonly listen?: readonly string[];
  readonly goodbye?: boolean;
}

/** An agent without a site file, steered by its test. */
class SteeredAgent {
  readonly lines: Line[] = [];
  stderr = "";
  private readonly child: PipedChild;
  private readonly ended: Promise<unknown[]>;

  constructor(ns: Namespace, stateDir: string) {
    this.child = ns.spawn(process.execPath, PROGRAM, stateDir);
    this.ended = once(this.child, "close");
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.lines.push(JSON.parse(line) as Line);
    });
    this.child.stderr.on("data", (piece: Buffer) => {
      this.stderr += piece.toString();
    });
  }

  async ready(): Promise<this> {
    await this.logged(" ready: ");
    return this;
  }

  async logged(text: string): Promise<void> {
    await until(
      () => `"${text}" in ${this.stderr}`,
      () => this.stderr.includes(text),
    );
  }

  /** What a command gives, or its error. */
  async ask(command: string, args: object = {}): Promise<Line> {
    const from = this.lines.length;
    this.child.stdin.write(`${JSON.stringify({ command, ...args })}\n`);
    return await until(
      () => `the end of ${command}: ${this.stderr}`,
      () => this.lines.slice(from).find((l) => l.done === command),
    );
  }

  async announced(state: string, site?: string): Promise<void> {
    await until(`${state} ${site}`, () => {
      const last = this.lines.findLast((l) => l.announced)?.announced;
      return last?.state === state && last.site === site;
    });
  }

  /** Ends it in order; its exit status. */
  async stop(): Promise<unknown> {
    this.child.stdin.end();
    const [status] = await this.ended;
    return status;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

describe("an agent that is configured over the network", () => {
  let inside: Namespace;
  let rack: RawRack;
  let rackMac: Uint8Array;
  let u5: RawHost;
  let state: string;
  let files: string;
  let agent: SteeredAgent;

  beforeEach(async () => {
    rack = await RawRack.open();
    ({ inside, rackMac, u5 } = rack);
    state = tempDir();
    files = tempDir({ "hello.txt": "hello, rack\n" });
    agent = await new SteeredAgent(inside, state).ready();
  });

  afterEach(async () => {
    await agent.kill();
    await rack.close();
  });

  const push = (serial: number, name: string, probationMs = LONG_MS): Promise<Line> =>
    agent.ask("apply", { serial, text: siteText(name, files), probationMs });

  /** What a read of a file is answered with: "data", "error", or "silence" if the agent has no socket. */
  async function asked(name: string): Promise<string> {
    const from = u5.wire.seen.length;
    let askedMs = Number.NEGATIVE_INFINITY;
    const answer = await until("an answer", () => {
      // A link that has just come up loses the first frames.
      if (performance.now() - askedMs > AGAIN_MS) {
        u5.udp({ mac: rackMac, ip: ip(NET.agent), port: TFTP_PORT }, 2_000, read(name));
        askedMs = performance.now();
      }
      return u5.wire.seen
        .slice(from)
        .find((s) => (s.kind === "udp" && s.dstPort === 2_000) || s.kind === "icmp");
    });
    if (answer.kind === "icmp") return "silence";
    return answer.payload.u8[1] === TftpOpcode.Data ? "data" : "error";
  }

  /** Waits until the history is this. */
  async function historyIs(want: string): Promise<void> {
    for (const endMs = performance.now() + HISTORY_MS; ; ) {
      const found = await history();
      if (found === want) return;
      if (performance.now() > endMs) throw new Error(`the history is "${found}", not "${want}"`);
    }
  }

  async function history(): Promise<string> {
    const { result } = await agent.ask("status");
    const { history: records } = result as {
      readonly history: readonly { readonly serial: number; readonly state: string }[];
    };
    return records.map((r) => `${r.serial} ${r.state}`).join(", ");
  }

  it("waits, serves what is pushed, and serves it again after it was killed", async () => {
    await agent.logged("claim code ABCD-EFGH-JKLM-NPQR: pilotlight claim gateway");
    await agent.logged(`steered as gateway, abcd-efgh-abcd-efgh, at https://${NET.agent}:7458`);
    expect(agent.stderr).toContain("ready: unconfigured");
    await agent.announced("unconfigured");
    expect(await asked("a")).toBe("silence");

    expect((await push(1, "a")).result).toMatchObject({ serial: 1, state: "probation" });
    await agent.announced("serving", "a");
    expect(await asked("a")).toBe("data");
    await agent.ask("confirm", { serial: 1 });
    expect((await push(1, "b")).error?.code).toBe("E_BUNDLE_REFUSED");
    expect((await push(2, "b")).result).toMatchObject({ changes: ["b"] });
    expect([await asked("a"), await asked("b")]).toEqual(["error", "data"]);
    await agent.ask("confirm", { serial: 2 });

    await agent.kill();
    agent = await new SteeredAgent(inside, state).ready();
    expect(agent.stderr).toContain("ready: site b on rack0");
    expect(await asked("b")).toBe("data");
    expect(await history()).toBe("2 running, 1 kept");
    await agent.ask("rollback");
    expect(await asked("a")).toBe("data");
    const { result } = await agent.ask("status");
    expect(result).toMatchObject({
      state: "serving",
      reasons: [],
      interfaces: ["rack", "management"].map((role) => ({
        name: NET.rack,
        role,
        up: true,
        addresses: [NET.agent],
      })),
      management: { read: "open" },
    });
    expect(await agent.stop()).toBe(0);
    expect(agent.lines.at(-1)).toEqual({ goodbye: true });
  });

  it("goes back by itself, to nothing at all if there was nothing", async () => {
    await push(1, "a", SHORT_MS);
    expect(await asked("a")).toBe("data");
    await agent.announced("unconfigured");
    expect(await asked("a")).toBe("silence");
    expect(inside.run("cat", "/proc/net/udp").trim().split("\n")).toHaveLength(1);
    await agent.logged(
      "goes back from serial 1 to no configuration: nobody confirmed it within 5 s",
    );
    await historyIs("1 returned");
  });

  it("goes back when the interface fails while it is tried", async () => {
    await push(1, "a");
    await agent.ask("confirm", { serial: 1 });
    await push(2, "b");
    inside.run("ip", "link", "set", NET.rack, "down");
    await agent.logged("goes back from serial 2 to serial 1");
    inside.run("ip", "link", "set", NET.rack, "up");
    await historyIs("2 returned, 1 running");
    expect(await asked("a")).toBe("data");
  });

  it("refuses what it cannot serve, and what it serves goes on", async () => {
    await push(1, "a");
    await agent.ask("confirm", { serial: 1 });
    const elsewhere = siteText("b", files, "172.24.42.99/24");
    const { error } = await agent.ask("apply", { serial: 2, text: elsewhere });
    expect(error).toMatchObject({ code: "E_CONFIG" });
    expect(error?.message).toContain("172.24.42.99");
    expect([await asked("a"), await history()]).toEqual(["data", "1 running"]);
  });

  it("serves as soon as its interface is there", async () => {
    await push(1, "a");
    await agent.ask("confirm", { serial: 1 });
    expect(await agent.stop()).toBe(0);
    inside.run("ip", "link", "set", NET.rack, "down");
    agent = await new SteeredAgent(inside, state).ready();
    expect(agent.stderr).toContain("ready: unconfigured");
    await agent.logged("cannot serve its configuration yet");
    inside.run("ip", "link", "set", NET.rack, "up");
    await agent.announced("serving", "a");
    expect(await asked("a")).toBe("data");
    expect(agent.lines.findLast((l) => l.listen)?.listen).toEqual([NET.agent]);
  });
});
