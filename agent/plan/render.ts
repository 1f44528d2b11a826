import { readFile, stat } from "node:fs/promises";
import { Liquid } from "liquidjs";
import { formatIpv4, maskOf } from "../../protocols/wire/ipv4-address.ts";
import type { Content } from "../assets/content.ts";
import { TextContent } from "../assets/text-content.ts";
import { AgentError } from "../errors.ts";
import type { Machine, Scalar, Site } from "../site/site.ts";
import { fileUrl } from "./offer.ts";

/** Limits of one template: it may come from the network, and must not be able to hold up the agent. */
const LIMITS = { parseLimit: 1_000_000, renderLimit: 1_000, memoryLimit: 10_000_000 };

/** What a template can name. */
export interface TemplateContext {
  readonly site: string;
  readonly server: string;
  readonly machine: {
    readonly name: string;
    readonly hostname: string;
    readonly mac: string;
    readonly ip: string;
    readonly netmask: string;
    readonly router: string;
  };
  /** The machine's `vars`. */
  readonly vars: Readonly<Record<string, Scalar>>;
  /** URL of each name in the profile's `files`; `base` is what they have in common. */
  readonly url: Readonly<Record<string, string>>;
}

/** What is known about a machine, as templates name it. */
export function templateContext(machine: Machine, site: Site): TemplateContext {
  const { network } = site;
  const server = formatIpv4(network.address);
  const url: Record<string, string> = { base: fileUrl(network.address, "") };
  for (const name of machine.profile?.files.keys() ?? []) {
    url[name] = fileUrl(network.address, name);
  }
  return {
    site: site.name,
    server,
    machine: {
      name: machine.name,
      hostname: machine.hostname,
      mac: machine.mac,
      ip: formatIpv4(machine.ip),
      netmask: formatIpv4(maskOf(network.prefixLen)),
      router: network.router === undefined ? "" : formatIpv4(network.router),
    },
    vars: machine.vars,
    url,
  };
}

/** Renders Liquid templates: they can compute texts, never run code or read files. */
export class Renderer {
  private readonly liquid = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    // No file may be included or laid out: a template reaches nothing but its context.
    templates: {},
    // Else it asks the host, for which Node loads 7 MB of data about languages; and a template is the same everywhere.
    locale: "en-US",
    ...LIMITS,
  });

  /** Rejects with E_TEMPLATE: a name that is not there, a syntax error, or a limit. */
  async text(template: string, context: TemplateContext): Promise<string> {
    try {
      return String(await this.liquid.parseAndRender(template, context));
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new AgentError("E_TEMPLATE", `template for ${context.machine.name}: ${detail}`, {
        cause,
      });
    }
  }

  /** A template file rendered as the content `name`, or why it cannot be. */
  async file(
    name: string,
    path: string,
    context: TemplateContext,
    siteMtimeMs: number,
  ): Promise<Content | AgentError> {
    try {
      const [template, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
      const rendered = await this.text(template, context);
      // The site's variables are in it too: whichever changed last dates it.
      const changedMs = Math.max(mtimeMs, siteMtimeMs);
      return new TextContent(name, rendered, Math.floor(changedMs / 1000) * 1000);
    } catch (cause) {
      if (cause instanceof AgentError) return cause;
      return new AgentError("E_TEMPLATE", `cannot read the template ${path}`, { cause });
    }
  }
}
