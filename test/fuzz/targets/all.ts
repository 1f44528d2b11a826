import type { Target } from "../engine/target.ts";

type Load = () => Promise<Target>;

/**
 * Every target by its name. They are loaded when they are wanted and not before: V8 counts blocks only in code that it
 * compiles after coverage was started.
 */
export const TARGETS: ReadonlyMap<string, Load> = new Map<string, Load>([
  ["ethernet", async () => (await import("./link.ts")).ethernet],
  ["arp", async () => (await import("./link.ts")).arpPacket],
  ["magic-packet", async () => (await import("./link.ts")).magicPacket],
  ["ipv4", async () => (await import("./link.ts")).ipv4],
  ["udp", async () => (await import("./link.ts")).udpDatagram],
  ["tcp", async () => (await import("./tcp.ts")).tcpSegment],
  ["tcp-connection", async () => (await import("./tcp.ts")).tcpConnection],
  ["dhcp", async () => (await import("./dhcp.ts")).dhcp],
  ["dhcp-options", async () => (await import("./dhcp.ts")).dhcpOptions],
  ["dhcp-client", async () => (await import("./dhcp-client.ts")).dhcpClient],
  ["tftp", async () => (await import("./tftp.ts")).tftp],
  ["netascii", async () => (await import("./tftp.ts")).netascii],
  ["tftp-sender", async () => (await import("./tftp-machines.ts")).tftpSender],
  ["tftp-receiver", async () => (await import("./tftp-machines.ts")).tftpReceiver],
  ["xdr", async () => (await import("./rpc.ts")).xdr],
  ["rpc", async () => (await import("./rpc.ts")).rpc],
  ["record", async () => (await import("./rpc.ts")).record],
  ["portmap", async () => (await import("./rpc.ts")).portmap],
  ["bootparams", async () => (await import("./nfs.ts")).bootparams],
  ["mount", async () => (await import("./nfs.ts")).mount],
  ["nfs-args", async () => (await import("./nfs.ts")).nfsArgs],
  ["nfs-results", async () => (await import("./nfs.ts")).nfsResults],
  ["cbor", async () => (await import("./cbor.ts")).cbor],
  ["cbor-values", async () => (await import("./cbor.ts")).cborValues],
  ["control-body", async () => (await import("./control.ts")).controlBody],
  ["control-header", async () => (await import("./control.ts")).controlHeader],
  ["ipv4-reassembly", async () => (await import("./capture.ts")).reassembly],
  ["icmp", async () => (await import("./capture.ts")).icmp],
  ["ipv6", async () => (await import("./capture.ts")).ipv6],
  ["capture-file", async () => (await import("./capture.ts")).captureFile],
  ["dissector", async () => (await import("./capture.ts")).dissector],
  ["iso-records", async () => (await import("./archives.ts")).isoRecords],
  ["archive-headers", async () => (await import("./archives.ts")).archiveHeaders],
  ["zstd-headers", async () => (await import("./archives.ts")).zstdHeaders],
  ["checksums", async () => (await import("./archives.ts")).checksums],
  ["addresses", async () => (await import("./site.ts")).addresses],
  ["site", async () => (await import("./site.ts")).siteFile],
  ["link-server", async () => (await import("./services.ts")).linkServer()],
  ["tftp-server", async () => (await import("./services.ts")).tftpServer()],
  ["rpc-server", async () => (await import("./services.ts")).rpcServer()],
]);
