import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { request } from "undici";
import { signatureHeaders } from "../../agent/assets/stores/s3-signature.ts";
import { Child } from "../real/support/child.ts";

/** Debian's Python: another one in the PATH does not find Swift's modules. */
const PYTHON = "/usr/bin/python3";
const REGION = "us-east-1";
/** Swift's user `rack:light`: S3 keys of tempauth are "account:user". */
const ACCESS_KEY = "rack:light";
const SECRET_KEY = "a-secret-for-tests";
const START_WITHIN_MS = 60_000;
const EVERY_MS = 50;

export interface S3Server {
  /** "http://127.0.0.1:PORT". */
  readonly endpoint: string;
  readonly port: number;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** With virtual-host style a bucket is at BUCKET.s3.test. */
  readonly domain: string;
  createBucket(bucket: string): Promise<void>;
  /** Any signed request, for what the product has no function for. Resolves to the body; rejects unless the status is 2xx. */
  ask(
    method: "GET" | "PUT" | "POST" | "DELETE",
    pathAndQuery: string,
    body?: Uint8Array,
  ): Promise<string>;
  /** Kills the front process (connections break), so that nothing answers at the endpoint. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, at the same port with the same objects. */
  revive(): Promise<void>;
  /** What the servers logged last, for failures. */
  log(): string;
  /** Ends every process and removes the objects. */
  stop(): Promise<void>;
}

/**
 * OpenStack Swift with its s3api middleware: a real S3 server that verifies signatures, payload digests and clocks. One replica
 * of everything on loopback, in a folder of its own; runs as whoever starts it. Ready in about 4 seconds.
 *
 * Needs Debian's swift-proxy, swift-account, swift-container, swift-object and memcached.
 */
