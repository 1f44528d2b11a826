import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The rack of the boot tests: one address plan for all of them. */
export const NET = {
  rack: "rack0",
  agent: "172.24.42.150",
  cidr: "172.24.42.150/24",
  broadcast: "172.24.42.255",
  /** Two machines of the site. */
  v100: { mac: "00:03:ba:5b:ae:b3", ip: "172.24.42.51" },
  u5: { mac: "08:00:20:a1:b2:c3", ip: "172.24.42.52" },
  /** On the rack's wire, but not of the site. */
  stranger: { mac: "52:54:00:66:66:66", ip: "172.24.42.77" },
  /** A small file and a long one of both machines. */
  file: "hello",
  longFile: "long",
  longLen: 100_000,
  rootPath: "/sun",
} as const;

/** A site file in a directory of its own. */
export class BootSite {
  readonly dir: string;
  readonly path: string;

  /** `extra`: lines added at the end, at the top level. `change`: what to make of the usual text. */
  constructor(change: (text: string) => string = (text) => text) {
    this.dir = mkdtempSync(join(tmpdir(), "pilotlight-boot-"));
    this.path = join(this.dir, "site.yaml");
    writeFileSync(join(this.dir, "hello.txt"), "hello, rack\n");
    writeFileSync(join(this.dir, "long.bin"), new Uint8Array(NET.longLen).fill(0x5a));
    writeFileSync(this.path, change(TEXT));
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

const TEXT = `site: boot-test
network:
  address: ${NET.cidr}
assets:
  hello: { file: hello.txt }
  long: { file: long.bin }
profiles:
  sun:
    bsd: { loader: hello, root: { hello: hello } }
    files: { ${NET.file}: hello, ${NET.longFile}: long }
machines:
  v100: { mac: "${NET.v100.mac}", ip: ${NET.v100.ip}, profile: sun }
  u5: { mac: "${NET.u5.mac}", ip: ${NET.u5.ip}, profile: sun }
`;
