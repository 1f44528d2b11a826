import { verifyMinisign } from "../../../agent/assets/checksums/minisign.ts";
import { parseChecksums } from "../../../agent/assets/checksums/parse-checksums.ts";
import { verifySignify } from "../../../agent/assets/checksums/signify.ts";
import { AR_HEADER_LEN, parseArMember } from "../../../agent/assets/treatment/archives/ar.ts";
import {
  cpioFormat,
  cpioHeaderLen,
  parseCpioHeader,
} from "../../../agent/assets/treatment/archives/cpio-header.ts";
import { cleanPath, resolveLink } from "../../../agent/assets/treatment/archives/entry.ts";
import {
  isDots,
  isoName,
  parseIsoRecord,
} from "../../../agent/assets/treatment/archives/iso-record.ts";
import { RockRidge } from "../../../agent/assets/treatment/archives/rock-ridge.ts";
import {
  parseZstdBlock,
  parseZstdFrame,
} from "../../../agent/assets/treatment/compression/zstd-frame.ts";
import { Refusal } from "../../../agent/assets/treatment/refusal.ts";
import { AgentError } from "../../../agent/errors.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import { ascii, joined, type Target, words } from "../engine/target.ts";
import type { Trace } from "../engine/trace.ts";

/** What an archive's or a list's reader may refuse is a result like any other. */
function orRefused(t: Trace, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof AgentError)) throw error;
    t.add(error.message);
  }
}

function windowOf(o: Octets, at: number, len: number): Uint8Array {
  return o.u8.subarray(at, at + len);
}

/** Directory records of ISO 9660 with their Rock Ridge fields, until a sector ends. */
export const isoRecords: Target = {
  name: "iso-records",
  sources: ["/archives/iso-record", "/archives/rock-ridge", "/archives/entry"],
  maxLen: 512,
  dictionary: [
    ascii("SP\x07\x01\xbe\xef\0"),
    ascii("NM\x08\x01\0a.b"),
    ascii("SL\x0a\x01\0\0\x03a.b"),
    ascii("SL\x07\x01\x01\x04\0"),
    ascii("PX\x24\x01"),
    ascii("CE\x1c\x01"),
    ascii("CL\x0c\x01"),
    ascii("RE\x04\x01"),
    ascii("VMLINUZ.;1"),
  ],
  seeds: [
    joined(
      ascii("\x3e\0"),
      words(0x1200_0000, 0x12, 0x0008_0000, 0x800),
      new Uint8Array(7),
      ascii("\0\0\0\x01\0\0\x01\x0aVMLINUZ.;1\0NM\x0c\x01\0vmlinuzPX"),
    ),
  ],
  run(o, at, len, t) {
    const sector = windowOf(o, at, len);
    orRefused(t, () => {
      for (let p = 0; p < len; ) {
        const record = parseIsoRecord(sector, p);
        if (record === undefined) return;
        t.check(record.len > 0 && p + record.len <= len, "a record leaves the sector");
        t.add(record.block, record.size, record.isDirectory, record.hasMore, isDots(record));
        const names = [isoName(record.name, false), isoName(record.name, true)];
        const fields = new RockRidge();
        const next = fields.read(record.systemUse);
        const { name, link, mode, child, isMoved, isCompressed, skip } = fields;
        t.add(
          ...names,
          name,
          link,
          mode,
          child,
          isMoved,
          isCompressed,
          skip,
          next?.block,
          next?.len,
        );
        const path = cleanPath(name ?? "");
        const to = resolveLink(path, link ?? "");
        t.check(to === undefined || !to.split("/").includes(".."), "a link leads out");
        t.add(path, to);
        p += record.len;
      }
    });
  },
  limits: { guarded: false, readsPerOctet: 256 },
};

