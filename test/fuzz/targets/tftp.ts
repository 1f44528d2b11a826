import { NetasciiDecoder, NetasciiEncoder, netasciiLen } from "../../../protocols/tftp/netascii.ts";
import { readTftpOptions, tftpOptionReprs } from "../../../protocols/tftp/options.ts";
import {
  emitAck,
  emitDataHeader,
  emitError,
  emitOack,
  emitRrq,
  TftpMode,
  TftpOpcode,
  TftpView,
} from "../../../protocols/tftp/packet.ts";
import { asciiText } from "../../../protocols/tftp/text.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { ascii, type Target } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";

const view = new TftpView();
const echo = new TftpView();
const out = Octets.alloc(8_192);

/** Names and values that TFTP packets are made of. */
export const TFTP_WORDS: readonly Uint8Array[] = [
  ascii("octet\0"),
  ascii("netascii\0"),
  ascii("mail\0"),
  ascii("blksize\x001468\0"),
  ascii("BLKSIZE\x0065464\0"),
  ascii("tsize\x000\0"),
  ascii("timeout\x001\0"),
  ascii("windowsize\x004\0"),
  ascii("multicast\0\0"),
  ascii("multicast\x00239.0.0.1,1758,1\0"),
  ascii("\0\x01"),
  ascii("\0\x03"),
  ascii("\0\x06"),
];

/** Packets of all opcodes, and the options inside. */
export const tftp: Target = {
  name: "tftp",
  sources: ["/protocols/tftp/packet", "/protocols/tftp/options", "/protocols/tftp/text"],
  maxLen: 1_472,
  dictionary: TFTP_WORDS,
  seeds: [ascii("\0\x01file\0octet\0blksize\x001468\0tsize\x000\0")],
  run(o, at, len, t) {
    const status = view.reset(o, at, len);
    t.add(status);
    if (status) return;
    t.view(view);
    t.add(view.filenameText(), view.errorMessageText());
    for (let i = 0; i < view.optionCount; i++) {
      t.range("name", view.optionNameAt(i), view.optionNameLen(i));
      t.range("value", view.optionValueAt(i), view.optionValueLen(i));
      t.add(view.optionName(i));
    }
    t.add(view.optionNameLen(view.optionCount), view.optionValue("tsize"));
    const options = readTftpOptions(view);
    t.add(JSON.stringify(options));
    emitAgain(o, t);
  },
};

/** What a view says, emitted again, must say the same. */
function emitAgain(o: Octets, t: Trace): void {
  const { opcode, block, errorCode, mode } = view;
  out.u8.fill(0xa5);
  const options = Array.from({ length: view.optionCount }, (_, i) => {
    return {
      name: view.optionName(i),
      value: asciiText(o, view.optionValueAt(i), view.optionValueLen(i)),
    };
  });
  let n = 0;
  if (opcode === TftpOpcode.Rrq && mode !== TftpMode.Unknown) {
    n = emitRrq({ filename: view.filenameText(), mode, options }, out, 0);
  } else if (opcode === TftpOpcode.Oack) n = emitOack(options, out, 0);
  else if (opcode === TftpOpcode.Ack) n = emitAck(block, out, 0);
  else if (opcode === TftpOpcode.Data) n = emitDataHeader(block, out, 0);
  else if (opcode === TftpOpcode.Error) n = emitError(errorCode, view.errorMessageText(), out, 0);
  if (n === 0) return;
  t.check(echo.reset(out, 0, n) === Status.Ok, "what was emitted is refused");
  const same =
    echo.opcode === opcode &&
    echo.block === block &&
    echo.errorCode === errorCode &&
    echo.mode === mode &&
    echo.optionCount === view.optionCount &&
    echo.filenameText() === view.filenameText() &&
    echo.errorMessageText() === view.errorMessageText();
  t.check(same, "parse(emit(r)) is not r");
  const asked = readTftpOptions(echo);
  const { multicast: _, ...plain } = readTftpOptions(view);
  emitOack(tftpOptionReprs(plain), out, 0);
  t.check(asked.tsize === plain.tsize, "tsize is not as it was emitted");
}

/** Text mode in both directions, in pieces of any size. The first octet says how large the pieces are. */
export const netascii: Target = {
  name: "netascii",
  sources: ["/protocols/tftp/netascii"],
  maxLen: 512,
  dictionary: [ascii("\r\n"), ascii("\r\0"), ascii("\r"), ascii("\n")],
  run(o, at, len, t) {
    if (len === 0) return;
    const piece = 1 + ((o.u8[at] ?? 0) & 15);
    const encoder = new NetasciiEncoder();
    const coded = Octets.alloc(2 * len);
    let n = 0;
    let from = at + 1;
    while (from < at + len || encoder.pending) {
      const wrote = encoder.encode(o, from, at + len - from, coded, n, piece);
      t.check(wrote <= piece && wrote + encoder.consumed > 0, "encodes without progress");
      n += wrote;
      from += encoder.consumed;
    }
    t.check(n === netasciiLen(o, at + 1, len - 1), "netasciiLen is not the length");
    const back = decode(coded, n, piece);
    t.check(back.length === len - 1, "decode(encode(x)) has another length");
    for (const [i, c] of back.entries())
      t.check(c === o.u8[at + 1 + i], "decode(encode(x)) is not x");
    const whole = Octets.alloc(len + 1);
    const decoder = new NetasciiDecoder();
    const got = decoder.decode(o, at, len, whole, 0);
    t.add(got, decoder.finish(whole, got), ...whole.u8);
  },
};

function decode(coded: Octets, n: number, piece: number): Uint8Array {
  const decoder = new NetasciiDecoder();
  const to = Octets.alloc(n + piece + 1);
  let len = 0;
  for (let from = 0; from < n; from += piece) {
    len += decoder.decode(coded, from, Math.min(piece, n - from), to, len);
  }
  len += decoder.finish(to, len);
  return to.u8.subarray(0, len);
}
