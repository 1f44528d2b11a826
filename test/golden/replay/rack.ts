import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { captureFrames } from "../../../agent/capture/capture-reader.ts";
import type { CapturedFrame } from "../../../agent/capture/captured-frame.ts";
import type { Exchange } from "../../../agent/replay/exchange.ts";
import { Replay } from "../../../agent/replay/replay.ts";
import { loadSite } from "../../../agent/site/load.ts";
import type { Ipv4 } from "../../../protocols/wire/ipv4-address.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { pattern } from "../../support/test-site.ts";
import { capturePath } from "../captures.ts";

const SITE = new URL("site.yaml", import.meta.url);

const SHORT_LEN = 1_000;

/** The lengths that the recorded servers' files had. */
const FILES: Readonly<Record<string, Uint8Array>> = {
  "blob.bin": pattern(1_000_000),
  "ipxe.efi": pattern(850_528, 2),
  bzImage: pattern(2_282_496, 3),
  "initrd.gz": pattern(1_000_000, 4),
  "boot.ipxe": pattern(269, 5),
  "of.fth": Buffer.from('\\ lab boot script\n." LAB-OF-FORTH-OK" cr\nreset-all\n'),
  "nfs/boot/blob.bin": pattern(1_000_000),
  "nfs/sbin/init": pattern(324, 6),
  "nfs/bin/busybox": pattern(1_982_256, 7),
};

/** Writes the rack of the captures into a folder; returns its site file. `change` may edit the site's text. */
export function goldenSite(change: (text: string) => string = (text) => text): string {
  return writeSite(change(readFileSync(SITE, "utf8")), FILES);
}

/** The same for a site of its own, with short files where only addresses count. */
export function shortSite(text: string): string {
  const names = Object.keys(FILES).map((name) => [name, pattern(SHORT_LEN)]);
  return writeSite(text, Object.fromEntries(names));
}

function writeSite(text: string, files: Readonly<Record<string, Uint8Array>>): string {
  const dir = tempDir({ ...files, "site.yaml": text });
  for (const name of ["dev", "proc", "sys"]) mkdirSync(path.join(dir, "nfs", name));
  for (const name of ["sbin/init", "bin/busybox"]) chmodSync(path.join(dir, "nfs", name), 0o755);
  symlinkSync("busybox", path.join(dir, "nfs/bin/sh"));
  return path.join(dir, "site.yaml");
}

/** Replays a golden capture against the rack. */
export function replayGolden(
  name: string,
  site: string = goldenSite(),
  servers?: readonly Ipv4[],
): Promise<Replayed> {
  return replayOctets(readFileSync(capturePath(`${name}.pcap`)), site, servers);
}

/** What came of a replay. */
export interface Replayed {
  readonly exchanges: readonly Exchange[];
  readonly replay: Replay;
}

/** The same for the octets of a capture. `sent`: told each packet of ours. */
export async function replayOctets(
  octets: Uint8Array,
  site: string,
  servers?: readonly Ipv4[],
  sent: (packet: CapturedFrame) => void = () => {},
): Promise<Replayed> {
  const exchanges: Exchange[] = [];
  const loaded = await loadSite(site);
  const replay = await Replay.start({
    site: loaded,
    servers: servers ?? [loaded.network.address],
    give: (exchange) => exchanges.push(exchange),
    problem: (error) => {
      throw error;
    },
    sent,
  });
  for await (const frame of captureFrames(pieces(octets))) await replay.frame(frame);
  await replay.end();
  return { exchanges, replay };
}

async function* pieces(octets: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield octets;
}
