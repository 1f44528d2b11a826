import { writeFile } from "node:fs/promises";
import path from "node:path";
import { standIn } from "../lab/stand-ins.ts";

/** Octets of what is booted. */
export interface StormSizes {
  /** First boot programs: of Suns, of PXE and UEFI, and the firmware of Raspberry Pis. */
  readonly loader: number;
  /** What PCs boot by HTTP. */
  readonly kernel: number;
  /** What Suns boot by NFS and Raspberry Pis by TFTP, an octet at a time so to speak: each READ and each block is waited for. */
  readonly small: number;
}

/** A file that all machines of a kind share. */
export interface StormFile {
  /** The asset in the site. */
  readonly asset: string;
  /** In the folder of the site. */
  readonly file: string;
  readonly octets: Uint8Array;
}

const CONFIG_OCTETS = 400;

/** The files of a storm; the same on every host, so that whoever loads them knows them without a copy. */
export function stormFiles({ loader, kernel, small }: StormSizes): readonly StormFile[] {
  const list: readonly (readonly [asset: string, file: string, octets: number])[] = [
    // A Sun's PROM loads whole words, and the agent pads to that.
    ["sun-loader", "ofwboot.net", (loader + 3) & ~3],
    ["sun-kernel", "bsd", small],
    ["ipxe-bios", "undionly.kpxe", loader],
    ["ipxe-efi", "ipxe.efi", loader],
    ["kernel", "vmlinuz", kernel],
    ["pi-firmware", "start4.elf", loader],
    ["pi-config", "config.txt", CONFIG_OCTETS],
    ["pi-kernel", "kernel8.img", small],
  ];
  return list.map(([asset, file, octets], i) => {
    return { asset, file, octets: standIn(i + 1, octets) };
  });
}

/** Puts the site and its files into a folder that is there; returns the path of the site file. */
export async function writeStorm(
  folder: string,
  site: string,
  files: readonly StormFile[],
): Promise<string> {
  for (const { file, octets } of files) await writeFile(path.join(folder, file), octets);
  const siteFile = path.join(folder, "site.yaml");
  await writeFile(siteFile, site);
  return siteFile;
}

/**
 * Compares what arrives with the files, octet by octet. Names are as firmware asks: a URL, a path, and for a Sun's first file
 * its address in hex.
 */
export class StormContent {
  private readonly files: ReadonlyMap<string, Buffer>;
  private readonly loader: Buffer | undefined;

  constructor(files: readonly StormFile[]) {
    const buffers = files.map(({ asset, file, octets }) => {
      const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
      return { asset, file, buffer };
    });
    // A boot program is an asset in a URL of the agent, and a file name to TFTP: it is known by both.
    this.files = new Map(
      buffers.flatMap(({ asset, file, buffer }) => [
        [asset, buffer],
        [file, buffer],
      ]),
    );
    this.loader = this.files.get("sun-loader");
  }

  /** What is wrong with a piece of a file; undefined: nothing, or a file that is not ours, as a generated script is. */
  check(name: string, fileAt: number, u8: Uint8Array, at: number, len: number): string | undefined {
    const want = this.named(name);
    if (!want) return undefined;
    if (fileAt + len > want.length) return `it has more than ${want.length} octets`;
    if (want.compare(u8, at, at + len, fileAt, fileAt + len) === 0) return undefined;
    return `it is not as expected from octet ${fileAt} on`;
  }

  /** How long a file must be; undefined: it is not ours. */
  sizeOf(name: string): number | undefined {
    return this.named(name)?.length;
  }

  private named(name: string): Buffer | undefined {
    const last = name.slice(name.lastIndexOf("/") + 1);
    return this.files.get(last) ?? (/^[0-9A-F]{8}$/.test(last) ? this.loader : undefined);
  }
}
