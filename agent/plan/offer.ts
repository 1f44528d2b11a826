import { formatIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import type { Family } from "../site/families.ts";
import type { Machine, Profile } from "../site/site.ts";
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
 * `rootPath`: where its tree is exported, if it has one. `server`: our address.
 */
export function decideOffer(
  machine: Machine,
  family: Family,
  rootPath: string | undefined,
  server: Ipv4,
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
  const { file, byUrl, why } = fileOf(machine, profile, family);
  const bootFile = file !== undefined && byUrl ? fileUrl(server, file) : file;
  return { bootFile, file, rootPath, why };
}

function fileOf(
  machine: Machine,
  profile: Profile,
  family: Family,
): { file: string | undefined; byUrl: boolean; why: string } {
  // HTTP boot takes nothing but a URL; all others would ask for one by TFTP.
  const byUrl = family.startsWith("uefi-http-");
  if (profile.boot !== undefined) {
    return { file: profile.boot, byUrl, why: `profile ${profile.name} boots ${profile.boot}` };
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
  if (!program) {
    return { file: undefined, byUrl, why: `the site's chain has no boot program for ${family}` };
  }
  return {
    file: program.name,
    byUrl,
    why: `first boot program of ${family} is ${program.name}`,
  };
}
