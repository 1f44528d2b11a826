/** What is read in one run. */
export interface FileCase {
  readonly name: string;
  readonly kind: "tftp" | "nfs";
  readonly clients: number;
  /** One of `FILES`. */
  readonly file: string;
  /** Octets that each client reads; of TFTP always the whole file. */
  readonly octets: number;
  /** Octets of a block or of a READ. */
  readonly blksize: number;
  readonly windowsize: number;
}

/** The files and their sizes. All of them begin alike; block numbers do not wrap in the largest one. */
export const FILES = { large: 64_000_000, middle: 4_000_000, small: 1_000_000 } as const;
export const LARGEST = "large";

const BLKSIZE = 1_428;
const KIB = 1_024;

export const CASES: readonly FileCase[] = [
  tftp("TFTP lockstep, 1 client", 1, "large", 1),
  tftp("TFTP windowsize 16, 1 client", 1, "large", 16),
  tftp("TFTP lockstep, 16 clients", 16, "middle", 1),
  tftp("TFTP lockstep, 64 clients", 64, "small", 1),
  nfs("NFS READ 1 KiB, 1 client", 1, 32_000_000, KIB),
  nfs("NFS READ 8 KiB, 1 client", 1, 64_000_000, 8 * KIB),
  nfs("NFS READ 1 KiB, 16 clients", 16, 2_000_000, KIB),
  nfs("NFS READ 8 KiB, 16 clients", 16, 4_000_000, 8 * KIB),
];

function tftp(
  name: string,
  clients: number,
  file: keyof typeof FILES,
  windowsize: number,
): FileCase {
  return { name, kind: "tftp", clients, file, octets: FILES[file], blksize: BLKSIZE, windowsize };
}

function nfs(name: string, clients: number, octets: number, blksize: number): FileCase {
  return { name, kind: "nfs", clients, file: LARGEST, octets, blksize, windowsize: 1 };
}
