import { expect, onTestFinished } from "vitest";
import { TftpServer, type TftpServerInput } from "../../agent/services/tftp/server.ts";
import {
  emitAck,
  emitDataHeader,
  emitError,
  emitRrq,
  TFTP_HEADER_LEN,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../protocols/tftp/packet.ts";
import type { Ipv4 } from "../../protocols/wire/ipv4-address.ts";
import { Octets } from "../../protocols/wire/octets.ts";
import { eventually } from "./eventually.ts";
import { type FakeUdpPort, FakeUdpPorts, type Sent } from "./fake-udp.ts";
import { ip, RACK, RACK_FILES, testRack } from "./test-site.ts";

/** The machine of `RACK` that asks, from this port. */
export const ASKER: Ipv4 = ip("172.24.42.60");
export const ASKER_PORT = 2_000;

type Mode = typeof TftpMode.Octet | typeof TftpMode.Netascii;

function packet(emit: (o: Octets) => number): Uint8Array {
  const o = Octets.alloc(70_000);
  return o.u8.slice(0, emit(o));
}

/** A read request. */
export function rrq(
  filename: string,
  options: Readonly<Record<string, string>> = {},
  mode: Mode = TftpMode.Octet,
): Uint8Array {
  const list = Object.entries(options).map(([name, value]) => ({ name, value }));
  return packet((o) => emitRrq({ filename, mode, options: list }, o, 0));
}

/** A write request. */
export function wrq(...args: Parameters<typeof rrq>): Uint8Array {
  const request = rrq(...args);
  request[1] = TftpOpcode.Wrq;
  return request;
}

export const ack = (block: number): Uint8Array => packet((o) => emitAck(block, o, 0));
export const error = (code: number): Uint8Array => packet((o) => emitError(code, "no", o, 0));
export const data = (block: number, payload: Uint8Array): Uint8Array =>
  packet((o) => {
    emitDataHeader(block, o, 0);
    o.u8.set(payload, TFTP_HEADER_LEN);
    return TFTP_HEADER_LEN + payload.length;
  });

/** What was sent, in short. */
export function say({ octets }: Sent): string {
  const v = new TftpView();
  expect(v.reset(octets, 0, octets.u8.length)).toBe(0);
  if (v.opcode === TftpOpcode.Data) return `data ${v.block} ${v.dataLen}`;
  if (v.opcode === TftpOpcode.Ack) return `ack ${v.block}`;
  if (v.opcode === TftpOpcode.Error) return `error ${v.errorCode} ${v.errorMessageText()}`;
  const option = (i: number): string => `${v.optionName(i)}=${v.optionValue(v.optionName(i))}`;
  return `oack ${Array.from({ length: v.optionCount }, (_, i) => option(i)).join(" ")}`;
}

/** A TFTP server of a rack on ports without a network. `edit`: what is changed in the site. */
export async function tftpTalk(
  edit: (site: string) => string = (site) => site,
  files: Readonly<Record<string, string | Uint8Array>> = RACK_FILES,
  input: Partial<TftpServerInput> = {},
) {
  const rack = await testRack(edit(RACK), files);
  const ports = new FakeUdpPorts();
  const server = new TftpServer(rack.context, ports, { maxTransfers: 64, ...input });
  await server.start();
  onTestFinished(() => server.stop());
  const ask = (request: Uint8Array, src = ASKER, port = ASKER_PORT, broadcast = false): void =>
    ports.port(69).deliver(request, src, port, broadcast);
  /** What a port sends next. */
  const answer = async (port: () => FakeUdpPort | undefined): Promise<string[]> => {
    await eventually(() => (port()?.sent.length ?? 0) > 0, "an answer");
    return (port()?.take() ?? []).map(say);
  };
  return { ...rack, ports, server, ask, answer };
}
