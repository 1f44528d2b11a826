import path from "node:path";
import type { Path, Problems } from "./problems.ts";
import type { RawSecret, RawStore } from "./schema-stores.ts";
import type { SecretRef, StoreAccess } from "./site.ts";
import { quote } from "./wording.ts";

/** How the objects of an S3 store are reached. */
export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  /** Absent: the bucket decides. */
  readonly pathStyle?: boolean;
  readonly ca?: string;
  readonly accessKey?: SecretRef;
  readonly secretKey?: SecretRef;
}

/** How the artifacts of a registry are reached. */
export interface OciAccess {
  readonly plainHttp: boolean;
  readonly access: StoreAccess;
}

/** The stores that a site declares, by what they cover. */
export interface Stores {
  readonly url: Covers<StoreAccess>;
  readonly s3: Covers<S3Access>;
  readonly oci: Covers<OciAccess>;
  /** Whether one that is declared is wrong: then it may be the one that is found missing. */
  readonly incomplete: boolean;
}

/** What stores need to be resolved. */
export interface StoreContext {
  /** The site's folder. */
  readonly dir: string;
  readonly problems: Problems;
}

const KINDS = ["url", "s3", "oci"] as const;
type Kind = (typeof KINDS)[number];

/** What may stand in a store beside the key that gives its kind. */
const TAKES: Readonly<Record<Kind, readonly (keyof RawStore)[]>> = {
  url: ["username", "password", "token", "ca"],
  s3: ["endpoint", "region", "pathStyle", "accessKey", "secretKey", "ca"],
  oci: ["plainHttp", "username", "password", "token", "ca"],
};

/** AWS signs for this region where none is meant; other stores take it for the only one that they have. */
const DEFAULT_REGION = "us-east-1";

/** Stores of one kind. Of those that cover a name, the one with the longest prefix holds. */
export class Covers<T> {
  private readonly stores = new Map<string, { readonly at: Path; readonly access: T }>();

  /** The place of the store that has this prefix already; else undefined, and it is added. */
  add(prefix: string, at: Path, access: T): Path | undefined {
    const other = this.stores.get(prefix);
    if (other === undefined) this.stores.set(prefix, { at, access });
    return other?.at;
  }

  /** `name`: what follows after the scheme, without a query. A prefix ends where a name's part does. */
  find(name: string): T | undefined {
    for (let prefix = name; prefix !== ""; ) {
      const store = this.stores.get(prefix);
      if (store !== undefined) return store.access;
      prefix = prefix.slice(0, Math.max(prefix.lastIndexOf("/"), 0));
    }
    return this.stores.get("")?.access;
  }
}

/** The stores that are right; what is wrong with the others is reported. Whether one is ever used is nobody's concern. */
export function resolveStores(
  raw: Readonly<Record<string, RawStore>>,
  context: StoreContext,
): Stores {
  const { problems } = context;
  const before = problems.count;
  const stores = {
    url: new Covers<StoreAccess>(),
    s3: new Covers<S3Access>(),
    oci: new Covers<OciAccess>(),
  };
  for (const [name, store] of Object.entries(raw)) {
    const at = ["stores", name];
    const kind = kindOf(name, store, problems);
    if (kind === undefined) continue;
    checkKeys(name, store, kind, problems);
    const { url, s3, oci, plainHttp = false } = store;
    let other: Path | undefined;
    if (url !== undefined) other = stores.url.add(url, at, access(name, store, context));
    const s3Store = s3 === undefined ? undefined : s3Access(name, store, context);
    if (s3 !== undefined && s3Store !== undefined) other = stores.s3.add(s3, at, s3Store);
    if (oci !== undefined) {
      other = stores.oci.add(oci, at, { plainHttp, access: access(name, store, context) });
    }
    if (other === undefined) continue;
    const message = `store "${name}" covers the same as store "${other[1]}" on line ${problems.lineOf(other)}`;
    problems.add([...at, kind], message, "keep one of the two, or let one cover a longer path");
  }
  const incomplete = problems.isExcusedWithin(["stores"]) || problems.count > before;
  return { ...stores, incomplete };
}

function kindOf(name: string, store: RawStore, problems: Problems): Kind | undefined {
  const at = ["stores", name];
  const kinds = KINDS.filter((kind) => store[kind] !== undefined);
  const [first, second] = kinds;
  if (second !== undefined) {
    const message = `store "${name}" has both ${first} and ${second}`;
    problems.add([...at, second], message, "make two stores of it", "key");
    return undefined;
  }
  if (first !== undefined || KINDS.some((kind) => problems.isExcused([...at, kind]))) return first;
  const cure = "say what it covers: url: URL, s3: BUCKET or oci: REGISTRY";
  problems.addMissing(at, "url", `store "${name}" covers nothing`, cure);
  return undefined;
}

