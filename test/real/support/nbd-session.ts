import type { Socket } from "node:net";

/*
 * The Network Block Device protocol, as far as QEMU speaks it to a server that knows only the fixed newstyle handshake and
 * simple replies: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
const GREETING = Buffer.from("NBDMAGICIHAVEOPT", "latin1");
const FIXED_NEWSTYLE = 1;
const NO_ZEROES = 2;
const CLIENT_FLAGS_LEN = 4;
const OPTION_LEN = 16;
const OPT_EXPORT_NAME = 1;
const OPT_GO = 7;
const OPTION_REPLY_MAGIC = 0x3e8_8904_5565a9n;
const REP_ACK = 1;
const REP_INFO = 3;
const REP_ERR_UNSUP = 0x8000_0001;
const INFO_EXPORT = 0;
/** HAS_FLAGS and SEND_FLUSH: without FUA, QEMU sends a flush after such a write. */
const EXPORT_FLAGS = 0x5;
const REQUEST_MAGIC = 0x2560_9513;
const REQUEST_LEN = 28;
const REPLY_MAGIC = 0x6744_6698;
const CMD_READ = 0;
const CMD_WRITE = 1;
const CMD_DISC = 2;
const CMD_FLUSH = 3;
const EINVAL = 22;
/** A client may ask for no more at once. */
const MOST_OCTETS: number = 32 * 1024 * 1024;

/** The disk behind a session. What returns false is not answered. */
export interface BlockDevice {
  readonly size: number;
  readonly powered: boolean;
  read(at: number, len: number): Buffer;
  write(at: number, octets: Buffer): boolean;
  flush(): boolean;
}

/** Serves one connection until it ends, one request after the other. A client that does not speak the protocol is cut off. */
export function serveNbd(connection: Socket, device: BlockDevice): void {
  connection.on("error", () => connection.destroy());
  connection.write(Buffer.concat([GREETING, words16(FIXED_NEWSTYLE | NO_ZEROES)]));
  let rest: Buffer[] = [];
  let held = 0;
  const session = sessionOf(connection, device);
  let wanted = session.next().value ?? 0;
  connection.on("data", (chunk: Buffer) => {
    rest.push(chunk);
    held += chunk.length;
    while (held >= wanted && !connection.destroyed) {
      const all = rest.length === 1 && rest[0] ? rest[0] : Buffer.concat(rest);
      const step = session.next(all.subarray(0, wanted));
      rest = [all.subarray(wanted)];
      held = all.length - wanted;
      if (step.done) {
        connection.destroy();
        return;
      }
      wanted = step.value;
    }
  });
}

/** Yields how many octets it needs next, and is given them. */
function* sessionOf(connection: Socket, device: BlockDevice): Generator<number, void, Buffer> {
  yield CLIENT_FLAGS_LEN;
  if (!(yield* handshake(connection, device.size))) return;
  for (;;) {
    const request = yield REQUEST_LEN;
    if (request.readUInt32BE(0) !== REQUEST_MAGIC) return;
    const type = request.readUInt16BE(6);
    const cookie = request.subarray(8, 16);
    const at = Number(request.readBigUInt64BE(16));
    const len = request.readUInt32BE(24);
    if (len > MOST_OCTETS || type === CMD_DISC) return;
    const reply = Buffer.alloc(16);
    reply.writeUInt32BE(REPLY_MAGIC, 0);
    // The request is in memory that the next octets take.
    cookie.copy(reply, 8);
    const octets = type === CMD_WRITE ? yield len : undefined;
    if (!device.powered) continue;
    if (at + len > device.size || ![CMD_READ, CMD_WRITE, CMD_FLUSH].includes(type)) {
      reply.writeUInt32BE(EINVAL, 4);
      connection.write(reply);
    } else if (type === CMD_READ) {
      connection.write(Buffer.concat([reply, device.read(at, len)]));
    } else if (octets ? device.write(at, octets) : device.flush()) {
      connection.write(reply);
    }
  }
}

/** False: the client went. */
function* handshake(connection: Socket, size: number): Generator<number, boolean, Buffer> {
  const exported = Buffer.alloc(10);
  exported.writeBigUInt64BE(BigInt(size), 0);
  exported.writeUInt16BE(EXPORT_FLAGS, 8);
  for (;;) {
    const head = Buffer.from(yield OPTION_LEN);
    const option = head.readUInt32BE(8);
    const len = head.readUInt32BE(12);
    if (len > MOST_OCTETS) return false;
    if (len > 0) yield len;
    if (option === OPT_EXPORT_NAME) {
      connection.write(exported);
      return true;
    }
    if (option !== OPT_GO) {
      connection.write(optionReply(option, REP_ERR_UNSUP));
      continue;
    }
    const info = Buffer.concat([words16(INFO_EXPORT), exported]);
    connection.write(optionReply(option, REP_INFO, info));
    connection.write(optionReply(option, REP_ACK));
    return true;
  }
}

function optionReply(option: number, type: number, data: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

function words16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value, 0);
  return octets;
}
