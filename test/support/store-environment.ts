import { onTestFinished } from "vitest";
import {
  exchange,
  type HttpRequest,
  type HttpResponse,
} from "../../agent/assets/stores/http-exchange.ts";
import {
  createStoreEnvironment,
  type StoreEnvironment,
  type StoreEnvironmentOptions,
} from "../../agent/assets/stores/store-environment.ts";

/** A store environment of one test, closed with it. `warnings`: what it warned of. */
export function storeEnvironment(
  options: Partial<StoreEnvironmentOptions> = {},
): StoreEnvironment & { readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const env = createStoreEnvironment({
    variables: {},
    version: "1.2.3",
    warn: (text) => warnings.push(text),
    ...options,
  });
  onTestFinished(() => env.close());
  return Object.assign(env, { warnings });
}

/** What a signal is when nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** All octets of a stream. */
export async function drain(octets: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of octets) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** An exchange with GET, unless `more` says otherwise. */
export function get(
  url: string,
  more: Partial<HttpRequest> = {},
  env = storeEnvironment(),
): Promise<HttpResponse> {
  return exchange(env, { method: "GET", url, signal: never(), ...more });
}
