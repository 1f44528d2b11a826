import path from "node:path";
import type { Location } from "./leaves-locations.ts";
import type { Path } from "./problems.ts";
import { isKeyText, refuseKey } from "./public-key.ts";
import { baseNameOf, resolveLocation, type SourceContext } from "./resolve-sources.ts";
import type { RawChecksums } from "./schema-assets.ts";
import type { ChecksumsSpec, SourceSpec } from "./site.ts";
import { quote } from "./wording.ts";

/** What the words about checksums are resolved against. */
export interface ChecksumsContext extends SourceContext {
  /** The text of a small file; undefined when there is none that can be read. */
  readonly readKey: (file: string) => string | undefined;
}

type Signature = NonNullable<ChecksumsSpec["signature"]>;

/** minisign's name for the signature of a file. */
const MINISIGN_SUFFIX = ".minisig";

/** Undefined when something is missing or wrong, which is reported. `source`: the asset's own, undefined when that is wrong. */
export function resolveChecksums(
  asset: string,
  raw: RawChecksums,
  source: SourceSpec | undefined,
  context: ChecksumsContext,
): ChecksumsSpec | undefined {
  const { problems } = context;
  const at = ["assets", asset, "checksums"];
  if (raw.url === undefined) {
    const cure = "say where the list is: checksums: { url: URL }";
    problems.addMissing(at, "url", `checksums of asset "${asset}" have no url`, cure);
  }
  const entry = raw.entry ?? (source && baseNameOf(source));
  const unclear = problems.isExcused(["assets", asset, "match"]);
  if (entry === undefined && source !== undefined && !unclear) {
    const cure = "add the name that the list has for it: entry: NAME";
    problems.addMissing(at, "entry", `checksums of asset "${asset}" have no entry`, cure);
  }
  const list = raw.url && resolveLocation(raw.url, [...at, "url"], context);
  const signature = resolveSignature(asset, raw, at, context);
  if (list === undefined || entry === undefined) return undefined;
  return Object.freeze({ source: list, entry, ...(signature === undefined ? {} : { signature }) });
}

function resolveSignature(
  asset: string,
  raw: RawChecksums,
  at: Path,
  context: ChecksumsContext,
): Signature | undefined {
  const { problems } = context;
  const { signify, minisign, signature, url } = raw;
  if (signify !== undefined && minisign !== undefined) {
    const message = `checksums of asset "${asset}" have both signify and minisign`;
    problems.add([...at, "minisign"], message, "keep the one that the list is signed by", "key");
    return undefined;
  }
  const source = signature && resolveLocation(signature, [...at, "signature"], context);
  if (signify !== undefined) {
    const key = publicKey(signify, "signify", [...at, "signify"], context);
    if (key === undefined) return undefined;
    return Object.freeze({ by: "signify", key, ...(source === undefined ? {} : { source }) });
  }
  if (minisign !== undefined) {
    const key = publicKey(minisign, "minisign", [...at, "minisign"], context);
    const beside = url && resolveLocation(besideOf(url), [...at, "url"], context);
    const from = signature === undefined ? beside : source;
    return key === undefined || from === undefined
      ? undefined
      : Object.freeze({ by: "minisign", key, source: from });
  }
  const excused = ["signify", "minisign"].some((key) => problems.isExcused([...at, key]));
  if (signature !== undefined && !excused) {
    const message = `checksums of asset "${asset}" have a signature and no key to check it with`;
    const cure = 'add signify: KEY or minisign: KEY, or remove "signature"';
    problems.add([...at, "signature"], message, cure, "key");
  }
  return undefined;
}

/** The key's text, read from its file unless it is written out. */
function publicKey(
  written: string,
  tool: "signify" | "minisign",
  at: Path,
  { dir, problems, readKey }: ChecksumsContext,
): string | undefined {
  const inline = isKeyText(written);
  const file = path.resolve(dir, written);
  const text = inline ? written.trim() : readKey(file);
  if (text === undefined) {
    const message = `the public key ${quote(written)} is not there, or cannot be read`;
    const cure = `put it at ${file}, correct the path (relative to the site file), or write the key's own line`;
    problems.add(at, message, cure);
    return undefined;
  }
  const refused = refuseKey(text, tool);
  if (refused === undefined) return text;
  problems.add(
    at,
    inline ? refused.message : `${quote(written)}: ${refused.message}`,
    refused.cure,
  );
  return undefined;
}

function besideOf(location: Location): Location {
  switch (location.kind) {
    case "file":
      return { kind: "file", file: `${location.file}${MINISIGN_SUFFIX}` };
    case "s3":
      return { ...location, key: `${location.key}${MINISIGN_SUFFIX}` };
    case "http": {
      const url = new URL(location.url);
      url.pathname += MINISIGN_SUFFIX;
      return { kind: "http", url: url.href };
    }
  }
}