/** Headers of cpio in its three formats, and of ar. */
export const archiveHeaders: Target = {
  name: "archive-headers",
  sources: ["/archives/cpio-header", "/archives/ar"],
  maxLen: 256,
  dictionary: [
    ascii("070701"),
    ascii("070702"),
    ascii("070707"),
    ascii("000081A4"),
    ascii("0000000B"),
    ascii("`\n"),
    ascii("data.tar.xz     "),
  ],
  seeds: [
    ascii(`070701${"00000001".repeat(13)}`),
    ascii(`070702${"0000000b".repeat(13)}`),
    ascii(`070707${"000001".repeat(8)}${"0".repeat(11)}000003${"00000000017"}`),
    ascii(`data.tar.xz     1700000000  0     0     100644  ${"1234".padEnd(10)}\`\n`),
  ],
  run(o, at, len, t) {
    const octets = windowOf(o, at, len);
    const format = cpioFormat(octets);
    if (format !== undefined) {
      orRefused(t, () => {
        const header = parseCpioHeader(format, octets.subarray(0, cpioHeaderLen(format)));
        t.check(header.size >= 0 && Number.isSafeInteger(header.size), "no size");
        t.check(header.nameLen > 0, "no name");
        t.add(header.inode, header.mode, header.links, header.size, header.nameLen, header.sum);
      });
    }
    orRefused(t, () => {
      const { name, size } = parseArMember(octets.subarray(0, AR_HEADER_LEN));
      t.check(size >= 0 && Number.isSafeInteger(size), "no size");
      t.add(name, size);
    });
  },
  limits: { guarded: false },
};

/** Headers of zstd frames and blocks. */
export const zstdHeaders: Target = {
  name: "zstd-headers",
  sources: ["/compression/zstd-frame"],
  maxLen: 64,
  dictionary: [ascii("\x28\xb5\x2f\xfd"), ascii("\x28\xb5\x2f\xfd\x24")],
  seeds: [
    ascii("\x28\xb5\x2f\xfd\x24\x0a\x51\0\0hello"),
    ascii("\x28\xb5\x2f\xfd\x04\x88\x01\0\0"),
    ascii("\x28\xb5\x2f\xfd\xe0\0\0\0\0\x01\0\0\0"),
    ascii("\x28\xb5\x2f\xfd\x83\x88\0\0\0\0\x01\0\0\0"),
  ],
  run(o, at, len, t) {
    const octets = windowOf(o, at, len);
    orRefused(t, () => {
      const { len: headerLen, window, contentSize, hasChecksum } = parseZstdFrame(octets);
      t.check(headerLen <= len, "a header leaves the window");
      t.check(window <= 128 * 1024 * 1024, "a window above the bound");
      t.add(headerLen, window, contentSize, hasChecksum);
    });
    orRefused(t, () => {
      const block = parseZstdBlock(octets);
      t.check(block.len <= 128 * 1024, "a block above the bound");
      t.add(block.isLast, block.type, block.len);
    });
  },
  limits: { guarded: false },
};

const KEY = `RWRp3RbZdGDNS${"A".repeat(43)}`;
const DIGEST = "0123456789abcdef".repeat(4);
const SIGNATURE = `RWRp3RbZdGDNS${"A".repeat(86)}=`;

/** Lists of digests and signatures of lists. */
export const checksums: Target = {
  name: "checksums",
  sources: ["/assets/checksums/"],
  maxLen: 1_024,
  dictionary: [
    ascii(DIGEST),
    ascii("SHA256 ("),
    ascii(") = "),
    ascii(" *"),
    ascii("untrusted comment: "),
    ascii("trusted comment: "),
    ascii(SIGNATURE),
    ascii(`${"A".repeat(86)}==`),
    ascii("\r\n"),
  ],
  seeds: [
    ascii(`${DIGEST}  vmlinuz\n`),
    ascii(`SHA256 (bsd.rd) = ${DIGEST}\r\n${DIGEST} *./x\n`),
    ascii(`untrusted comment: x\n${SIGNATURE}\nSHA256 (bsd.rd) = ${DIGEST}\n`),
    ascii(`untrusted comment: x\n${SIGNATURE}\ntrusted comment: y\n${"A".repeat(86)}==\n`),
  ],
  run(o, at, len, t) {
    const octets = windowOf(o, at, len);
    orRefused(t, () => {
      for (const [name, digest] of parseChecksums(octets, "list")) {
        t.check(/^[0-9a-f]{64}$/.test(digest), "a digest that is none");
        t.add(name, digest);
      }
    });
    orRefused(t, () => t.add(verifySignify(KEY, octets, undefined, "list").length));
    orRefused(t, () => verifyMinisign(KEY, octets, octets, "list"));
  },
  limits: { guarded: false, allocatedOctets: 256 * 1024 },
};
