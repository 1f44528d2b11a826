import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AgentProcess } from "../support/agent-process.ts";
import { BootSite, NET } from "../support/boot-site.ts";
import { Namespace } from "../support/netns.ts";
import { until } from "../support/until.ts";

// RPC over the kernel's own sockets: datagrams of several packets, and a machine of the rack that means no good.

const CLIENT = fileURLToPath(new URL("../support/rpc-mischief.mjs", import.meta.url));
const ROFS = 30;
/** What the agent may have grown by when 8 clients ask for hundreds of megabytes and take nothing. */
const MAX_GROWTH_KB = 16 * 1024;

let inside: Namespace;
let outside: Namespace;
let site: BootSite;
let agent: AgentProcess;

beforeAll(async () => {
  inside = await Namespace.create();
  outside = await Namespace.create(inside);
  site = new BootSite((text) => text.replace("root: { hello: hello }", "root: { long: long }"));
  inside.connect(NET.rack, outside, "rack");
  inside.run("ip", "addr", "add", NET.cidr, "brd", "+", "dev", NET.rack);
  outside.run("ip", "link", "set", "rack", "address", NET.v100.mac);
  outside.run("ip", "addr", "add", `${NET.v100.ip}/24`, "brd", "+", "dev", "rack");
  agent = await AgentProcess.serve(inside, site.path, NET.rack);
});

afterAll(async () => {
  await agent?.close();
  await outside.close();
  await inside.close();
  site.remove();
});

function residentKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

describe("RPC in several packets, and mischief", () => {
  it("serves datagrams of 8 KiB, and others while one floods it", async () => {
    const before = residentKb(agent.pid);
    const child = outside.spawn(process.execPath, CLIENT, NET.agent, NET.rootPath, "long");
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (piece: Buffer) => {
        said += piece.toString();
      });
    }
    await until(
      () => `the client's words: ${said}; ${agent.stderr}`,
      () => said.includes("\n"),
      25_000,
    );
    const growth = residentKb(agent.pid) - before;
    child.stdin.end();
    expect(JSON.parse(said)).toMatchObject({
      udpRead: 8_192,
      udpWrite: ROFS,
      tcpWrite: ROFS,
      pipelined: 50,
      served: 24 + 4 + 68 + 4 + 8_192,
    });
    const { open } = JSON.parse(said) as { readonly open: number };
    expect(open).toBeLessThanOrEqual(16);
    expect(growth).toBeLessThan(MAX_GROWTH_KB);
    expect(agent.status).toBeUndefined();
  });
});
