import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { hexIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { AgentError } from "../../errors.ts";
import type { Draft } from "./draft.ts";

/** "AC182A33" or "AC182A33.SUN4M": what Sun PROMs ask for. */
const PROM_NAME = /^([0-9A-F]{8})(?:\.SUN4[A-Z]?)?$/;

/**
 * Finds the boot programs that /tftpboot has for machines' addresses in hex, which are mostly links to one file.
 *
 * Throws E_USAGE when the folder cannot be read.
 */
export function readTftpboot(folder: string, draft: Draft): void {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new AgentError("E_USAGE", `cannot read the folder ${folder}`, { cause });
  }
  const loaders = new Map<string, string>();
  for (const name of names) {
    const [, hex] = PROM_NAME.exec(name.toUpperCase()) ?? [];
    if (hex === undefined) continue;
    const place = fileAt(join(folder, name));
    if (place !== undefined) loaders.set(hex, place);
    else draft.note(join(folder, name), 0, "leads to no file");
  }
  for (const machine of draft.machines.values()) {
    const address = parseIpv4(machine.ip ?? draft.addressOf.get(machine.name.toLowerCase()) ?? "");
    const place = address === undefined ? undefined : loaders.get(hexIpv4(address));
    if (place === undefined) continue;
    const profile = draft.profiles.get(machine.profile ?? "");
    if (profile?.bsd) profile.bsd.loader ??= draft.asset(place);
    else machine.profile ??= draft.bootProfile(place.split("/").at(-1) ?? "boot", place);
  }
}

function fileAt(place: string): string | undefined {
  try {
    const real = realpathSync(place);
    return statSync(real).isFile() ? real : undefined;
  } catch {
    return undefined;
  }
}
