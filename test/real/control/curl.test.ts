import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { LOCAL_METRICS, LOCAL_ROUTES, localRoutes } from "../../../agent/control/local-routes.ts";
import { openLocalSocket } from "../../../agent/control/local-socket.ts";
import { ServerRig } from "../../support/control/rig.ts";
import { tempDir } from "../../support/temp-dir.ts";

const PAGE = readFileSync(new URL("../../../docs/control.md", import.meta.url), "utf8");
const LINES = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, text = ""]) =>
  text.trim().split("\n"),
);
/** Assignments go before the commands that use them. */
const ASSIGNMENTS = LINES.filter((line) => /^[A-Z]+=/.test(line));
const COMMANDS = LINES.filter((line) => !ASSIGNMENTS.includes(line));

/** Runs a line of the page as it stands, with another address, port and socket. curl says the HTTP status on standard error. */
async function run(
  line: string,
  rig: ServerRig,
  socket: string,
): Promise<{ status: number; stdout: string; http: string }> {
  const home = tempDir({ ".curlrc": 'write-out = "%{stderr}%{http_code}"\n' });
  const script = [...ASSIGNMENTS, line]
    .join("\n")
    .replaceAll("10.0.0.7:7458", `127.0.0.1:${rig.port}`)
    .replaceAll("/var/lib/pilotlight/agent.sock", socket);
  const child = spawn("bash", ["-c", script], {
    env: { ...process.env, CURL_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => err.push(piece));
  const [status] = (await once(child, "close")) as [number];
  return { status, stdout: Buffer.concat(out).toString(), http: Buffer.concat(err).toString() };
}

async function open(): Promise<{ rig: ServerRig; socket: string }> {
  const rig = await ServerRig.open({ policy: { kind: "token", token: "TOKEN" } });
  const stateDir = tempDir();
  const routes = localRoutes(rig.dispatcher);
  const local = await openLocalSocket({
    stateDir,
    routes: { [LOCAL_ROUTES]: routes, [LOCAL_METRICS]: routes },
    crash: (bug) => rig.bugs.push(bug),
  });
  onTestFinished(() => local.close());
  return { rig, socket: path.join(stateDir, "agent.sock") };
}

describe("examples of docs/control.md, executed", () => {
  it("are many", () => {
    expect(COMMANDS.length).toBeGreaterThan(25);
    expect(COMMANDS.every((line) => line.startsWith("curl "))).toBe(true);
  });

  it.each(COMMANDS)("%s", async (line) => {
    const { rig, socket } = await open();
    const hasToken = line.includes("Bearer");
    if (!hasToken) rig.policy = { kind: "open" };
    const { status, stdout, http } = await run(line, rig, socket);
    expect({ status, http }).toEqual({ status: 0, http: "200" });
    if (line.includes("application/json")) expect(JSON.parse(stdout)).toBeTypeOf("object");
    else if (line.includes("event-stream")) expect(stdout).toMatch(/^(data: \{.*\}\n\n)+$/);
    else if (!line.includes("-sI")) expect(stdout.length).toBeGreaterThan(100);
    expect(rig.bugs).toEqual([]);
  });

  it("refuse another agent by its pinned key, and a token over plain HTTP", async () => {
    const { rig, socket } = await open();
    const pin = `curl -s --insecure --pinnedpubkey "sha256//${"A".repeat(43)}=" https://10.0.0.7:7458/v1/identity`;
    expect(await run(pin, rig, socket)).toMatchObject({ status: 90, http: "000" });
    const plain = "curl -s -H 'Authorization: Bearer TOKEN' http://10.0.0.7:7458/v1/status";
    expect(await run(plain, rig, socket)).toMatchObject({ status: 0, http: "403" });
    expect(await run("curl -s http://10.0.0.7:7458/v1/status", rig, socket)).toMatchObject({
      http: "401",
    });
  });
});
