import type { RegistryTarget } from "../../assets/stores/registry-client.ts";
import type { S3Target } from "../../assets/stores/s3-address.ts";
import { AgentError } from "../../errors.ts";
import { Wrong } from "../../site/leaves.ts";
import { loadStores } from "../../site/load-stores.ts";
import { parseOciReference, REFERENCE_CURE } from "../../site/oci-reference.ts";
import { Problems } from "../../site/problems.ts";
import { resolveStores, type S3Access, type Stores } from "../../site/resolve-stores.ts";
import { refuseCredentials } from "../../site/secrets.ts";
import type { SecretRef, StoreAccess } from "../../site/site.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Where files are pushed to. */
export type PushTarget =
  | { readonly kind: "oci"; readonly registry: RegistryTarget & { readonly reference: string } }
  /** `prefix`: "" or with a slash at its end; a file's title follows it. */
  | { readonly kind: "s3"; readonly bucket: Omit<S3Target, "key">; readonly prefix: string };

/** How a target is reached beside what it says itself. */
export interface TargetOptions {
  /** The site file whose `stores` say how. */
  readonly site: string | undefined;
  /** Whether a registry has no TLS. */
  readonly plainHttp: boolean;
}

/**
 * Reads `oci://registry/repository:tag` or `s3://bucket/prefix/`, with credentials from the site's stores, else from the
 * environment. Rejects with E_USAGE, E_SITE_READ or E_SITE_INVALID.
 */
export async function pushTarget(
  text: string,
  options: TargetOptions,
  variables: Variables,
): Promise<PushTarget> {
  const refused = refuseCredentials(text);
  if (refused) throw wrong(refused);
  const stores = options.site === undefined ? noStores() : await loadStores(options.site);
  if (/^oci:\/\//i.test(text)) return ociTarget(text, stores, options, variables);
  if (/^s3:\/\//i.test(text)) return s3Target(text, stores, variables);
  throw new AgentError("E_USAGE", `"${text}" is not a place to push to`, {
    cure: "Write oci://REGISTRY/REPOSITORY:TAG or s3://BUCKET/PREFIX/.",
  });
}

function ociTarget(
  text: string,
  stores: Stores,
  { plainHttp }: TargetOptions,
  variables: Variables,
): PushTarget {
  const parsed = parseOciReference(text);
  if (parsed === undefined || parsed instanceof Wrong) throw wrong(parsed, REFERENCE_CURE);
  const store = stores.oci.find(`${parsed.registry}/${parsed.repository}`);
  return {
    kind: "oci",
    registry: {
      ...parsed,
      plainHttp: plainHttp || (store?.plainHttp ?? false),
      access: store?.access ?? environmentAccess(variables),
    },
  };
}

/** No tool has set names for these, unlike those of AWS. */
function environmentAccess(variables: Variables): StoreAccess {
  const { REGISTRY_USERNAME: username } = variables;
  if (username === undefined || username === "") return {};
  return { username, password: env("REGISTRY_PASSWORD") };
}

function s3Target(text: string, stores: Stores, variables: Variables): PushTarget {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/is.exec(text) ?? [];
  if (bucket === "" || prefix.startsWith("/") || /[?#\p{Cc}]/u.test(prefix)) {
    throw new AgentError("E_USAGE", `"${text}" does not name a bucket`, {
      cure: "Write s3://BUCKET/PREFIX/.",
    });
  }
  const folder = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const found = stores.s3.find(folder === "" ? bucket : `${bucket}/${folder.slice(0, -1)}`);
  const access = found ?? environmentS3(bucket, variables);
  // AWS has a certificate for hosts of one more label only, and host names know no capitals.
  const pathStyle = access.pathStyle ?? !/^[a-z0-9-]+$/.test(bucket);
  return { kind: "s3", bucket: { kind: "s3", ...access, bucket, pathStyle }, prefix: folder };
}

/** The names that AWS's own tools take. */
function environmentS3(bucket: string, variables: Variables): S3Access {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL } = variables;
  const region = AWS_REGION ?? AWS_DEFAULT_REGION;
  const endpoint = AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
  if (endpoint === undefined && region === undefined) {
    throw new AgentError("E_USAGE", `nothing says where the bucket "${bucket}" is`, {
      cure: "Give --site FILE with a store for it, or set AWS_REGION, or AWS_ENDPOINT_URL for another provider.",
    });
  }
  if (endpoint !== undefined && !isHttp(endpoint)) {
    throw new AgentError("E_USAGE", "AWS_ENDPOINT_URL is not an https: or http: URL");
  }
  const { AWS_ACCESS_KEY_ID } = variables;
  return {
    region: region ?? "us-east-1",
    endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
    ...(endpoint === undefined ? {} : { pathStyle: true }),
    ...(AWS_ACCESS_KEY_ID !== undefined
      ? { accessKey: env("AWS_ACCESS_KEY_ID"), secretKey: env("AWS_SECRET_ACCESS_KEY") }
      : {}),
  };
}

function env(variable: string): SecretRef {
  return { kind: "env", variable };
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function noStores(): Stores {
  return resolveStores({}, { dir: "/", problems: new Problems("", "") });
}

function wrong(found: Wrong | undefined, cure = ""): AgentError {
  return new AgentError("E_USAGE", found?.message ?? "this is not an OCI reference", {
    cure: found?.cure ?? cure,
  });
}
