import path from "node:path";
import { recordOf, servedVersion, shortDigest } from "../../assets/cache/named-version.ts";
import { ociReference } from "../../assets/stores/oci-source.ts";
import { FILE_TYPE, pushArtifact } from "../../assets/stores/push-oci.ts";
import { pushObject } from "../../assets/stores/push-s3.ts";
import {
  createStoreEnvironment,
  type StoreEnvironment,
} from "../../assets/stores/store-environment.ts";
import { AgentError } from "../../errors.ts";
import { octetsText } from "../../log/timeline.ts";
import type { CommandHost } from "../host.ts";
import { wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { barLine, LiveLines } from "../progress-bar.ts";
import { packageVersion } from "../version.ts";
import { cacheContext, withCache } from "./context.ts";
import { type PushTarget, pushTarget } from "./push-target.ts";
import { assetName, type SiteLine, siteLines } from "./site-lines.ts";

const RATE_MS = 250;

export interface PushOptions {
  readonly state?: string;
  readonly json?: true;
  readonly site?: string;
  readonly asset: readonly string[];
  readonly tag: readonly string[];
  readonly overwrite?: true;
  readonly plainHttp?: true;
}

/** A file that goes into a store. */
interface Upload {
  readonly path: string;
  readonly title: string;
  /** Of the cache's own: what it must be. */
  readonly sha256?: string;
}

/** What came of one. */
interface Pushed {
  readonly title: string;
  readonly sha256: string;
  readonly size: number;
  /** False: the store had it already. */
  readonly sent: boolean;
  readonly address: string;
}

/** `pilotlight cache push`: puts local files, or assets of the cache, into a registry or a bucket. */
export async function push(
  host: CommandHost,
  to: string,
  files: readonly string[],
  options: PushOptions,
): Promise<void> {
  const uploads = files.map(upload);
  if (uploads.length === 0 && options.asset.length === 0) {
    throw new AgentError("E_USAGE", "there is nothing to push", {
      cure: "Name files, or assets of the cache with --asset NAME.",
    });
  }
  const { site, plainHttp = false } = options;
  const target = await pushTarget(to, { site, plainHttp }, host.env);
  const environment = createStoreEnvironment({
    variables: host.env,
    version: packageVersion(),
    warn: (text) => host.stderr.write(`${text}\n`),
  });
  const stop = new AbortController();
  host.onStopSignal(() =>
    stop.abort(
      new AgentError("E_USAGE", "stopped before everything was there", {
        cure: "Type the command again: what the store has already is not sent again.",
      }),
    ),
  );
  const send = (all: readonly Upload[]): Promise<void> =>
    pushAll(host, target, all, options, environment, stop.signal);
  try {
    if (options.asset.length === 0) await send(uploads);
    else {
      const context = cacheContext(host, options);
      await withCache(context, async (cache) => {
        const kept = options.asset.map((name) => {
          const version = servedVersion(recordOf(cache, name));
          if (version && cache.blob(version.digest)) {
            const { digest, fileName = name } = version;
            return { path: cache.blobPath(digest), title: fileName, sha256: digest };
          }
          throw new AgentError("E_ASSET_PENDING", `"${name}" is not in the cache`);
        });
        for (const { title, sha256 } of kept) {
          if (!(await cache.check(sha256)).sound) throw damaged(title, sha256);
        }
        await send([...kept, ...uploads]);
      });
    }
  } finally {
    await environment.close();
  }
}

async function pushAll(
  host: CommandHost,
  target: PushTarget,
  uploads: readonly Upload[],
  options: PushOptions,
  environment: StoreEnvironment,
  signal: AbortSignal,
): Promise<void> {
  const bars = new PushBars(host);
  let digest: string | undefined;
  let pushed: readonly Pushed[];
  try {
    if (target.kind === "oci") {
      ({ digest, pushed } = await intoRegistry(
        target,
        uploads,
        options,
        environment,
        signal,
        bars,
      ));
    } else pushed = await intoBucket(target, uploads, options, environment, signal, bars);
  } finally {
    bars.close();
  }
  for (const { title, sha256 } of pushed) {
    const wanted = uploads.find((u) => u.title === title)?.sha256;
    if (wanted !== undefined && wanted !== sha256) throw damaged(title, wanted);
  }
  if (options.json) {
    printJson(
      { host },
      {
        ...(digest === undefined ? {} : { digest }),
        files: pushed,
      },
    );
    return;
  }
  const lines = pushed.map(
    ({ address, size, sent }) =>
      `${address}: ${octetsText(size)}${sent ? "" : ", which it had already"}`,
  );
  if (digest !== undefined && target.kind === "oci") {
    lines.push(`${ociReference(target.registry)} is ${digest}`);
  }
  lines.push("", "In the site:", "", ...siteLines(pushed.map((p) => lineOf(target, p))));
  print({ host }, lines);
}

async function intoRegistry(
  target: Extract<PushTarget, { kind: "oci" }>,
  uploads: readonly Upload[],
  options: PushOptions,
  environment: StoreEnvironment,
  signal: AbortSignal,
  bars: PushBars,
): Promise<{ readonly digest: string; readonly pushed: readonly Pushed[] }> {
  const present = new Set<string>();
  const result = await pushArtifact({
    target: target.registry,
    files: uploads.map(({ path: file, title }) => ({ path: file, title, mediaType: FILE_TYPE })),
    alsoTags: options.tag,
    environment,
    signal,
    progress: (p) => {
      if (p.present) present.add(p.title);
      bars.show(p.title, p.sent, p.size);
    },
  });
  const pushed = result.files.map((file) => ({
    ...file,
    sent: !present.has(file.title),
    address: `oci://${result.reference} ${file.title}`,
  }));
  return { digest: result.digest, pushed };
}

async function intoBucket(
  target: Extract<PushTarget, { kind: "s3" }>,
  uploads: readonly Upload[],
  options: PushOptions,
  environment: StoreEnvironment,
  signal: AbortSignal,
  bars: PushBars,
): Promise<readonly Pushed[]> {
  if (options.tag.length > 0) {
    throw new AgentError("E_USAGE", "--tag is for registries: objects in a bucket have no tags");
  }
  const titles = uploads.map(({ title }) => title);
  const twice = titles.find((title, i) => titles.indexOf(title) !== i);
  if (twice !== undefined) throw new AgentError("E_USAGE", `two files have the title "${twice}"`);
  const pushed: Pushed[] = [];
  for (const { path: file, title } of uploads) {
    const key = `${target.prefix}${title}`;
    const { sha256, size, sent } = await pushObject({
      target: { ...target.bucket, key },
      file,
      contentType: FILE_TYPE,
      environment,
      existing: options.overwrite ? "overwrite" : "refuse",
      progress: (octets, total) => bars.show(title, octets, total),
      signal,
    });
    pushed.push({ title, sha256, size, sent, address: `s3://${target.bucket.bucket}/${key}` });
  }
  return pushed;
}

function lineOf(target: PushTarget, { title, sha256 }: Pushed): SiteLine {
  const source =
    target.kind === "oci"
      ? { oci: ociReference(target.registry), title }
      : { s3: `${target.bucket.bucket}/${target.prefix}${title}` };
  return { name: assetName(title), source, sha256 };
}

/** "FILE" or "FILE=TITLE"; a file whose name has "=" in it needs a title. */
function upload(text: string): Upload {
  const at = text.lastIndexOf("=");
  const file = at < 0 ? text : text.slice(0, at);
  const title = at < 0 ? path.basename(text) : text.slice(at + 1);
  if (file === "" || title === "") {
    throw new AgentError("E_USAGE", `"${text}" is neither FILE nor FILE=TITLE`);
  }
  return { path: path.resolve(file), title };
}

function damaged(title: string, sha256: string): AgentError {
  return new AgentError("E_ASSET_DAMAGED", `${title}: ${shortDigest(sha256)} is damaged on disk`, {
    cure: "Run `pilotlight cache verify`: it takes the damaged octets out, and has them fetched again.",
  });
}

/** One bar for the file that is being sent. */
class PushBars {
  private readonly live: LiveLines;
  private title = "";
  private beganMs = 0;
  private shownMs = 0;

  constructor({ stderr, env }: CommandHost) {
    this.live = new LiveLines(stderr, wantsColour(stderr.isTTY === true, env));
  }

  show(title: string, octets: number, total: number): void {
    const nowMs = performance.now();
    if (title !== this.title) {
      this.title = title;
      this.beganMs = nowMs;
    } else if (nowMs - this.shownMs < RATE_MS) return;
    this.shownMs = nowMs;
    const ms = nowMs - this.beganMs;
    const rate = ms > 0 ? (octets / ms) * 1000 : 0;
    const text = barLine({ name: title, octets, total, rate }, this.live.width);
    this.live.draw([{ text, style: "bar" }]);
  }

  close(): void {
    this.live.close(true);
  }
}