export async function startS3Server(): Promise<S3Server> {
  const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-s3-"));
  const [proxy, account, container, object, memcached] = await freePorts(5);
  const ports = { proxy, account, container, object, memcached } as Ports;
  const children = new Map<string, Child>();
  const start = (name: string, command: readonly string[]): void => {
    // They end with the process that runs the tests, even if that is killed.
    const tied = ["setpriv", "--pdeathsig", "KILL", ...command];
    children.set(name, new Child(tied, path.join(dir, `${name}.log`)));
  };
  const startSwift = (name: string): void =>
    start(name, [
      PYTHON,
      `/usr/bin/swift-${name}-server`,
      path.join(dir, `${name}.conf`),
      "verbose",
    ]);
  const log = (): string =>
    [...children].map(([name, child]) => `  ${name}:\n${child.tail(8)}`).join("\n");
  const stop = async (): Promise<void> => {
    await Promise.all([...children.values()].map((child) => child.stop("SIGKILL")));
    rmSync(dir, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${ports.proxy}`;
  /** Until an object can be written: all servers have to be there for that. */
  const answering = async (): Promise<void> => {
    const patienceEnds = performance.now() + START_WITHIN_MS;
    for (;;) {
      const dead = [...children].find(([, child]) => child.ended !== undefined);
      if (dead !== undefined) throw new Error(`${dead[0]} ended:\n${log()}`);
      try {
        // After the first start the bucket is there, which Swift refuses with 409: the object tells.
        await ask("PUT", "/readiness").catch(() => undefined);
        await ask("PUT", "/readiness/object", new Uint8Array(1));
        return;
      } catch (cause) {
        if (performance.now() > patienceEnds) {
          throw new Error(`Swift does not answer:\n${log()}`, { cause });
        }
        await later(EVERY_MS);
      }
    }
  };
  const ask: S3Server["ask"] = async (method, pathAndQuery, body) => {
    const url = new URL(endpoint + pathAndQuery);
    const headers = await signatureHeaders(
      { method, url, headers: {}, payload: "UNSIGNED-PAYLOAD", region: REGION, nowMs: Date.now() },
      { accessKey: ACCESS_KEY, secretKey: SECRET_KEY },
    );
    const answer = await request(url, { method, headers, body: body ?? null });
    const text = await answer.body.text();
    if (answer.statusCode < 300) return text;
    throw new Error(`${method} ${pathAndQuery}: ${answer.statusCode} ${text}`);
  };
  try {
    configure(dir, ports);
    start("memcached", [
      "memcached",
      ...["-u", userInfo().username, "-l", "127.0.0.1", "-p", `${ports.memcached}`, "-m", "16"],
    ]);
    for (const name of ["account", "container", "object", "proxy"]) startSwift(name);
    await answering();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    port: ports.proxy,
    region: REGION,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    domain: "s3.test",
    createBucket: async (bucket) => {
      await ask("PUT", `/${bucket}`);
    },
    ask,
    kill: async () => {
      await children.get("proxy")?.stop("SIGKILL");
    },
    revive: async () => {
      startSwift("proxy");
      await answering();
    },
    log,
    stop,
  };
}

interface Ports {
  readonly proxy: number;
  readonly account: number;
  readonly container: number;
  readonly object: number;
  readonly memcached: number;
}

/** Rings with one device each, and one configuration a server. */
function configure(dir: string, ports: Ports): void {
  mkdirSync(path.join(dir, "devices", "d1"), { recursive: true });
  const write = (name: string, lines: readonly string[]): void =>
    writeFileSync(path.join(dir, name), `${lines.join("\n")}\n`);
  const common = (port: number): readonly string[] => [
    "[DEFAULT]",
    "bind_ip = 127.0.0.1",
    `bind_port = ${port}`,
    // In the process itself: one pid a server to end.
    "workers = 0",
    `user = ${userInfo().username}`,
    `swift_dir = ${dir}`,
    `devices = ${dir}/devices`,
    "mount_check = false",
    "disable_fallocate = true",
    "fallocate_reserve = 0",
    // There is no syslog to write to; `verbose` has the log on stdout.
    `log_address = ${dir}/no-syslog`,
  ];
  write("swift.conf", [
    "[swift-hash]",
    "swift_hash_path_suffix = pilotlight",
    "swift_hash_path_prefix = pilotlight",
    "[storage-policy:0]",
    "name = one",
    "default = yes",
  ]);
  for (const name of ["account", "container", "object"] as const) {
    write(`${name}.conf`, [
      ...common(ports[name]),
      "[pipeline:main]",
      `pipeline = ${name}-server`,
      `[app:${name}-server]`,
      `use = egg:swift#${name}`,
      `recon_cache_path = ${dir}`,
    ]);
  }
  const filters = {
    catch_errors: [],
    memcache: [`memcache_servers = 127.0.0.1:${ports.memcached}`],
    listing_formats: [],
    s3api: [`location = ${REGION}`, "storage_domain = s3.test"],
    tempauth: [`user_${ACCESS_KEY.replace(":", "_")} = ${SECRET_KEY} .admin`],
    slo: [],
    dlo: [],
  };
  write("proxy.conf", [
    ...common(ports.proxy),
    "[pipeline:main]",
    `pipeline = ${Object.keys(filters).join(" ")} proxy-server`,
    "[app:proxy-server]",
    "use = egg:swift#proxy",
    "account_autocreate = true",
    // While the servers start, requests fail; that must not keep the proxy from trying them again.
    "error_suppression_limit = 1000000",
    ...Object.entries(filters).flatMap(([name, lines]) => [
      `[filter:${name}]`,
      `use = egg:swift#${name}`,
      ...lines,
    ]),
  ]);
  const rings = `
import sys
from swift.common.ring import RingBuilder
for name, port in (("account", ${ports.account}), ("container", ${ports.container}), ("object", ${ports.object})):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1.0})
    builder.rebalance(seed=1)
    builder.get_ring().save(sys.argv[1] + "/" + name + ".ring.gz")
`;
  execFileSync(PYTHON, ["-c", rings, dir]);
}

/** Ports that were free just now, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            resolve(typeof address === "object" && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}
