import { emitRpcCall, RpcCallView } from "../../../protocols/sunrpc/call.ts";
import {
  emitCallitArgs,
  emitCallitResult,
  PmapCallitArgsView,
  PmapCallitResultView,
} from "../../../protocols/sunrpc/callit.ts";
import {
  emitPmapDump,
  PmapBoolView,
  PmapDumpView,
  type PmapMapping,
  PmapMappingView,
  PmapPortView,
} from "../../../protocols/sunrpc/portmap.ts";
import { RecordReader } from "../../../protocols/sunrpc/record.ts";
import { RpcReplyView } from "../../../protocols/sunrpc/reply.ts";
import { XdrCursor, XdrWriter } from "../../../protocols/sunrpc/xdr.ts";
import { readText, textLen, writeText } from "../../../protocols/sunrpc/xdr-text.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";

const out = Octets.alloc(8_192);

const cursor = new XdrCursor();
const writer = new XdrWriter();
const call = new RpcCallView();
const callEcho = new RpcCallView();
const reply = new RpcReplyView();

/** Words of RPC messages: programs, versions, flavors, lengths at their limits. */
export const RPC_WORDS: readonly Uint8Array[] = [
  words(2),
  words(100_000),
  words(100_003),
  words(100_005),
  words(100_026),
  words(1, 0x18, 0, 0, 0, 0, 0),
  words(0, 0, 0, 0),
  words(400),
  words(401),
  words(255),
  words(0xffff_ffff),
  words(0x8000_0000),
  words(1),
  words(0),
];

/** XDR items of all kinds; the input's first octets say which, eight steps at most. */
export const xdr: Target = {
  name: "xdr",
  sources: ["/protocols/sunrpc/xdr"],
  maxLen: 512,
  dictionary: [
    words(0),
    words(1),
    words(4),
    words(0xffff_ffff),
    ascii("\xf0\x9f\x94\xa5"),
    ascii("\xed\xa0\x80"),
  ],
  seeds: [joined(ascii("\x03\x05\x04\x01\x00\x02\x05\x03"), words(4, 1, 5), ascii("fire\0\0\0\0"))],
  run(o, at, len, t) {
    const steps = Math.min(len, 8);
    cursor.reset(o, at + steps, len - steps);
    for (let i = 0; i < steps; i++) {
      const before = cursor.at;
      const max = (o.u8[at + i] ?? 0) >> 3;
      switch ((o.u8[at + i] ?? 0) & 7) {
        case 0:
          t.add(cursor.u32());
          break;
        case 1:
          t.add(cursor.i32());
          break;
        case 2:
          t.add(cursor.bool());
          break;
        case 3: {
          const from = cursor.opaqueFixed(max);
          if (cursor.status === Status.Ok) t.range("opaque", from, max);
          break;
        }
        case 4: {
          const from = cursor.opaqueVar(0xffff_ffff);
          t.range("opaque", from, cursor.len);
          if (cursor.len > 0) roundTrip(o, from, cursor.len, t.check.bind(t));
          break;
        }
        default: {
          const from = cursor.opaqueVar(max);
          t.range("opaque", from, cursor.len);
          t.check(cursor.len <= max, "longer than allowed");
        }
      }
      t.check(cursor.at >= before && cursor.at <= cursor.end, "leaves the window");
      t.check(cursor.remaining >= 0, "less than nothing remains");
      t.add(cursor.status, cursor.remaining);
    }
  },
};

/** Texts: decoding never fails, and a text that was decoded is encoded and decoded to itself. */
function roundTrip(
  o: Octets,
  at: number,
  len: number,
  check: (holds: boolean, what: string) => void,
): void {
  const text = readText(o, at, len);
  const n = writeText(text, out, 0);
  check(n === textLen(text), "textLen is not what is written");
  check(readText(out, 0, n) === text, "decode(encode(text)) is not text");
  out.u8.fill(0xa5);
  const end = writer.begin(out, 0).string(text).at;
  check(end % 4 === 0 && end >= n + 4, "a string is not padded to words");
}

