import { formatIpv4, hexIpv4, type Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { formatMac } from "../../protocols/wire/mac-address.ts";
import type { BootContext } from "../boot-machine.ts";
import { BootFailure, type BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { tftpRead } from "../stack/tftp-client.ts";

/** Sun platforms, by the suffix of the TFTP name that their PROM asks for. */
export type SunPlatform = "sun4" | "sun4c" | "sun4m" | "sun4u";

const SUFFIX: Readonly<Record<SunPlatform, string>> = {
  sun4: ".SUN4",
  sun4c: ".SUN4C",
  sun4m: ".SUN4M",
  sun4u: "",
};

const RARP_INTERVAL_MS = 4_000;
const TFTP_INTERVAL_MS = 4_000;
/** Unicast requests to the RARP responder, then broadcast ones, before the PROM gives up. */
const TFTP_UNICAST_TRIES = 3;
const TFTP_TRIES = 8;

/** Octets: what the PROM loaded, and from where it was told to boot. */
export interface PromResult {
  readonly octets: number;
  readonly address: Ipv4;
  readonly server: Ipv4;
}

/**
 * The PROM stage of a Sun: RARP until it is answered, then TFTP from the responder, in blocks of 512 octets without options.
 *
 * It does not answer ARP, so the server must know its Ethernet address from the RARP request. After three unanswered
 * requests it broadcasts the read, and takes the file from whoever answers first.
 */
export function* prom(
  { host, say }: BootContext,
  platform: SunPlatform,
  options: FirmwareOptions,
): BootScript<PromResult> {
  host.answersArp = false;
  host.gleansNeighbours = true;
  say({ kind: "step", stage: "rarp", text: `who is ${formatMac(host.mac)}?` });
  host.sendRarpRequest();
  let reply = yield* host.rarpReplies.take(host.nowMs + RARP_INTERVAL_MS);
  while (!reply) {
    say({ kind: "step", stage: "rarp", text: "Timeout waiting for ARP/RARP packet" });
    host.repeats += 1;
    host.sendRarpRequest();
    reply = yield* host.rarpReplies.take(host.nowMs + RARP_INTERVAL_MS);
  }
  const { address, server, serverMac } = reply;
  if (address === 0) throw new BootFailure("rarp", "the reply gives the address 0.0.0.0");
  host.address = address;
  host.learn(server, serverMac);
  say({
    kind: "step",
    stage: "rarp",
    text: `I am ${formatIpv4(address)}, server ${formatIpv4(server)}`,
  });

  const filename = hexIpv4(address) + SUFFIX[platform];
  say({ kind: "step", stage: "tftp", text: `asking ${formatIpv4(server)} for ${filename}` });
  const octets = yield* tftpRead(
    host,
    {
      filename,
      server,
      options: [],
      retryMs: TFTP_INTERVAL_MS,
      tries: TFTP_TRIES,
      broadcastAfter: TFTP_UNICAST_TRIES,
      onRetry: (text) => say({ kind: "step", stage: "tftp", text }),
    },
    (total) => new IncomingFile(filename, "tftp", total, options, say),
  );
  if (octets === 0) throw new BootFailure("tftp", `${filename}: the file is empty`);
  if (platform === "sun4c" && octets % 4 !== 0) {
    // Debian's sparc users found it in 1998: the PROM copies words and waits for the rest of the last one for ever.
    throw new BootFailure(
      "tftp",
      `${filename}: ${octets} octets is not a multiple of 4, a sun4c PROM hangs`,
    );
  }
  return { octets, address, server };
}
