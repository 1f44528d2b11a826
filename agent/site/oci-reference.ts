import { Wrong } from "./leaves.ts";
import { refuseCredentials } from "./secrets.ts";
import { quote } from "./wording.ts";

/** An artifact in a registry, as `registry/repository:tag@digest` names it. */
export interface OciReference {
  /** In lower case, with its port if one is written. */
  readonly registry: string;
  readonly repository: string;
  /** The digest, if there is one, else the tag; "latest" where neither is written. */
  readonly reference: string;
}

/** What to write in general. */
export const REFERENCE_CURE =
  "write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST, as in registry.example.com/talos:v1.11.6";

const LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?::(\\d{1,5}))?$`);
/** OCI distribution-spec 1.1, "Pulling manifests": `<name>` and `<reference>`. */
const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${PART}(?:/${PART})*$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Docker's clients call its registry by another name than its host has. */
const DOCKER_NAMES: ReadonlySet<string> = new Set(["docker.io", "index.docker.io"]);
const DOCKER_HOST = "registry-1.docker.io";

/** Reads a reference. Undefined, or `Wrong` with better words, when it is none. */
export function parseOciReference(text: string): OciReference | Wrong | undefined {
  const refused = refuseCredentials(text) ?? refuseScheme(text);
  if (refused !== undefined) return refused;
  const [named = "", digest, ...more] = text.replace(/^oci:\/\//i, "").split("@");
  if (more.length > 0) return undefined;
  if (digest !== undefined && !DIGEST.test(digest)) {
    const cure = "write @sha256: and 64 lower-case hex digits after the repository";
    return new Wrong(`${quote(`@${digest}`)} is not the digest of a manifest`, cure);
  }
  const slash = named.indexOf("/");
  const host = named.slice(0, Math.max(slash, 0)).toLowerCase();
  if (!namesHost(host)) return shortName(text, named, slash);
  const registry = registryHost(host);
  if (registry === undefined) return undefined;
  const [repository = "", tag, ...others] = named.slice(slash + 1).split(":");
  if (others.length > 0 || repository.length > 255) return undefined;
  if (/[A-Z]/.test(repository) && REPOSITORY.test(repository.toLowerCase())) {
    const cure = `write it in lower case: ${repository.toLowerCase()}`;
    return new Wrong(`the repository ${quote(repository)} has capital letters`, cure);
  }
  if (!REPOSITORY.test(repository) || (tag !== undefined && !TAG.test(tag))) return undefined;
  if (registry === DOCKER_HOST && !repository.includes("/")) {
    return shortName(text, named.slice(slash + 1), -1);
  }
  return { registry, repository, reference: digest ?? tag ?? "latest" };
}

/** Reads what a store covers: `host[:port][/path]`, without a slash at its end. */
export function parseRegistry(text: string): string | Wrong | undefined {
  const refused = refuseCredentials(text) ?? refuseScheme(text);
  if (refused !== undefined) return refused;
  const named = text.replace(/^oci:\/\//i, "").replace(/\/$/, "");
  const slash = named.indexOf("/");
  const registry = registryHost((slash < 0 ? named : named.slice(0, slash)).toLowerCase());
  if (registry === undefined) return undefined;
  if (slash < 0) return registry;
  const path = named.slice(slash + 1);
  return REPOSITORY.test(path) ? `${registry}/${path}` : undefined;
}

function refuseScheme(text: string): Wrong | undefined {
  const [, scheme = ""] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? [];
  if (scheme === "" || scheme.toLowerCase() === "oci") return undefined;
  const cure =
    "begin with the registry's host; plainHttp: true in its store is for one without TLS";
  return new Wrong(`an OCI artifact has no ${quote(`${scheme}://`)} before it`, cure);
}

/** What tells a registry from the first part of a Docker Hub name. */
function namesHost(host: string): boolean {
  return /[.:]/.test(host) || host === "localhost";
}

function registryHost(host: string): string | undefined {
  const [, port] = HOST.exec(host) ?? [];
  if (!HOST.test(host) || (port !== undefined && !isPort(Number(port)))) return undefined;
  return DOCKER_NAMES.has(host) ? DOCKER_HOST : host;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

function shortName(text: string, named: string, slash: number): Wrong | undefined {
  const [name = ""] = named.split(":");
  if (slash < 0 && namesHost(name)) {
    return new Wrong(`${quote(text)} names a registry and no repository`, REFERENCE_CURE);
  }
  const digest = text.slice(text.indexOf("@") < 0 ? text.length : text.indexOf("@"));
  const full = `docker.io/${slash < 0 ? "library/" : ""}${named}${digest}`;
  const own = slash > 0 ? `; a host of yours with its port: ${named.replace("/", ":443/")}` : "";
  return new Wrong(
    `${quote(text)} is short for something at Docker Hub`,
    `write it in full, ${full}${own}`,
  );
}
