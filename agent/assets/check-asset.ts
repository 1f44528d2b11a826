import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { AgentError } from "../errors.ts";
import { systemClock } from "../link/clock.ts";
import type { AssetSpec, SourceSpec } from "../site/site.ts";
import { publishedDigest } from "./checksums/published-digest.ts";
import { fetchText } from "./fetch/fetch-text.ts";
import { FETCH_LIMITS } from "./fetch/keeper-options.ts";
import { openSource } from "./stores/open-source.ts";
import { readSecret } from "./stores/secret.ts";
import type { StoreEnvironment } from "./stores/store-environment.ts";
import { treat } from "./treatment/treat.ts";
import { treatmentKey } from "./treatment/treatment.ts";

/** How much is asked. */
export interface CheckOptions {
  readonly stores: StoreEnvironment;
  /** Ask the stores as well; without it only what lies on this host is looked at. */
  readonly ask: boolean;
  readonly signal: AbortSignal;
}

/**
 * What would keep an asset from being served, as far as it can be told without fetching it.
 *
 * Files of this host are read from end to end: against their digest, and unpacked as the site says. Stores are asked, with
 * `ask`, whether they have the object. Rejects with what is not an AgentError, and with the signal's reason.
 */
export async function checkAsset(
  spec: AssetSpec,
  options: CheckOptions,
): Promise<readonly AgentError[]> {
  const problems: AgentError[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      problems.push(named(spec, error));
      return undefined;
    }
  };
  const digest = spec.sha256 ?? (await attempt(() => listedDigest(spec, options)));
  for (const source of spec.sources) {
    if (source.kind === "file" || source.kind === "folder") {
      await attempt(() => checkLocal(spec, source, digest, options));
    } else if (options.ask) {
      await attempt(() => openSource(source, options.stores).probe(undefined, options.signal));
    }
  }
  return problems;
}

/** The digest that a list has for it; undefined where there is no list, or it is not to be asked for. */
async function listedDigest(
  { checksums }: AssetSpec,
  { stores, ask, signal }: CheckOptions,
): Promise<string | undefined> {
  if (!checksums || (!ask && checksums.source.kind !== "file")) return undefined;
  return publishedDigest(checksums, (source) =>
    fetchText(openSource(source, stores), systemClock, FETCH_LIMITS, signal),
  );
}

async function checkLocal(
  spec: AssetSpec,
  source: Extract<SourceSpec, { readonly kind: "file" | "folder" }>,
  digest: string | undefined,
  { stores, signal }: CheckOptions,
): Promise<void> {
  const opened = await openSource(source, stores).open({ from: 0, signal });
  const hash = createHash("sha256");
  for await (const octets of opened.octets) hash.update(octets);
  const found = hash.digest("hex");
  if (digest !== undefined && digest !== found) {
    const where = source.kind === "file" ? source.file : source.folder;
    throw new AgentError(
      "E_ASSET_DIGEST",
      `${where} has sha256 ${found}, but the site wants ${digest}`,
    );
  }
  if (source.kind !== "file" || treatmentKey(spec.treatment) === "") return;
  const { size } = await stat(source.file);
  const { treatment } = spec;
  const input = { file: source.file, size, treatment, label: source.file, signal };
  for await (const _ of treat(input));
}

/** Says which asset it is about, where the message does not. */
function named({ name }: AssetSpec, error: AgentError): AgentError {
  const { code, message, cure } = error;
  return new AgentError(code, `asset "${name}": ${message}`, { cause: error, cure });
}

/** Credentials that the stores of a site refer to and that are not there for this process. */
export async function missingSecrets(
  specs: Iterable<AssetSpec>,
  stores: StoreEnvironment,
): Promise<readonly AgentError[]> {
  const missing = new Map<string, AgentError>();
  for (const { sources } of specs) {
    for (const ref of sources.flatMap(secretsOf)) {
      try {
        await readSecret(ref, stores);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        missing.set(error.message, error);
      }
    }
  }
  return [...missing.values()];
}

type Secret = Parameters<typeof readSecret>[0];

function secretsOf(source: SourceSpec): readonly Secret[] {
  if (source.kind === "s3") return [source.accessKey, source.secretKey].filter(isThere);
  if (source.kind !== "http" && source.kind !== "oci") return [];
  return [source.access.password, source.access.token].filter(isThere);
}

function isThere(secret: Secret | undefined): secret is Secret {
  return secret !== undefined;
}
