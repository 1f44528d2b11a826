import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { onTestFinished } from "vitest";
import type { KeyPair } from "./certificates.ts";
import { tempDir } from "./temp-dir.ts";
import { until } from "./until.ts";

export interface NginxOptions {
  /** Directives of the server block, beside `listen` and `root`. */
  readonly server?: string;
  readonly tls?: KeyPair;
  /** Files under the root. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Where it listens; absent: 127.0.0.1. */
  readonly address?: string;
  /** How its process is started, for one in a network namespace; absent: here. */
  readonly spawn?: (program: string, ...args: string[]) => NginxChild;
}

/** What is needed of its process. */
export type NginxChild = ChildProcessByStdio<Writable | null, Readable | null, Readable>;

/** Debian's nginx as one process on loopback or where a test wants it, with a configuration and folders of its own. Ends with the test. */
export class Nginx {
  readonly port: number;
  /** "http://127.0.0.1:PORT", or https: with a certificate. */
  readonly origin: string;
  /** Its folder of files. */
  readonly root: string;
  private readonly dir: string;
  private readonly spawn: (program: string, ...args: string[]) => NginxChild;
  private child: NginxChild | undefined;

  private constructor(port: number, options: NginxOptions) {
    const address = options.address ?? "127.0.0.1";
    this.port = port;
    this.spawn = options.spawn ?? spawnHere;
    this.origin = `${options.tls ? "https" : "http"}://${address}:${port}`;
    this.dir = tempDir({ "access.log": "" });
    this.root = join(this.dir, "root");
    mkdirSync(this.root);
    for (const [name, octets] of Object.entries(options.files ?? {})) this.put(name, octets);
    writeFileSync(join(this.dir, "nginx.conf"), config(this.dir, port, options));
  }

  static async start(options: NginxOptions = {}): Promise<Nginx> {
    const nginx = new Nginx(await freePort(), options);
    onTestFinished(() => nginx.kill());
    await nginx.start();
    return nginx;
  }

  /** Starts it again on the same port after `kill`. */
  async start(): Promise<void> {
    const child = this.spawn("nginx", "-p", this.dir, "-c", "nginx.conf", "-e", "stderr");
    this.child = child;
    let said = "";
    child.on("error", (error) => {
      said += error.message;
    });
    child.stderr.on("data", (piece) => {
      said += piece;
    });
    await until(
      () => `nginx to listen: ${said}`,
      () => pidIn(this.dir) === child.pid,
    );
  }

  /** Ends it at once, transfers included. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }

  put(name: string, octets: string | Uint8Array): void {
    writeFileSync(join(this.root, name), octets);
  }

  /** What was asked, once `count` answers were logged: "GET /a 206". */
  async requests(count: number): Promise<string[]> {
    const lines = (): string[] =>
      readFileSync(join(this.dir, "access.log"), "utf8").split("\n").slice(0, -1);
    await until(
      () => `${count} lines in the access log: ${lines().join("; ")}`,
      () => lines().length >= count,
    );
    return lines();
  }
}

function spawnHere(program: string, ...args: string[]): NginxChild {
  return spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** nginx writes its pid when it listens. */
function pidIn(dir: string): number {
  try {
    return Number(readFileSync(join(dir, "nginx.pid"), "utf8"));
  } catch {
    return 0;
  }
}

function config(dir: string, port: number, options: NginxOptions): string {
  const { server = "", tls, address = "127.0.0.1" } = options;
  const secure = tls ? `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};` : "";
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${dir}/${name};`)
    .join("\n  ");
  // One process: a killed master would leave its workers behind.
  return `daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log stderr;
events {}
http {
  ${temp}
  log_format short "$request_method $request_uri $status";
  access_log ${dir}/access.log short;
  server {
    listen ${address}:${port}${tls ? " ssl" : ""};
    root ${dir}/root;
    ${secure}
    ${server}
  }
}
`;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
