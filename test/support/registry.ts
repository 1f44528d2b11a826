import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ANNOTATION, type Descriptor } from "../../agent/assets/stores/oci-manifest.ts";
import { Child } from "../real/support/child.ts";
import type { BlobBox } from "./oci-images.ts";

const START_MS = 20_000;

/** How a {@link Registry} differs from one that anybody may use. */
export interface RegistryOptions {
  /** The value of `auth` of its configuration, as JSON. */
  readonly auth?: object;
  /** PEM files. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** Debian's docker-registry, on loopback, with a folder of its own. Whoever starts it closes it. */
export class Registry {
  /** "127.0.0.1:PORT", the same after a restart. */
  host = "127.0.0.1:0";
  readonly dir: string;
  private readonly options: RegistryOptions;
  private child: Child | undefined;

  private constructor(dir: string, options: RegistryOptions) {
    this.dir = dir;
    this.options = options;
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const dir = mkdtempSync(path.join(tmpdir(), "pilotlight-registry-"));
    const registry = new Registry(dir, options);
    await registry.start();
    return registry;
  }

  /** Starts it again, with what it has, at the same address. */
  async start(): Promise<void> {
    const { auth, tls } = this.options;
    const config = {
      version: 0.1,
      log: { level: "info", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: path.join(this.dir, "data") } },
      http: {
        addr: this.host,
        // For Location in its answers: the port is not known before.
        relativeurls: true,
        ...(tls === undefined ? {} : { tls }),
      },
      ...(auth === undefined ? {} : { auth }),
    };
    // YAML has JSON in it.
    const file = path.join(this.dir, "config.yml");
    writeFileSync(file, JSON.stringify(config));
    const env = { OTEL_TRACES_EXPORTER: "none" };
    const log = path.join(this.dir, "log");
    this.child = new Child(["docker-registry", "serve", file], log, env);
    const listening = /listening on (127\.0\.0\.1:\d+)/;
    if ((await this.child.until(listening, START_MS)) !== "match") {
      throw new Error(`docker-registry does not start:\n${this.child.tail()}`);
    }
    this.host = listening.exec(this.child.text)?.[1] ?? "";
  }

  /** Ends it at once, connections included. */
  async kill(): Promise<void> {
    await this.child?.stop("SIGKILL");
  }

  /** The file in which it keeps a blob. */
  blobFile(digest: string): string {
    const hex = digest.slice("sha256:".length);
    const blobs = path.join(this.dir, "data", "docker", "registry", "v2", "blobs", "sha256");
    return path.join(blobs, hex.slice(0, 2), hex, "data");
  }

  /** What it printed last, for a failing test. */
  tail(): string {
    return this.child?.tail() ?? "";
  }

  async close(): Promise<void> {
    await this.child?.stop("SIGTERM");
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Writes an OCI image layout; `refs` name manifests of the box. */
export function writeLayout(
  dir: string,
  box: BlobBox,
  refs: Readonly<Record<string, Descriptor>>,
): void {
  const blobs = path.join(dir, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  for (const [digest, octets] of box.blobs) {
    writeFileSync(path.join(blobs, digest.slice("sha256:".length)), octets);
  }
  const manifests = Object.entries(refs).map(([ref, descriptor]) => ({
    ...descriptor,
    annotations: { [ANNOTATION.refName]: ref },
  }));
  writeFileSync(path.join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(path.join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** Runs skopeo without a policy file; gives what it prints. */
export function skopeo(...args: readonly string[]): string {
  const all = ["--insecure-policy", ...args];
  return execFileSync("skopeo", all, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** A certificate for 127.0.0.1 that signs itself, and its key, as PEM files in a folder. */
export function selfSigned(dir: string): { readonly certificate: string; readonly key: string } {
  const certificate = path.join(dir, "certificate.pem");
  const key = path.join(dir, "key.pem");
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=test authority"],
      ...["-addext", "subjectAltName=IP:127.0.0.1"],
    ],
    { stdio: "ignore" },
  );
  return { certificate, key };
}
