import type { Server } from "node:http";
import type { UdpPorts } from "../link/datagram.ts";
import type { FrameLane } from "../link/frame-lane.ts";
import type { Neighbours } from "../link/neighbours.ts";
import type { TcpPorts } from "../link/tcp-listener.ts";
import type { ServiceContext } from "./context.ts";
import { ArpProber } from "./dhcp/arp-prober.ts";
import { type BesideSupport, DhcpBeside } from "./dhcp/beside.ts";
import type { Conduct } from "./dhcp/mode.ts";
import { DhcpServer } from "./dhcp/server.ts";
import { HttpService } from "./http/service.ts";
import { type FrameSender, LinkServer } from "./link-server.ts";
import { RarpService } from "./rarp.ts";
import { type RpcHost, RpcService } from "./rpc/service.ts";
import { TftpServer } from "./tftp/server.ts";
import { WakeService } from "./wake.ts";

const HTTP_PORT = 80;

/** What the services stand on: the host's lanes, or virtual ones in tests. */
export interface Lanes {
  readonly udp: UdpPorts;
  readonly tcp: TcpPorts;
  readonly neighbours: Pick<Neighbours, "put">;
  /** Our hardware address. */
  readonly mac: Uint8Array;
  /** Absent where the host has no say: in tests and replays. */
  readonly rpcHost?: RpcHost;
  /** Called last: nobody learns its address before everything else is ready for it. */
  openLink(): FrameLane;
}

/** Registers what is to be done when the agent stops; done in reverse order. */
export type OnStop = (close: () => void | Promise<void>) => void;

/** Services that run. */
export interface RunningServices {
  readonly wake: Pick<WakeService, "wake">;
  /** What is done about addresses, and which other servers there are; undefined where BOOTP and DHCP are off. */
  readonly beside: Pick<DhcpBeside, "conduct" | "status" | "forget"> | undefined;
  /** Takes no new question any more, and gives the ports free; resolves when the transfers that run have ended. */
  retire(): Promise<void>;
}

/**
 * Starts all services on the lanes; they answer when the promise resolves. `maxTransfers`: TFTP reads at once. `support`: absent
 * where nobody else can be on the link.
 */
export async function startServices(
  context: ServiceContext,
  lanes: Lanes,
  maxTransfers: number,
  onStop: OnStop,
  support?: BesideSupport,
): Promise<RunningServices> {
  const { udp, tcp } = lanes;
  const tftp = new TftpServer(context, udp, maxTransfers);
  onStop(() => tftp.stop());
  await tftp.start();
  const rpc = new RpcService(context, udp, tcp, lanes.rpcHost);
  onStop(() => rpc.stop());
  await rpc.start();
  const http = new HttpService(context).createServer();
  onStop(() => closeServer(http));
  await tcp.listen(http, HTTP_PORT, "http");

  const lane = lanes.openLink();
  onStop(() => lane.close());
  const sender: FrameSender = {
    mac: lanes.mac,
    sendFrame(emit) {
      const len = emit(lane.tx);
      if (len > 0) lane.send(len);
    },
    prepareNeighbour: (address, mac) => lanes.neighbours.put(address, mac),
  };
  const answersDhcp = context.planner.site.network.dhcp !== "off";
  const beside = answersDhcp ? new DhcpBeside(context, sender, support) : undefined;
  const conduct = beside && ((): Conduct => beside.conduct);
  const rarp = new RarpService(context, sender, conduct);
  onStop(() => rarp.stop());
  const wake = new WakeService(context, sender);
  onStop(() => wake.stop());
  const prober = new ArpProber(sender, context.clock, context.counters);
  onStop(() => prober.stop());
  const dhcp = beside && new DhcpServer(context, sender, prober, conduct);
  if (dhcp && beside) {
    onStop(() => dhcp.stop());
    beside.use(await dhcp.start(udp, (message, srcPort) => beside.takes(message, srcPort)));
    onStop(() => beside.stop());
    await beside.start(udp);
  }
  const link = new LinkServer(lanes.mac, context.counters, context.clock.now, {
    rarp: (o, frame) => rarp.handle(o, frame),
    bootp: (o, datagram) => {
      const message = { o, at: datagram.payloadAt, len: datagram.payloadLen };
      if (!beside?.takes(message, 0)) dhcp?.handleBroadcast(o, datagram);
    },
    bootpReply: (o, datagram) => beside?.handleReply(o, datagram),
    arp: (o, frame) => prober.handle(o, frame),
  });
  lane.onFrame((len) => link.handle(lane.rx, len));
  return {
    wake,
    beside,
    async retire() {
      lane.close();
      rarp.stop();
      dhcp?.stop();
      beside?.stop();
      prober.stop();
      const forgotten = rpc.stop();
      const answered = new Promise<void>((resolve) => {
        http.close(() => resolve());
      });
      await Promise.all([tftp.retire(), answered, forgotten]);
    },
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
