import { createHash } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { networkInterfaces } from "node:os";
import path from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Bundle } from "../../../../../agent/bundle/bundle.ts";
import { openBundle } from "../../../../../agent/bundle/open-bundle.ts";
import {
  type Publication,
  type PublishOptions,
  publish,
} from "../../../../../agent/cli/steer/publish.ts";
import { fetchBundle } from "../../../../../agent/config/finding/fetch-bundle.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { type Certificate, makeCertificate } from "../../../../../agent/identity/certificate.ts";
import { generateKey } from "../../../../../agent/identity/ed25519.ts";
import { openPublishedSerials } from "../../../../../agent/publish/published-serials.ts";
import { FakeRack, NOW_MS, type SteerRun } from "../../../../support/fake-rack.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { until } from "../../../../support/until.ts";

const SITE = "site: rack7\nnetwork: { address: 172.24.42.150/24 }\n";
const AGENT = generateKey();
const STRANGER = generateKey();
const AGENT_ID = AGENT.publicKey.fingerprint;

let agent: Certificate;
let stranger: Certificate;
let dir: string;
let file: string;
let rack: FakeRack;
let announced: Publication | undefined;
let stopped: number;
let told: string;
let complained: string;

beforeAll(async () => {
  [agent, stranger] = await Promise.all([makeCertificate(AGENT), makeCertificate(STRANGER)]);
});

beforeEach(() => {
  dir = tempDir({ "site.yaml": SITE });
  file = path.join(dir, "site.yaml");
  rack = new FakeRack();
  announced = undefined;
  stopped = 0;
  told = "";
  complained = "";
});

function published(
  options: Partial<PublishOptions>,
  files: readonly string[] = [file],
  announce: (p: Publication) => void = () => {},
): Promise<SteerRun> {
  return rack.run(async (steering) => {
    const { stdout, stderr } = steering.host;
    stdout.on("data", (piece) => {
      told += String(piece);
    });
    stderr.on("data", (piece) => {
      complained += String(piece);
    });
    const parts = {
      ...steering,
      makeCertificate,
      announce: (publication: Publication) => {
        announce(publication);
        announced = publication;
        return Promise.resolve({
          instance: "eva's laptop",
          stop: () => {
            stopped += 1;
            return Promise.resolve();
          },
        });
      },
      openSerials: () => openPublishedSerials(path.join(dir, "home", "published.json")),
      interfaces: networkInterfaces,
      met: () => [{ name: "rack7", fingerprint: AGENT_ID }],
    };
    await publish(parts, files, { for: [], interface: "lo", port: 0, ...options });
  });
}

interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

async function ask(as: Certificate | undefined, name: string, etag?: string): Promise<Reply> {
  const { port } = await until("the server", () => announced);
  const id = as === agent ? AGENT_ID : STRANGER.publicKey.fingerprint;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: "127.0.0.1", port, rejectUnauthorized: false, agent: false },
        path: `/v1/bundle?agent=${id}&name=${name}&board=x`,
        ...(as ? { cert: as.certificate, key: as.privateKey } : {}),
        headers: etag === undefined ? {} : { "If-None-Match": `"${etag}"` },
      },
      async (response) => {
        const pieces: Buffer[] = [];
        for await (const piece of response) pieces.push(piece as Buffer);
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) });
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

const bundleOf = ({ body }: Reply): Bundle => openBundle(body).bundle;
const digestOf = ({ body }: Reply): string => createHash("sha256").update(body).digest("hex");

