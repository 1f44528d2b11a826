import { existsSync, linkSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type AssetControl, assetRoutes } from "../../../../agent/control/asset-routes.ts";
import { AssetsClient } from "../../../../agent/control/assets-client.ts";
import { LocalClient, NO_AGENT } from "../../../../agent/control/local-client.ts";
import { openLocalSocket, socketPath } from "../../../../agent/control/local-socket.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { tempDir } from "../../../support/temp-dir.ts";

/** A control that remembers what it was asked. */
class Asked implements AssetControl {
  readonly calls: unknown[] = [];
  status(): Promise<never> {
    return Promise.reject(new Error("our own bug"));
  }
  prefetch(names: readonly string[] | undefined): Promise<readonly string[]> {
    this.calls.push(["prefetch", names]);
    return names?.includes("netbds")
      ? Promise.reject(new AgentError("E_USAGE", "no netbds", { cure: "Did you mean netbsd?" }))
      : Promise.resolve(names ?? ["all"]);
  }
  refresh(names: readonly string[] | undefined): Promise<readonly string[]> {
    this.calls.push(["refresh", names]);
    return Promise.resolve([]);
  }
  changed(names: readonly string[] | undefined): Promise<void> {
    this.calls.push(["changed", names]);
    return Promise.resolve();
  }
  damaged(digests: readonly string[]): Promise<void> {
    this.calls.push(["damaged", digests]);
    return Promise.resolve();
  }
  collect(): Promise<number> {
    return Promise.resolve(12);
  }
}

async function open(
  stateDir = tempDir(),
  control = new Asked(),
): Promise<{ stateDir: string; control: Asked; bugs: unknown[]; close(): Promise<void> }> {
  const bugs: unknown[] = [];
  const routes = { assets: assetRoutes(control) };
  const socket = await openLocalSocket({ stateDir, routes, crash: (bug) => bugs.push(bug) });
  onTestFinished(() => socket.close());
  return { stateDir, control, bugs, close: () => socket.close() };
}

/** A raw request: its status and what the body says. */
function ask(
  stateDir: string,
  method: string,
  target: string,
  body = "",
  chunked = false,
): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: socketPath(stateDir),
      method,
      path: target,
      agent: false,
      headers: chunked
        ? { "transfer-encoding": "chunked" }
        : { "content-length": Buffer.byteLength(body) },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.on("data", (piece: Buffer) => {
        text += piece.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    sent.end(body);
  });
}

