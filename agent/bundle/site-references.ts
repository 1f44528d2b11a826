import type { Problems } from "../site/problems.ts";
import { isKeyText } from "../site/public-key.ts";
import type { RawSite } from "../site/schema.ts";

/** A relative path that a site file names. */
export interface Reference {
  /** Where it stands in the file: keys from the root down. */
  readonly at: readonly string[];
  /** As it was written. */
  readonly written: string;
  /**
   * `file`: configuration, which has to be beside the site file wherever that is. `asset`: too large for a bundle, or not known by
   * name. `secret`: must not be copied about.
   */
  readonly kind: "file" | "asset" | "secret";
}

/** Keys whose values name credentials: `{ file: PATH }`. */
const CREDENTIALS: ReadonlySet<string> = new Set(["password", "token", "accessKey", "secretKey"]);

const NO_CREDENTIALS: ReadonlySet<string> = new Set(["assets", "profiles", "defaults", "machines"]);

/**
 * Every path in a site file that is relative to it, in no special order. An absolute one is of the host that serves the site,
 * and needs not travel.
 *
 * `data`: the file as plain data; `raw`: the same after its form was found right.
 */
export function referencesOf(data: unknown, raw: RawSite): readonly Reference[] {
  return [
    ...assetReferences(raw),
    ...profileReferences(raw),
    ...authorityReferences(raw),
    ...sections(data).flatMap(([key, value]) => [...credentialReferences(value, [key])]),
  ].filter(({ written }) => !written.startsWith("/"));
}

function* assetReferences({ assets = {} }: RawSite): Generator<Reference> {
  for (const [name, asset] of Object.entries(assets)) {
    const at = ["assets", name];
    for (const key of ["file", "folder"] as const) {
      const written = asset[key];
      if (written !== undefined) yield { at: [...at, key], written, kind: "asset" };
    }
    for (const tool of ["signify", "minisign"] as const) {
      const written = asset.checksums?.[tool];
      if (written === undefined || isKeyText(written)) continue;
      yield { at: [...at, "checksums", tool], written, kind: "file" };
    }
  }
}

function* profileReferences({ profiles = {} }: RawSite): Generator<Reference> {
  for (const [name, profile] of Object.entries(profiles)) {
    const at = ["profiles", name];
    for (const kind of ["bsd", "linux"] as const) {
      const written = profile[kind]?.root;
      if (typeof written === "string") yield { at: [...at, kind, "root"], written, kind: "asset" };
    }
    for (const [file, source] of Object.entries(profile.files ?? {})) {
      if (typeof source === "string" || source.template === undefined) continue;
      yield { at: [...at, "files", file, "template"], written: source.template, kind: "file" };
    }
  }
}

function* authorityReferences({ stores = {} }: RawSite): Generator<Reference> {
  for (const [name, { ca }] of Object.entries(stores)) {
    if (ca !== undefined) yield { at: ["stores", name, "ca"], written: ca, kind: "file" };
  }
}

/** Those that can have credentials: in the others an asset or a machine may be called "token". */
function sections(data: unknown): readonly (readonly [string, unknown])[] {
  if (typeof data !== "object" || data === null) return [];
  return Object.entries(data).filter(([key]) => !NO_CREDENTIALS.has(key));
}

/** Wherever a section takes credentials, they have this form. */
function* credentialReferences(data: unknown, at: readonly string[]): Generator<Reference> {
  if (typeof data !== "object" || data === null) return;
  for (const [key, value] of Object.entries(data)) {
    const here = [...at, key];
    const file = CREDENTIALS.has(key) ? fileOf(value) : undefined;
    if (file !== undefined) yield { at: [...here, "file"], written: file, kind: "secret" };
    else yield* credentialReferences(value, here);
  }
}

function fileOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("file" in value)) return undefined;
  return typeof value.file === "string" ? value.file : undefined;
}

/** Reports a path that cannot travel in a bundle, with what to do. */
export function reportStranded({ at, written, kind }: Reference, problems: Problems): void {
  const path = JSON.stringify(written);
  if (kind === "asset") {
    const message = `${path} lies beside this site file, and the agent's host does not have it`;
    const cure =
      at.at(-1) === "root"
        ? "name files of the root instead (root: { NAME: ASSET }), or a directory of the agent's host by its absolute path"
        : "put it into a store (`pilotlight cache push`) and name it there, or write the absolute path that it has on the agent's host";
    problems.add(at, message, cure);
    return;
  }
  const message = `${path} is a credential, which does not travel with the site`;
  const cure = `put it on the agent's host and write its absolute path there, or use { env: NAME }`;
  problems.add(at, message, cure);
}
