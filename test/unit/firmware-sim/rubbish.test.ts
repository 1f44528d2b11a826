import { describe, expect, it } from "vitest";
import {
  openFirmware,
  type SecondStageOrder,
} from "../../../firmware-sim/openfirmware/openfirmware.ts";
import { pxe } from "../../../firmware-sim/pxe/pxe.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import { ip, runBoot, sampleFile } from "./boot-run.ts";
import { httpResponse, ScriptedPxeServer } from "./scripted-pxe-server.ts";
import { ScriptedSunServer } from "./scripted-sun-server.ts";

const MAC = Uint8Array.of(0x00, 0x03, 0xba, 0x5b, 0xae, 0xb3);
const SERVER_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x77, 0x00, 0x01);
const SERVER = ip("172.24.42.150");
const CLIENT = ip("172.24.42.51");
const SEEDS: readonly number[] = Array.from({ length: 150 }, (_, i) => i + 1);
/** Whatever a server sends, a boot ends in words or goes on; it never throws. */
const VERDICT = /^(booted \d+|failed [a-z]+: .+|unfinished)$/s;

/** Now and then flips octets, cuts the end off or adds to it. */
function spoil(random: () => number, o: Octets, len: number): number {
  if (random() % 8 !== 0) return len;
  const kind = random() % 4;
  if (kind === 0) return random() % (len + 1);
  if (kind === 1) return len + (random() % 40);
  for (let n = random() % 4; n >= 0; n--) o.u8[random() % len] = random() & 255;
  return len;
}

describe("a server that sends rubbish", () => {
  it("never breaks a Sun", () => {
    const verdicts = new Set<string>();
    for (const seed of SEEDS) {
      const random = seededRandom(seed);
      const host = new VirtualHost({ mac: SERVER_MAC, address: SERVER });
      new ScriptedSunServer(host, {
        clientMac: MAC,
        clientAddress: CLIENT,
        tftp: { AC182A33: sampleFile(3_000) },
        nfs: { bsd: sampleFile(9_000), netbsd: "bsd" },
        rootPath: "/r",
        options: (asked) => [
          ...(asked === 0 ? [] : [53, 1, asked === 1 ? 2 : 5, 54, 4, 172, 24, 42, 150]),
          ...[17, 2, 0x2f, 0x72, 255],
        ],
        mangle: (_, o, len) => spoil(random, o, len),
      });
      const order: SecondStageOrder =
        (["bootp", "dhcp", "bootparams"] as const)[seed % 3] ?? "dhcp";
      const { verdict } = runBoot(openFirmware({ mac: MAC, random, order }), [host]);
      expect(verdict).toMatch(VERDICT);
      verdicts.add(verdict.split(":")[0] ?? "");
    }
    expect(verdicts.size).toBeGreaterThan(4); // the rubbish got through to several stages
  });

  it("never breaks a PC", () => {
    const verdicts = new Set<string>();
    for (const seed of SEEDS) {
      const random = seededRandom(seed);
      const host = new VirtualHost({ mac: SERVER_MAC, address: SERVER });
      const script = "#!ipxe\nkernel vmlinuz a b\ninitrd vmlinuz\nboot\n";
      new ScriptedPxeServer(host, {
        clientAddress: CLIENT,
        answer: (asker) => ({
          file: asker === "rom" ? "undionly.kpxe" : "http://172.24.42.150/boot.ipxe",
          siaddr: SERVER,
          options: (w) => {
            w.octets(DhcpOption.Ipxe, new Octets(Uint8Array.of(176, 1, 1, 255)), 0, 4);
          },
        }),
        tftp: { "undionly.kpxe": sampleFile(4_000) },
        http: (path) => {
          const body = path === "/boot.ipxe" ? Buffer.from(script, "latin1") : sampleFile(2_000);
          const o = Octets.alloc(4_096);
          const response = httpResponse(body);
          o.u8.set(response);
          return o.u8.slice(0, spoil(random, o, response.length));
        },
        mangle: (o, len) => spoil(random, o, len),
      });
      const { verdict } = runBoot(pxe({ mac: MAC, random }), [host]);
      expect(verdict).toMatch(VERDICT);
      verdicts.add(verdict.split(":")[0] ?? "");
    }
    expect([...verdicts].filter((v) => v.startsWith("failed")).length).toBeGreaterThan(2);
  });
});
