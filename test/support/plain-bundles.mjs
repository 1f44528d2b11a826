// Bundles without a signature, as JSON: `plainTools` of bundles.ts for programs that run from what was built.
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { AgentError } from "../../dist/agent/errors.js";

export const plainTools = {
  open(octets) {
    const { serial, text } = JSON.parse(Buffer.from(octets).toString());
    const digest = createHash("sha256").update(octets).digest("hex");
    const site = /site: (\S+)/.exec(text)?.[1] ?? "";
    return { bundle: { serial, site, text }, signer: "me", octets, digest };
  },
  judge({ bundle }, highest) {
    if (bundle.serial > highest) return;
    throw new AgentError("E_BUNDLE_REFUSED", `serial ${bundle.serial} is not above ${highest}`);
  },
  async unpack({ bundle }, folder) {
    mkdirSync(`${folder}.new`);
    writeFileSync(`${folder}.new/site.yaml`, bundle.text);
    renameSync(`${folder}.new`, folder);
    return `${folder}/site.yaml`;
  },
  signerName: () => "me",
};
