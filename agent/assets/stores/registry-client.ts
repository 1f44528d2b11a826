import type { StoreAccess } from "../../site/site.ts";
import { exchange, type HttpBody, type HttpMethod, type HttpResponse } from "./http-exchange.ts";
import { RegistryAuth } from "./registry-auth.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** Docker Hub is called otherwise than its host. */
const HUB: ReadonlySet<string> = new Set(["docker.io", "index.docker.io"]);
const HUB_HOST = "registry-1.docker.io";

/** A repository of a registry, and what is wanted of it. */
export interface RegistryTarget {
  /** Host, with a port where it is not the scheme's. */
  readonly registry: string;
  readonly repository: string;
  readonly plainHttp: boolean;
  readonly access: StoreAccess;
}

/** One request to a repository. */
export interface RegistryRequest {
  readonly method: HttpMethod;
  /** Below the repository, "manifests/v1.11.6", or a whole address that the registry gave. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Statuses that are answers. Redirects are followed. */
  readonly wanted: readonly number[];
  readonly signal: AbortSignal;
}

/**
 * One repository of a registry that speaks the OCI distribution API (distribution-spec 1.1) or Docker's registry API V2, with what
 * it wants to know of us. Credentials go to the registry's own origin alone: blobs come by redirect from object stores, which
 * refuse requests that carry two credentials, and which are none of ours.
 */
export class RegistryClient {
  /** "https://registry.example.com". */
  readonly origin: string;
  private readonly env: StoreEnvironment;
  private readonly base: string;
  private readonly scope: string;
  private readonly ca: string | undefined;
  private readonly auth: RegistryAuth;

  /** `actions`: "pull", "pull,push". */
  constructor(env: StoreEnvironment, target: RegistryTarget, actions: string) {
    const isHub = HUB.has(target.registry);
    const host = isHub ? HUB_HOST : target.registry;
    const { repository: name } = target;
    const repository = isHub && !name.includes("/") ? `library/${name}` : name;
    this.env = env;
    this.origin = new URL(`${target.plainHttp ? "http" : "https"}://${host}`).origin;
    this.base = `${this.origin}/v2/${repository}/`;
    this.scope = `repository:${repository}:${actions}`;
    this.ca = target.access.ca;
    this.auth = new RegistryAuth(env, target.access, target.registry, target.plainHttp);
  }

  /** Rejects as `exchange` and {@link RegistryAuth} do. */
  async request(request: RegistryRequest): Promise<HttpResponse> {
    const url = new URL(request.path, this.base);
    const first = await this.send(url, request);
    if (first.status !== 401 || first.url.origin !== this.origin)
      return this.wanted(first, request);
    first.discard();
    const { signal } = request;
    await this.auth.answer(first.headers["www-authenticate"], this.scope, signal);
    return this.wanted(await this.send(url, request), request);
  }

  private send(url: URL, request: RegistryRequest): Promise<HttpResponse> {
    const { method, headers, body, wanted, signal } = request;
    return exchange(this.env, {
      method,
      url: url.href,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
      wanted: [...wanted, 401],
      authorize: (hop) => (hop.url.origin === this.origin ? this.auth.headers(this.scope) : {}),
      ...(this.ca === undefined ? {} : { ca: this.ca }),
      signal,
    });
  }

  private wanted(response: HttpResponse, { wanted }: RegistryRequest): HttpResponse {
    if (response.status !== 401 || wanted.includes(401)) return response;
    response.discard();
    const who =
      response.url.origin === this.origin ? "it" : `${response.url.host}, where it sends us,`;
    throw this.auth.refused(`${who} refuses us; wrong credentials, or no such repository`);
  }
}
