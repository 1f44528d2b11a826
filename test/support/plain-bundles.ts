import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { OpenedBundle } from "../../agent/bundle/bundle.ts";
import type { BundleTools } from "../../agent/config/config-input.ts";
import { AgentError } from "../../agent/errors.ts";

/** A bundle without a signature, as JSON: what the keeper of bundles makes of one is the same. */
export function plainBundle(
  serial: number,
  site: string,
  more: { readonly expires?: number } = {},
): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ serial, text: site, ...more }));
}

/** Tools for those. `refuse`: why the next one is not accepted. */
export const plainTools: BundleTools = {
  open(octets): OpenedBundle {
    let raw: { readonly serial: number; readonly text: string; readonly expires?: number };
    try {
      raw = JSON.parse(new TextDecoder().decode(octets));
    } catch (cause) {
      throw new AgentError("E_BUNDLE", "this is no bundle", { cause });
    }
    const bundle = {
      version: 1,
      site: /site: (\S+)/.exec(raw.text)?.[1] ?? "",
      serial: raw.serial,
      targets: { any: true },
      made: 0,
      main: "site.yaml",
      files: new Map([["site.yaml", new TextEncoder().encode(raw.text)]]),
      ...(raw.expires === undefined ? {} : { expires: raw.expires }),
    } as const;
    const digest = createHash("sha256").update(octets).digest("hex");
    return { bundle, signer: "k".repeat(52), octets, digest };
  },
  judge({ bundle }, highestSerial) {
    if (bundle.serial > highestSerial) return;
    const message = `serial ${bundle.serial} is not above ${highestSerial}`;
    throw new AgentError("E_BUNDLE_REFUSED", message);
  },
  unpack({ bundle }, folder) {
    const draft = `${folder}.new`;
    mkdirSync(draft, { recursive: true });
    for (const [name, octets] of bundle.files) writeFileSync(path.join(draft, name), octets);
    renameSync(draft, folder);
    return Promise.resolve(path.join(folder, bundle.main));
  },
  signerName: () => "eva@laptop",
};
