import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import {
  createStoreEnvironment,
  type StoreEnvironment,
} from "../../../../../agent/assets/stores/store-environment.ts";
import { BlobBox } from "../../../../support/oci-images.ts";

/** A request that a fake server got. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** An HTTP server of the test on a free port of loopback; `answer` returning false: 404. */
export async function serve(answer: Answer): Promise<{ host: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    const { authorization, range } = headers;
    asked.push({ method, path: url, authorization, range });
    request.resume();
    if (!answer(request, response)) response.writeHead(404).end('{"errors":[]}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** A registry that can be made to misbehave: it serves a {@link BlobBox}, except where `answer` does first. */
export class FakeRegistry {
  readonly box = new BlobBox();
  readonly tags = new Map<string, string>();
  answer: Answer = () => false;
  private server: { host: string; asked: Asked[] } | undefined;

  static async start(): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    registry.server = await serve((request, response) => registry.handle(request, response));
    return registry;
  }

  get host(): string {
    return this.server?.host ?? "";
  }

  get asked(): Asked[] {
    return this.server?.asked ?? [];
  }

  private handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.answer(request, response)) return true;
    const [, kind, name = ""] =
      /^\/v2\/boot\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? [];
    const digest = this.tags.get(name) ?? name;
    const octets = this.box.blobs.get(digest);
    if (kind === undefined || octets === undefined) return false;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { "docker-content-digest": digest, "content-length": octets.length - from };
    if (from === 0) response.writeHead(200, headers);
    else {
      const range = `bytes ${from}-${octets.length - 1}/${octets.length}`;
      response.writeHead(206, { ...headers, "content-range": range });
    }
    response.end(request.method === "HEAD" ? undefined : octets.subarray(from));
    return true;
  }
}

/** What stores need from outside, closed when the test ends. */
export function environment(
  variables: Record<string, string> = {},
  now?: () => number,
): StoreEnvironment {
  const env = createStoreEnvironment({
    variables,
    version: "0.0.0",
    warn: () => undefined,
    timeouts: { connectMs: 5_000, headersMs: 5_000, stallMs: 5_000 },
    ...(now === undefined ? {} : { now }),
  });
  onTestFinished(() => env.close());
  return env;
}
