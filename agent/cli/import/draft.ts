import type { Family } from "../../site/families.ts";

/** Something of the old way that has no counterpart, or one that a person must look at. */
export interface ImportNote {
  readonly file: string;
  /** From 1; 0: the file as a whole. */
  readonly line: number;
  readonly text: string;
}

export interface DraftMachine {
  name: string;
  mac?: string;
  ip?: string;
  hostname?: string;
  profile?: string;
}

export interface DraftSubnet {
  /** "10.77.0.0/24" */
  prefix: string;
  router?: string;
  dns?: string[];
  domain?: string;
  pool: string[];
  lease?: string;
}

export interface DraftProfile {
  /** Names that are served to asset names. */
  files: Map<string, string>;
  boot?: string;
  bsd?: { loader?: string; root: string; rootPath: string; bootparams: Map<string, string> };
}

/** What the readers find, before it is a site. Names are as in the old files; everything bounded by their size. */
export class Draft {
  readonly machines: Map<string, DraftMachine> = new Map();
  readonly subnets: Map<string, DraftSubnet> = new Map();
  readonly profiles: Map<string, DraftProfile> = new Map();
  /** Asset name to path or URL. */
  readonly assets: Map<string, string> = new Map();
  readonly chain: Map<Family, string> = new Map();
  readonly notes: ImportNote[] = [];
  /** By /etc/hosts: each name to its address. */
  readonly addressOf: Map<string, string> = new Map();
  interface?: string;
  /** Hosts that the old server did not know get an address too. */
  servesStrangers = false;

  note(file: string, line: number, text: string): void {
    this.notes.push({ file, line, text });
  }

  /** The machine of a name, whatever its case, made where it is not there yet. */
  machine(name: string): DraftMachine {
    const key = name.toLowerCase();
    const known = this.machines.get(key);
    if (known) return known;
    const made: DraftMachine = { name };
    this.machines.set(key, made);
    return made;
  }

  machineByMac(mac: string): DraftMachine | undefined {
    return [...this.machines.values()].find((m) => m.mac === mac);
  }

  subnet(prefix: string): DraftSubnet {
    const known = this.subnets.get(prefix);
    if (known) return known;
    const made: DraftSubnet = { prefix, pool: [] };
    this.subnets.set(prefix, made);
    return made;
  }

  /** An asset for a path or URL; its name comes from the last part. */
  asset(place: string): string {
    for (const [name, other] of this.assets) if (other === place) return name;
    const base = (place.split("/").at(-1) ?? "")
      .replace(/[^A-Za-z0-9._+-]/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "");
    let name = base === "" ? "asset" : base;
    for (let n = 2; this.assets.has(name); n++) name = `${base}-${n}`;
    this.assets.set(name, place);
    return name;
  }

  /** A profile that serves one boot file, the same for all that boot it. */
  bootProfile(file: string, place: string): string {
    for (const [name, profile] of this.profiles)
      if (profile.boot === file && !profile.bsd) return name;
    const asset = this.asset(place);
    let name = `boot-${asset}`;
    for (let n = 2; this.profiles.has(name); n++) name = `boot-${asset}-${n}`;
    this.profiles.set(name, { files: new Map([[file, asset]]), boot: file });
    return name;
  }
}
