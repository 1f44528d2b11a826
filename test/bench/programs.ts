import { existsSync } from "node:fs";
import { join } from "node:path";

/** Where packages are unpacked that cannot be installed beside another one that is needed. */
const UNPACKED = "test-output/programs";

/** Which Debian package a program is of. */
const PACKAGES: Readonly<Record<string, string>> = {
  perfdhcp: "kea-admin",
  "kea-dhcp4": "kea-dhcp4-server",
  // Without the service that the package dnsmasq would start.
  dnsmasq: "dnsmasq-base",
  "ganesha.nfsd": "nfs-ganesha nfs-ganesha-vfs",
  cc: "gcc libc6-dev",
};

/** Packages of which programs are unpacked and not installed. */
const UNPACKED_PACKAGES: Readonly<Record<string, string>> = {
  // atftpd's package conflicts with it, and has a program of that name too.
  "in.tftpd": "tftpd-hpa",
};

/** Where a program is; only its name when it is nowhere. Daemons are not always in the path of who is not root. */
export function programPath(name: string): string {
  if (name in UNPACKED_PACKAGES) return join(process.cwd(), UNPACKED, "usr/sbin", name);
  const { PATH = "" } = process.env;
  const folders = [...PATH.split(":"), "/usr/sbin", "/sbin"];
  return folders.map((dir) => join(dir, name)).find((path) => existsSync(path)) ?? name;
}

/** What to say of programs that are not there; undefined when all are. */
export function whatIsMissing(names: readonly string[]): string | undefined {
  const missing = [...new Set(names)].filter((name) => !existsSync(programPath(name)));
  if (missing.length === 0) return undefined;
  const unpacked = missing.flatMap((name) => UNPACKED_PACKAGES[name] ?? []);
  const installed = missing.filter((name) => !(name in UNPACKED_PACKAGES));
  const packages = [...new Set(installed.map((name) => PACKAGES[name] ?? name))].join(" ");
  const lines = [`missing: ${missing.join(", ")}. Type:`, "sudo apt-get update"];
  if (packages) lines.push(`sudo apt-get install -y --no-install-recommends ${packages}`);
  for (const name of unpacked) {
    lines.push(
      `mkdir -p ${UNPACKED} && cd ${UNPACKED} && apt-get download ${name} && dpkg -x ${name}_*.deb . && cd -`,
    );
  }
  return lines.join("\n");
}