function checkKeys(name: string, store: RawStore, kind: Kind, problems: Problems): void {
  for (const key of Object.keys(store) as (keyof RawStore)[]) {
    if (key === kind || TAKES[kind].includes(key)) continue;
    const message = `"${key}" in store "${name}" is of no use with "${kind}"`;
    const cure = `remove it: beside "${kind}" a store takes ${TAKES[kind].join(", ")}`;
    problems.add(["stores", name, key], message, cure, "key");
  }
}

function access(name: string, store: RawStore, context: StoreContext): StoreAccess {
  const { problems } = context;
  const at = ["stores", name];
  const { username } = store;
  const password = secret(store.password, [...at, "password"], context);
  const token = secret(store.token, [...at, "token"], context);
  bothOrNone(name, store, ["username", "password"], problems);
  if (store.token !== undefined && store.username !== undefined) {
    const message = `store "${name}" has both a user name and a token`;
    problems.add([...at, "token"], message, "keep the one that the store asks for", "key");
  }
  return Object.freeze({
    ...authority(store, context),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(token === undefined ? {} : { token }),
  });
}

function s3Access(name: string, store: RawStore, context: StoreContext): S3Access | undefined {
  const { problems } = context;
  const at = ["stores", name];
  const { region = DEFAULT_REGION, pathStyle } = store;
  const accessKey = secret(store.accessKey, [...at, "accessKey"], context);
  const secretKey = secret(store.secretKey, [...at, "secretKey"], context);
  bothOrNone(name, store, ["accessKey", "secretKey"], problems);
  if (store.endpoint === undefined && store.region === undefined) {
    if (problems.isExcused([...at, "endpoint"])) return undefined;
    const message = `store "${name}" has neither a region nor an endpoint`;
    const cure = "add region: REGION for AWS, or endpoint: URL for any other";
    problems.addMissing(at, "region", message, cure);
    return undefined;
  }
  const { endpoint = awsEndpoint(region) } = store;
  if (pathStyle === false && hasAddress(endpoint)) {
    const message = `store "${name}" has an address for an endpoint, which no bucket's name can stand before`;
    problems.add(
      [...at, "pathStyle"],
      message,
      "write pathStyle: true, or give the endpoint by name",
    );
  }
  // Stores other than AWS's mostly know no host name for each bucket.
  const style = pathStyle ?? (store.endpoint === undefined ? undefined : true);
  return Object.freeze({
    endpoint,
    region,
    ...(style === undefined ? {} : { pathStyle: style }),
    ...authority(store, context),
    ...(accessKey === undefined ? {} : { accessKey }),
    ...(secretKey === undefined ? {} : { secretKey }),
  });
}

function authority({ ca }: RawStore, { dir }: StoreContext): { readonly ca?: string } {
  return ca === undefined ? {} : { ca: path.resolve(dir, ca) };
}

function bothOrNone(
  name: string,
  store: RawStore,
  keys: readonly [keyof RawStore, keyof RawStore],
  problems: Problems,
): void {
  const present = keys.find((key) => store[key] !== undefined);
  const absent = keys.find((key) => store[key] === undefined);
  if (present === undefined || absent === undefined) return;
  const at = ["stores", name];
  if (problems.isExcused([...at, absent])) return;
  const message = `store "${name}" has "${present}" without "${absent}"`;
  problems.add([...at, present], message, `add "${absent}", or remove "${present}"`, "key");
}

/** Reports what names no place or two. The credential itself is read when it is needed, and not here. */
export function secret(
  raw: RawSecret | undefined,
  at: Path,
  { dir, problems }: StoreContext,
): SecretRef | undefined {
  if (raw === undefined) return undefined;
  const { env, file } = raw;
  if (env !== undefined && file !== undefined) {
    const message = `${quote(at.at(-1) ?? "")} is in a variable and in a file`;
    problems.add([...at, "file"], message, "keep one of the two", "key");
  } else if (env === undefined && file === undefined && !problems.isExcused([...at, "env"])) {
    const message = `${quote(at.at(-1) ?? "")} does not say where the credential is`;
    problems.addMissing(at, "file", message, "write { env: NAME } or { file: PATH }");
  }
  if (env !== undefined) return Object.freeze({ kind: "env", variable: env });
  if (file === undefined) return undefined;
  return Object.freeze({ kind: "file", file: path.resolve(dir, file) });
}

function awsEndpoint(region: string): string {
  const host = `s3.${region.toLowerCase()}.amazonaws.com`;
  return `https://${host}${region.startsWith("cn-") ? ".cn" : ""}`;
}

function hasAddress(endpoint: string): boolean {
  return /^\[|^[\d.]+$/.test(new URL(endpoint).hostname);
}
