import { existsSync } from "node:fs";
import { join } from "node:path";

/** Which Debian package a program is of. */
const PACKAGES: Readonly<Record<string, string>> = {
  perfdhcp: "kea-admin",
  "kea-dhcp4": "kea-dhcp4-server",
  // Without the service that the package dnsmasq would start.
  dnsmasq: "dnsmasq-base",
};

/** Where a program is; only its name when it is nowhere. Daemons are not always in the path of who is not root. */
export function programPath(name: string): string {
  const { PATH = "" } = process.env;
  const folders = [...PATH.split(":"), "/usr/sbin", "/sbin"];
  return folders.map((dir) => join(dir, name)).find((path) => existsSync(path)) ?? name;
}

/** What to say of programs that are not there; undefined when all are. */
export function whatIsMissing(names: readonly string[]): string | undefined {
  const missing = [...new Set(names)].filter((name) => !existsSync(programPath(name)));
  if (missing.length === 0) return undefined;
  const packages = [...new Set(missing.map((name) => PACKAGES[name] ?? name))].join(" ");
  return `missing: ${missing.join(", ")}. Type:
sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages}`;
}
