import type { NetworkInterfaceInfo } from "node:os";
import { AgentError, formatAgentError } from "../../errors.ts";
import type { PrivateKey } from "../../identity/ed25519.ts";
import { endpoint } from "../../link/endpoint.ts";
import { Assignment } from "../../publish/assignment.ts";
import { BUNDLE_PATH, ConfigServer } from "../../publish/config-server.ts";
import type { PublishedSerials } from "../../publish/published-serials.ts";
import { PublishedSite } from "../../publish/published-site.ts";
import { loadSite } from "../../site/load.ts";
import type { SteerOptions } from "./context.ts";
import { PublishDesk } from "./publish-desk.ts";
import { packGoodSite } from "./push.ts";
import type { Steering } from "./steering.ts";

/** Where `publish` listens unless it is told otherwise. */
export const PUBLISH_PORT = 7459;

export interface PublishOptions extends SteerOptions {
  /** "AGENT" or "AGENT=SITE". */
  readonly for?: readonly string[];
  readonly any?: true;
  readonly interface?: string;
  readonly port?: number;
  readonly once?: true;
}

/** What is announced by mDNS. */
export interface Publication {
  readonly port: number;
  /** Of the URL. */
  readonly path: string;
  /** Of the operator's key. */
  readonly fingerprint: string;
  /** Absent: on all interfaces. */
  readonly interface?: string;
}

/** An announcement that is kept alive. */
export interface Announced {
  /** The name in use, which a conflict may have changed. */
  readonly instance: string;
  stop(): Promise<void>;
}

/** What publishing takes beside that which steering takes. */
export interface Publishing extends Steering {
  readonly makeCertificate: (
    key: PrivateKey,
  ) => Promise<{ readonly certificate: string; readonly privateKey: string }>;
  /** Rejects with E_DISCOVERY where nothing can be announced. */
  readonly announce: (publication: Publication) => Promise<Announced>;
  readonly openSerials: () => Promise<PublishedSerials>;
  /** As node:os gives them. */
  readonly interfaces: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
}

/** `pilotlight publish`: a configuration server on the operator's own host, until it is stopped. */
export async function publish(
  parts: Publishing,
  files: readonly string[],
  options: PublishOptions,
): Promise<void> {
  const offered: { file: string; name: string }[] = [];
  for (const file of files) offered.push({ file, name: (await loadSite(file)).name });
  const wishes = { for: options.for ?? [], any: options.any ?? false };
  const assignment = new Assignment(offered, wishes, parts.met());
  const addresses = listenAddresses(parts, options.interface);
  const key = await parts.key();
  const { wallMs, sealBundle } = parts;
  const serials = await parts.openSerials();
  const packSite = (file: string): ReturnType<Steering["packSite"]> => packGoodSite(parts, file);
  const sites = files.map(
    (file, i) =>
      new PublishedSite(file, assignment.targetsOf(i), {
        ...{ key, serials, wallMs, packSite, sealBundle },
      }),
  );
  for (const site of sites) await site.refresh();
  const { certificate, privateKey } = await parts.makeCertificate(key);
  const desk = new PublishDesk(parts, { assignment, sites, options });
  const server = new ConfigServer({
    certificate,
    privateKey,
    give: (asker) => desk.give(asker),
    answered: (asker, how, digest) => desk.answered(asker, how, digest),
    failed: (address, why) => desk.failed(address, why),
  });
  let announced: Announced | undefined;
  try {
    let port = options.port ?? PUBLISH_PORT;
    for (const address of addresses) port = await server.listen(address, port);
    const publication = {
      ...{ port, path: BUNDLE_PATH, fingerprint: key.publicKey.fingerprint },
      ...(options.interface === undefined ? {} : { interface: options.interface }),
    };
    announced = await announce(parts, publication);
    desk.begin(urlsOf(parts, options.interface, port), announced?.instance);
    await desk.ended;
  } finally {
    desk.close();
    await Promise.allSettled([announced?.stop(), server.close()]);
  }
}

/** Announces it. Where that cannot be, agents are told the URL in other ways: worth a word, no reason to stop. */
async function announce(
  { host, announce: open }: Publishing,
  publication: Publication,
): Promise<Announced | undefined> {
  try {
    return await open(publication);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    host.stderr.write(`warning: not announced: ${formatAgentError(error)}\n`);
    return undefined;
  }
}

/** Undefined: all addresses. Throws E_INTERFACE. */
function listenAddresses(
  { interfaces }: Publishing,
  name: string | undefined,
): readonly (string | undefined)[] {
  if (name === undefined) return [undefined];
  const found = interfaces()[name];
  if (found === undefined || found.length === 0) {
    const have = Object.keys(interfaces()).join(", ");
    throw new AgentError("E_INTERFACE", `${name} is not there, is down or has no address`, {
      cure: `Interfaces with addresses are: ${have}.`,
    });
  }
  return found.map(({ address, family, scopeid }) =>
    family === "IPv6" && scopeid ? `${address}%${name}` : address,
  );
}

/** What agents can be told with --config-url, on a boot medium or by DHCP option 224. */
function urlsOf(
  { interfaces }: Publishing,
  name: string | undefined,
  port: number,
): readonly string[] {
  const all = name === undefined ? Object.values(interfaces()).flat() : (interfaces()[name] ?? []);
  return all.flatMap((found) => {
    // Of link-local addresses the zone differs from host to host.
    if (found === undefined || found.internal || found.scopeid) return [];
    return [`https://${endpoint(found.address, port)}${BUNDLE_PATH}`];
  });
}
