import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Family } from "../site/families.ts";
import type { Machine, MenuItem, Profile } from "../site/site.ts";
import { isPxeRom, itemText } from "./boot-menu.ts";
import type { Offer } from "./boot-plan.ts";

/** Name of the generated iPXE script. */
export const IPXE_SCRIPT = "boot.ipxe";

/** The URL of a file of the table; `name` "" gives what all of them begin with. */
export function fileUrl(server: Ipv4, name: string): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return `http://${formatIpv4(server)}${name === "" ? "" : `/${path}`}`;
}

/**
 * Decides what a machine is offered to boot, given who asks.
 *
 * `rootPath`: where its tree is exported, if it has one. `server`: our address. `item`: what was chosen from its menu.
 */
export function decideOffer(
  machine: Machine,
  family: Family,
  rootPath: string | undefined,
  server: Ipv4,
  item?: MenuItem,
): Offer {
  const { profile } = machine;
  if (!profile) {
    return {
      bootFile: undefined,
      file: undefined,
      rootPath,
      why: `${machine.name} has no profile: an address only`,
    };
  }
  if (family === "linux-kernel") {
    return {
      bootFile: undefined,
      file: undefined,
      // The kernel's parser (fs/nfs/nfsroot.c) takes "server:path"; libsa takes the option verbatim as the path.
      rootPath: rootPath && `${formatIpv4(server)}:${rootPath}`,
      why: `a kernel that looks for its root: profile ${profile.name}`,
    };
  }
  const { file, byUrl, why } = fileOf(machine, profile, family, item);
  const bootFile = file !== undefined && byUrl ? fileUrl(server, file) : file;
  return { bootFile, file, rootPath, why: item ? `chose ${itemText(item)}: ${why}` : why };
}

function fileOf(
  machine: Machine,
  profile: Profile,
  family: Family,
  item: MenuItem | undefined,
): { file: string | undefined; byUrl: boolean; why: string } {
  // HTTP boot takes nothing but a URL; all others would ask for one by TFTP.
  const byUrl = family.startsWith("uefi-http-");
  const boot = item?.boot ?? profile.boot;
  if (boot !== undefined) {
    const what = item?.boot === undefined ? `profile ${profile.name}` : "it";
    return { file: boot, byUrl, why: `${what} boots ${boot}` };
  }
  if (profile.bsd) {
    // The second stage takes a boot file for its kernel's name; it knows that name better than we do.
    return family === "bsd-loader"
      ? { file: undefined, byUrl, why: "its loader is running and wants its root" }
      : {
          file: profile.bsd.loader.name,
          byUrl: false,
          why: `profile ${profile.name} begins with its loader`,
        };
  }
  if (family === "ipxe") {
    return profile.linux?.kernel
      ? {
          file: IPXE_SCRIPT,
          byUrl: true,
          why: `iPXE gets the script of profile ${profile.name}`,
        }
      : { file: undefined, byUrl, why: `profile ${profile.name} has no kernel for iPXE` };
  }
  const program = machine.chain.get(family);
  const first = profile.menu?.items[0];
  if (!program && first?.boot !== undefined && !item && isPxeRom(family)) {
    const why = `${itemText(first)} boots ${first.boot} unless another one is chosen`;
    return { file: first.boot, byUrl, why };
  }
  if (!program) {
    return { file: undefined, byUrl, why: `the site's chain has no boot program for ${family}` };
  }
  return {
    file: program.name,
    byUrl,
    why: `first boot program of ${family} is ${program.name}`,
  };
}