/** Calls with any credential, and replies of every kind. */
export const rpc: Target = {
  name: "rpc",
  sources: ["/protocols/sunrpc/call.", "/protocols/sunrpc/reply."],
  maxLen: 1_024,
  dictionary: RPC_WORDS,
  seeds: [
    words(7, 0, 2, 100_003, 2, 1, 1, 32, 0, 4, 0x6e616d65, 0, 0, 1, 5, 6, 0, 0),
    words(7, 1, 0, 0, 0, 0),
    words(7, 1, 1, 0, 2, 2),
    words(7, 1, 1, 1, 2),
    words(7, 1, 0, 0, 0, 2, 2, 3),
  ],
  run(o, at, len, t) {
    const status = call.reset(o, at, len);
    t.add(status);
    if (status === Status.BadVersion) t.add(call.xid, call.rpcVersion);
    if (status === Status.Ok) {
      t.view(call);
      t.add(call.uid(), call.gid(), call.group(0), call.group(call.groupCount), call.group(-1));
      const { xid, prog, vers, proc } = call;
      const uid = call.uid();
      const groups = Array.from({ length: call.groupCount }, (_, i) => call.group(i));
      const machineName = "m".repeat(call.machineNameLen);
      out.u8.fill(0xa5);
      const unix = uid < 0 ? {} : { unix: { machineName, uid, gid: call.gid(), groups } };
      const n = emitRpcCall({ xid, prog, vers, proc, ...unix }, out, 0);
      t.check(callEcho.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
      t.check(callEcho.xid === xid && callEcho.proc === proc, "parse(emit(r)) is not r");
      t.check(callEcho.uid() === uid && callEcho.groupCount === groups.length, "not the same user");
    }
    const replyStatus = reply.reset(o, at, len);
    t.add(replyStatus);
    if (replyStatus === Status.Ok) t.view(reply);
  },
};

const MAX_RECORD = 256;

/** A record-marked stream in pieces: the first octets of the input say how large, the rest is the stream. */
export const record: Target = {
  name: "record",
  sources: ["/protocols/sunrpc/record"],
  maxLen: 1_024,
  dictionary: [
    words(0x8000_0000),
    words(0x8000_0004),
    words(4),
    words(0),
    words(0x8000_0100),
    words(0xffff_ffff),
  ],
  seeds: [
    joined(ascii("\x05\x01\x03\x07"), words(0x8000_0004, 1, 4, 2, 0x8000_0004, 3, 0x8000_0000)),
  ],
  run(o, at, len, t) {
    if (len < 4) return;
    const stream = at + 4;
    const streamLen = len - 4;
    const whole = readRecords(o, stream, streamLen, [streamLen || 1]);
    const sizes = Array.from({ length: 4 }, (_, i) => 1 + ((o.u8[at + i] ?? 0) & 0x3f));
    const pieces = readRecords(o, stream, streamLen, sizes);
    t.check(whole.join() === pieces.join(), "depends on where the stream is cut");
    // Two values a record and two for the end; a record is four octets at least.
    t.check(whole.length - 2 <= streamLen / 2, "hands out more records than there are octets");
    t.add(...whole);
  },
};

function readRecords(
  o: Octets,
  at: number,
  len: number,
  sizes: readonly number[],
): readonly number[] {
  const reader = new RecordReader(MAX_RECORD);
  const seen: number[] = [];
  const onRecord = (r: Octets, from: number, n: number): void => {
    let sum = n;
    for (let i = from; i < from + n; i++) sum = (Math.imul(sum, 31) + (r.u8[i] ?? 0)) | 0;
    seen.push(n, sum);
    if (n > MAX_RECORD) throw new Error(`a record of ${n} octets`);
  };
  let status: Status = Status.Ok;
  for (let p = at, i = 0; p < at + len; i++) {
    const n = Math.min(sizes[i % sizes.length] ?? 1, at + len - p);
    status = reader.feed(o, p, n, onRecord);
    p += n;
  }
  reader.reset();
  seen.push(-1, status);
  return seen;
}

const mapping = new PmapMappingView();
const port = new PmapPortView();
const bool = new PmapBoolView();
const dump = new PmapDumpView();
const callitArgs = new PmapCallitArgsView();
const callitResult = new PmapCallitResultView();

/** Arguments and results of the port mapper's procedures. */
export const portmap: Target = {
  name: "portmap",
  sources: ["/protocols/sunrpc/portmap", "/protocols/sunrpc/callit"],
  maxLen: 1_024,
  dictionary: RPC_WORDS,
  seeds: [
    words(100_005, 1, 17, 0),
    words(1, 100_000, 2, 17, 111, 1, 100_000, 2, 6, 111, 0),
    words(100_026, 1, 1, 20, 1, 172, 24, 42, 51),
    words(111, 4, 1),
  ],
  run(o, at, len, t) {
    for (const view of [mapping, port, bool, dump, callitArgs, callitResult]) {
      const status = view.reset(o, at, len);
      t.add(status);
      if (status === Status.Ok) t.view(view);
    }
    if (dump.reset(o, at, len) === Status.Ok) {
      const all = Array.from({ length: dump.count }, (_, i) => dump.mapping(i));
      t.check(dump.mapping(dump.count) === undefined, "a mapping behind the last");
      const known = all.filter((m): m is PmapMapping => m !== undefined);
      t.check(known.length === dump.count, "a mapping is missing");
      const n = emitPmapDump(known, out, 0);
      t.check(n <= len && sameOctets(o, at, n), "emit(parse(x)) is not x");
    }
    if (callitArgs.reset(o, at, len) === Status.Ok) {
      const { prog, vers, proc, argsAt, argsLen } = callitArgs;
      out.u8.set(o.u8.subarray(argsAt, argsAt + argsLen), 16);
      const n = emitCallitArgs({ prog, vers, proc }, argsLen, out, 0);
      t.check(n <= len && sameOctets(o, at, 16 + argsLen), "emit(parse(x)) is not x");
    }
    if (callitResult.reset(o, at, len) === Status.Ok) {
      const { port: answered, resultsAt, resultsLen } = callitResult;
      out.u8.set(o.u8.subarray(resultsAt, resultsAt + resultsLen), 8);
      const n = emitCallitResult(answered, resultsLen, out, 0);
      t.check(n <= len && sameOctets(o, at, 8 + resultsLen), "emit(parse(x)) is not x");
    }
  },
};

function sameOctets(o: Octets, at: number, len: number): boolean {
  for (let i = 0; i < len; i++) if (o.u8[at + i] !== out.u8[i]) return false;
  return true;
}