describe("the agent's socket", () => {
  it("is its user's alone, under its own name, and gone afterwards", async () => {
    const { stateDir, close } = await open();
    const file = socketPath(stateDir);
    const stat = statSync(file);
    expect(stat.isSocket()).toBe(true);
    expect(stat.mode & 0o777).toBe(0o600);
    expect(stat.nlink).toBe(1);
    await close();
    expect(existsSync(file)).toBe(false);
  });

  it("refuses a folder in which another agent runs, which goes on answering", async () => {
    const { stateDir, control } = await open();
    await expect(open(stateDir)).rejects.toMatchObject({
      code: "E_CACHE",
      message: `another agent runs with ${stateDir}`,
      cure: expect.stringContaining("--state"),
    });
    expect(await new AssetsClient(stateDir).changed([])).toBe(true);
    expect(control.calls).toEqual([["changed", []]]);
    expect(existsSync(`${socketPath(stateDir)}.old.${process.pid}`)).toBe(false);
  });

  it.each(["a socket that nobody accepts on", "a file"])("takes the place of %s", async (what) => {
    const stateDir = tempDir();
    const file = socketPath(stateDir);
    if (what === "a file") writeFileSync(file, "");
    else await leaveBehind(file);
    await open(stateDir);
    expect(await new AssetsClient(stateDir).changed([])).toBe(true);
  });

  it("of several agents that start at once over a dead one's, lets one win", async () => {
    const stateDir = tempDir();
    await leaveBehind(socketPath(stateDir));
    const started = await Promise.allSettled([open(stateDir), open(stateDir)]);
    expect(started.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await new AssetsClient(stateDir).changed([])).toBe(true);
  });

  it("refuses a folder whose path is too long for a socket", async () => {
    const stateDir = path.join(tempDir(), "x".repeat(90));
    mkdirSync(stateDir);
    await expect(open(stateDir)).rejects.toMatchObject({
      code: "E_CACHE",
      message: expect.stringContaining("107 octets"),
    });
  });

  it("says why when the folder is not there", async () => {
    const stateDir = path.join(tempDir(), "nowhere");
    await expect(open(stateDir)).rejects.toMatchObject({
      code: "E_CACHE",
      message: expect.stringMatching(/ENOENT|EACCES|belongs/),
    });
  });

  it.each([
    ["GET", "/", "", 404, "there is no GET / here"],
    ["DELETE", "/assets", "", 404, "there is no DELETE /assets here"],
    ["POST", "/assets/prefetch", "{", 400, "not JSON"],
    ["POST", "/assets/prefetch", '{"names":"all"}', 400, "names"],
    ["POST", "/assets/prefetch", '{"name":["x"]}', 400, "name"],
    ["POST", "/assets/refresh", `{"names":["${"x".repeat(301)}"]}`, 400, "names.0"],
    ["POST", "/assets/damaged", '{"digests":["../../etc"]}', 400, "digests.0"],
    ["POST", "/assets/changed", '{"x":1}', 400, "x"],
    ["POST", "/assets/prefetch", "x".repeat(65_537), 413, "65536 octets"],
  ])("answers %s %s with words", async (method, target, body, status, words) => {
    const { stateDir, control, bugs } = await open();
    const answer = await ask(stateDir, method, target, body);
    expect([answer.status, bugs]).toEqual([status, []]);
    expect(JSON.parse(answer.text)).toMatchObject({
      code: "E_USAGE",
      message: expect.stringContaining(words),
    });
    expect(control.calls).toEqual([]);
  });

  it("wants to know beforehand how long a request is", async () => {
    const { stateDir, bugs } = await open();
    const answer = await ask(stateDir, "POST", "/assets/changed", "{}", true);
    expect([answer.status, bugs]).toEqual([411, []]);
  });

  it("hands on what a command asks, and the agent's own errors with their cure", async () => {
    const { stateDir, control } = await open();
    const client = new AssetsClient(stateDir);
    const digest = "a".repeat(64);
    await client.prefetch([]);
    await client.prefetch(["netbsd"]);
    await client.refresh(["netbsd"]);
    await client.damaged([digest]);
    expect(await client.collect()).toBe(12);
    expect(control.calls).toEqual([
      ["prefetch", undefined],
      ["prefetch", ["netbsd"]],
      ["refresh", ["netbsd"]],
      ["damaged", [digest]],
    ]);
    await expect(client.prefetch(["netbds"])).rejects.toMatchObject({
      code: "E_USAGE",
      message: "no netbds",
      cure: "Did you mean netbsd?",
    });
  });

  it("does not hide a bug: the asker hears of it, and so does whoever watches over the agent", async () => {
    const { stateDir, bugs } = await open();
    await expect(new AssetsClient(stateDir).status()).rejects.toMatchObject({ code: "E_CACHE" });
    expect(bugs).toEqual([new Error("our own bug")]);
  });
});

describe("without an agent", () => {
  it("is a value", async () => {
    const stateDir = tempDir();
    expect(await new LocalClient(stateDir).get("/assets")).toBe(NO_AGENT);
    const client = new AssetsClient(stateDir);
    expect(await client.status()).toBeUndefined();
    expect(await client.changed([])).toBe(false);
    expect(await client.collect()).toBeUndefined();
    await leaveBehind(socketPath(stateDir));
    expect(await client.changed([])).toBe(false);
  });

  it.each([
    ["something that is no agent", "not HTTP at all\r\n\r\n", "Parse Error"],
    ["an answer that is not JSON", "HTTP/1.0 200 OK\r\n\r\nhello", "not JSON"],
    ["an answer that is cut off", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", "aborted"],
    ["a refusal without a reason", "HTTP/1.1 500 No\r\n\r\nnull", "it says no"],
  ])("tells %s from it", async (_, answer, words) => {
    const stateDir = tempDir();
    const server = createServer((socket) => socket.once("data", () => socket.end(answer)));
    await new Promise<void>((resolve) => server.listen(socketPath(stateDir), resolve));
    onTestFinished(() => void server.close());
    await expect(new AssetsClient(stateDir).changed([])).rejects.toMatchObject({
      code: "E_CACHE",
      message: expect.stringContaining(words),
    });
  });
});

/** A socket in a file system whose process is gone. */
async function leaveBehind(file: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${file}.x`, resolve));
  linkSync(`${file}.x`, file);
  await new Promise((resolve) => server.close(resolve));
}
