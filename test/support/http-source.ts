import { HttpSource } from "../../agent/assets/stores/http-source.ts";
import type { ObjectVersion, OpenObject } from "../../agent/assets/stores/source.ts";
import type { StoreEnvironment } from "../../agent/assets/stores/store-environment.ts";
import type { StoreAccess } from "../../agent/site/site.ts";
import { drain, never, storeEnvironment } from "./store-environment.ts";

/** How a source is reached. */
export interface At {
  readonly access?: StoreAccess;
  readonly env?: StoreEnvironment;
}

/** The source of a URL, in an environment of the test. */
export function sourceOf(
  url: string,
  { access = {}, env = storeEnvironment() }: At = {},
): HttpSource {
  return new HttpSource({ kind: "http", url, access }, env);
}

export function open(source: HttpSource, from = 0, version?: ObjectVersion): Promise<OpenObject> {
  return source.open({ from, ...(version && { version }), signal: never() });
}

/** All octets of a source. */
export async function fetched(source: HttpSource): Promise<Buffer> {
  return drain((await open(source)).octets);
}
