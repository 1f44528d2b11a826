import { formatIpv4, type Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../../protocols/wire/mac-address.ts";
import type { StormFile } from "./files.ts";
import { profileOf, type StormMachine } from "./fleet.ts";

/** What the site of a storm says. */
export interface StormSite {
  /** Left out: `pilotlight serve` is told by --interface. */
  readonly interfaceName?: string | undefined;
  readonly address: Ipv4;
  readonly prefixLen: number;
  readonly files: readonly StormFile[];
  readonly machines: readonly StormMachine[];
}

/** The site file that a storm expects of its agent. */
export function stormSite(site: StormSite): string {
  const { interfaceName, address, prefixLen, files, machines } = site;
  return `# The rack of a boot storm, made by \`pilotlight sim storm\`. Its files are beside it: --write-site makes them.
site: storm
network:
${interfaceName === undefined ? "" : `  interface: ${interfaceName}\n`}  address: ${formatIpv4(address)}/${prefixLen}
assets:
${files.map(({ asset, file }) => `  ${asset}: { file: ${file} }\n`).join("")}profiles:
  sun:
    bsd: { loader: sun-loader, root: { bsd: sun-kernel } }
  pc:
    linux: { kernel: kernel, cmdline: "console=ttyS0" }
  pi:
    boot: start4.elf
    files: { start4.elf: pi-firmware, config.txt: pi-config, kernel8.img: pi-kernel }
defaults:
  chain: { pxe-bios: ipxe-bios, uefi-http-x64: ipxe-efi }
machines:
${machines.map(machineLine).join("")}`;
}

function machineLine({ name, family, mac, address }: StormMachine): string {
  const profile = profileOf(family);
  return `  ${name}: { mac: "${formatMac(mac)}", ip: ${formatIpv4(address)}, profile: ${profile} }\n`;
}
