import { formatIpv4 } from "../../protocols/wire/ipv4-address.ts";
import { type BootContext, BootMachine } from "../boot-machine.ts";
import type { BootScript } from "../boot-script.ts";
import { IncomingFile } from "../content.ts";
import type { FirmwareOptions } from "../firmware.ts";
import { HostStack } from "../stack/host-stack.ts";
import { bootp, dhcp } from "./libsa-bootp.ts";
import { getFile, rarp, whoAmI } from "./libsa-bootparams.ts";
import { LibsaNfs } from "./libsa-nfs.ts";
import { LibsaRpc } from "./libsa-rpc.ts";
import { prom, type SunPlatform } from "./prom.ts";
import type { RootPath } from "./root-path.ts";

/** How the second stage finds its root: OpenBSD's BOOTP, NetBSD's DHCP, or RARP and BOOTPARAMS. */
export type SecondStageOrder = "bootp" | "dhcp" | "bootparams";

/** A Sun and what it boots. */
export interface OpenFirmwareOptions extends FirmwareOptions {
  /** Default sun4u. */
  readonly platform?: SunPlatform;
  /** Default bootparams. */
  readonly order?: SecondStageOrder;
  /** With order "bootp": RARP first, as OpenBSD's ofwboot does; the BOOTP reply must then be unicast to that address. */
  readonly bootpAfterRarp?: boolean;
  /** Path of the kernel in the NFS root. Default "netbsd" for order "dhcp", which is NetBSD's, else "bsd". */
  readonly kernel?: string;
}

/** A simulated Sun PROM and the second stage of NetBSD or OpenBSD that it loads. */
export function openFirmware(options: OpenFirmwareOptions): BootMachine {
  const host = new HostStack(options.mac, options.random, options.partialChecksums);
  return new BootMachine("openfirmware", host, (context) => boot(context, options));
}

function* boot(context: BootContext, options: OpenFirmwareOptions): BootScript<number> {
  const { host, say } = context;
  const { platform = "sun4u", order = "bootparams" } = options;
  const kernel = options.kernel ?? (order === "dhcp" ? "netbsd" : "bsd");
  const loaded = yield* prom(context, platform, options);

  // The boot program starts with a network of its own: nothing is taken over from the PROM.
  host.answersArp = true;
  host.gleansNeighbours = false;
  host.takesBroadcast = false;
  host.forgetNeighbours();
  host.address = 0;
  const rpc = new LibsaRpc(host);
  const root = yield* findRoot(context, rpc, order, options.bootpAfterRarp ?? false);
  say({
    kind: "step",
    stage: order,
    text: `I am ${formatIpv4(host.address)}, root is ${formatIpv4(root.server)}:${root.path}`,
  });

  const nfs = new LibsaNfs(rpc, root);
  const top = yield* nfs.mount();
  say({ kind: "step", stage: "mount", text: `mounted ${root.path}` });
  const node = yield* nfs.open(top, kernel);
  say({ kind: "step", stage: "nfs", text: `reading ${kernel}, ${node.size} octets` });
  const file = new IncomingFile(kernel, "nfs", node.size, options, say);
  return loaded.octets + (yield* nfs.read(node, kernel, file));
}

function* findRoot(
  { host, say }: BootContext,
  rpc: LibsaRpc,
  order: SecondStageOrder,
  bootpAfterRarp: boolean,
): BootScript<RootPath> {
  if (order === "dhcp") return yield* dhcp(host);
  if (order === "bootp") {
    if (bootpAfterRarp) yield* rarp(host);
    return yield* bootp(host);
  }
  const { address } = yield* rarp(host);
  say({ kind: "step", stage: "rarp", text: `second stage is ${formatIpv4(address)}` });
  const who = yield* whoAmI(host, rpc);
  say({
    kind: "step",
    stage: "bootparams",
    text: `client name ${who.client}, server ${formatIpv4(who.server)}`,
  });
  return yield* getFile(rpc, who, "root");
}