describe("publish", () => {
  it("gives a site to the agent that it is for, tells who asked, and says goodbye", async () => {
    const run = published({ for: ["rack7"] });
    const reply = await ask(agent, "rack7");
    expect(bundleOf(reply)).toMatchObject({
      serial: NOW_MS / 1000,
      site: "rack7",
      targets: { agents: [AGENT_ID] },
    });
    expect((await ask(agent, "rack7", digestOf(reply))).status).toBe(304);
    expect((await ask(agent, "rack7", digestOf(reply))).status).toBe(304);
    expect((await ask(stranger, "rack7")).status).toBe(404);
    expect((await ask(undefined, "rack7%1b[2J")).status).toBe(404);
    await until(
      "all is told",
      () => told.includes("may be anybody") || told.includes("nothing is for"),
    );
    rack.interrupt();
    const { status, stdout } = await run;
    expect([status, stopped]).toEqual([0, 1]);
    expect(announced).toMatchObject({
      path: "/v1/bundle",
      fingerprint: rack.key.publicKey.fingerprint,
      interface: "lo",
    });
    expect(stdout).toContain(`rack7: serial ${NOW_MS / 1000}, 1 file, `);
    expect(stdout).toContain(`  for rack7 (${AGENT_ID.slice(0, 4)}-`);
    expect(stdout).toContain(`ready, announced as "eva's laptop":`);
    expect(stdout).toMatch(
      /\d\d:\d\d:\d\d rack7 \(\w{4}-\w{4}-\w{4}-\w{4}, 127\.0\.0\.1\) fetched serial/,
    );
    expect(stdout.match(/has serial/g)).toHaveLength(1);
    expect(stdout).toContain("asked in vain: no site is for it");
    expect(stdout).toContain("not proven) asked in vain: it shows no certificate");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it("ends with --once when everybody who is meant has fetched it", async () => {
    const other = path.join(dir, "other.yaml");
    writeFileSync(other, SITE.replace("rack7", "rack8"));
    const id = STRANGER.publicKey.fingerprint;
    const run = published({ for: ["rack7=rack7", `${id}=${other}`], once: true, json: true }, [
      file,
      other,
    ]);
    const first = await ask(agent, "x");
    const second = await ask(stranger, "x");
    const { status, stdout } = await run;
    expect([status, bundleOf(first).site, bundleOf(second).site]).toEqual([0, "rack7", "rack8"]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string });
    expect(events.map(({ event }) => event)).toEqual(["site", "site", "ready", "sent", "sent"]);
    expect(events.at(-1)).toMatchObject({ agent: id, site: "rack8", address: "127.0.0.1" });
  });

  it("with --any gives it to an agent that nobody knows, once is enough", async () => {
    const run = published({ any: true, once: true });
    expect(bundleOf(await ask(stranger, "blank")).targets).toEqual({ any: true });
    expect((await run).status).toBe(0);
  });

  it("signs anew what changed, keeps to the last good one, and to its number after a restart", async () => {
    const run = published({ any: true });
    const before = await ask(undefined, "");
    writeFileSync(path.join(dir, "draft"), `${SITE}nonsense: true\n`);
    renameSync(path.join(dir, "draft"), file);
    await until("the mistake", () => complained.includes("nonsense"));
    expect(digestOf(await ask(undefined, ""))).toBe(digestOf(before));
    writeFileSync(path.join(dir, "draft"), SITE.replace("150", "151"));
    renameSync(path.join(dir, "draft"), file);
    await until("the new bundle", () => /serial \d+1, /.test(told));
    const after = await ask(undefined, "");
    expect(bundleOf(after).serial).toBe(NOW_MS / 1000 + 1);
    rack.interrupt();
    await run;
    announced = undefined;
    rack.wallMs += 3_600_000;
    const again = published({ any: true, once: true });
    expect(digestOf(await ask(undefined, ""))).toBe(digestOf(after));
    await again;
  });

  it("is what agents fetch from, which know the server by the operator's key", async () => {
    const run = published({ for: ["rack7"] });
    const { port } = await until("the server", () => announced);
    const fetched = (as: typeof AGENT, of: Certificate, etag?: string) =>
      fetchBundle({
        url: new URL(`https://127.0.0.1:${port}/v1/bundle?agent=${as.publicKey.fingerprint}`),
        etag,
        identity: { key: as, ...of },
        trusts: (key) => Buffer.from(key).equals(rack.key.publicKey.octets),
        keyOnly: true,
        signal: AbortSignal.timeout(10_000),
      });
    const first = await fetched(AGENT, agent);
    if (first.kind !== "bundle") throw new Error(first.kind);
    expect(openBundle(first.octets).signer).toBe(rack.key.publicKey.fingerprint);
    expect((await fetched(AGENT, agent, first.etag)).kind).toBe("unchanged");
    expect((await fetched(STRANGER, stranger)).kind).toBe("none");
    rack.interrupt();
    expect((await run).status).toBe(0);
  });

  it("goes on where nothing can be announced", async () => {
    let port = 0;
    const run = published({ any: true, once: true }, [file], (publication) => {
      port = publication.port;
      announced = publication;
      throw new AgentError("E_DISCOVERY", "no multicast here");
    });
    await until("the port", () => port > 0);
    expect((await ask(undefined, "")).status).toBe(200);
    const { status, stderr } = await run;
    expect([status, stderr]).toEqual([0, expect.stringContaining("not announced: E_DISCOVERY")]);
  });

  it("refuses what is not clear, not there or not good before it listens", async () => {
    const tries = [
      [{ any: true, for: ["x"] }, "E_USAGE"],
      [{ interface: "nope0" }, "E_INTERFACE"],
    ] as const;
    for (const [options, code] of tries) {
      expect((await published(options)).error?.code).toBe(code);
    }
    expect((await published({}, [path.join(dir, "gone.yaml")])).error?.code).toBe("E_SITE_READ");
    writeFileSync(file, "site: 1\n");
    expect((await published({})).error?.code).toBe("E_SITE_INVALID");
    expect(announced).toBeUndefined();
  });
});
