/** A call and what was answered to it: RPC messages without record marks. */
export interface Exchange {
  readonly call: Uint8Array;
  readonly reply: Uint8Array;
}

/** XDR (RFC 4506): numbers are words, text is a counted string, octets stand as they are. */
export function xdr(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return counted(Buffer.from(part));
      if (typeof part !== "number") return part;
      const word = Buffer.alloc(4);
      word.writeUInt32BE(part >>> 0);
      return word;
    }),
  );
}

/** Octets with their count in front and padded to a word. */
export function counted(octets: Uint8Array): Uint8Array {
  return Buffer.concat([xdr(octets.length), octets, Buffer.alloc(-octets.length & 3)]);
}

const NONE = new Uint8Array(0);
const NO_AUTH = xdr(0, 0, 0, 0);
const UNIX_AUTH = xdr(1, counted(xdr(7, "v100", 0, 1, 3, 10, 20, 30)), 0, 0);

/** Gives every exchange its own xid, counting from `xid`. */
class Talk {
  readonly exchanges: Exchange[] = [];
  private readonly prog: number;
  private readonly vers: number;
  private xid: number;

  constructor(prog: number, vers: number, xid: number) {
    this.prog = prog;
    this.vers = vers;
    this.xid = xid;
  }

  /** A call of a procedure that succeeds, as far as RPC goes. */
  add(proc: number, args: Uint8Array, results: Uint8Array): this {
    return this.answered(proc, args, xdr(0, 0, 0, 0), results);
  }

  /** A call and whatever follows xid and type in its reply. */
  answered(proc: number, args: Uint8Array, ...reply: readonly Uint8Array[]): this {
    this.xid += 1;
    const { prog, vers, xid } = this;
    const auth = xid % 2 === 0 ? UNIX_AUTH : NO_AUTH;
    this.exchanges.push({
      call: xdr(xid, 0, 2, prog, vers, proc, auth, args),
      reply: xdr(xid, 1, ...reply),
    });
    return this;
  }
}

const DIR = new Uint8Array(32).fill(0x11);
const FILE = new Uint8Array(32).fill(0x22);
/** fattr, RFC 1094 section 2.3.5: every word is another number. */
const FATTR = xdr(1, 0o100644, 2, 3, 4, 5_000, 512, -1, 10, 77, 88, 1_000, 1, 2_000, 2, 3_000, 3);
/** sattr, section 2.3.6: user, size and the time of change are left alone. */
const SATTR = xdr(0o644, -1, 1, -1, 5, 6, -1, -1);
const OK = 0;

/** NFS version 2, RFC 1094: every procedure, with its errors and the ways in which RPC refuses a call. */
export function nfsExchanges(): readonly Exchange[] {
  const longBlock = counted(new Uint8Array(37).fill(0x41));
  const entries = xdr(1, 11, ".", 1, 1, 12, "netbsd", 0xffff_fff0, 0, 1);
  return new Talk(100_003, 2, 1_000)
    .add(0, NONE, NONE)
    .add(1, FILE, xdr(OK, FATTR))
    .add(1, FILE, xdr(70))
    .add(2, xdr(FILE, SATTR), xdr(OK, FATTR))
    .add(3, NONE, NONE)
    .add(4, xdr(DIR, "netbsd"), xdr(OK, FILE, FATTR))
    .add(4, xdr(DIR, "bsd"), xdr(2))
    .add(5, FILE, xdr(OK, "../netbsd"))
    .add(5, FILE, xdr(22))
    .add(6, xdr(FILE, 0x8000_0000, 8_192, 8_192), xdr(OK, FATTR, longBlock))
    .add(6, xdr(FILE, 0, 1_024, 0), xdr(OK, FATTR, ""))
    .add(6, xdr(FILE, 0, 10, 0), xdr(13))
    .add(7, NONE, NONE)
    .add(8, xdr(FILE, 1, 2, 3, longBlock), xdr(OK, FATTR))
    .add(8, xdr(FILE, 1, 2, 3, ""), xdr(30))
    .add(9, xdr(DIR, "new", SATTR), xdr(OK, FILE, FATTR))
    .add(9, xdr(DIR, "new", SATTR), xdr(17))
    .add(10, xdr(DIR, "old"), xdr(OK))
    .add(11, xdr(DIR, "from", FILE, "to"), xdr(OK))
    .add(12, xdr(FILE, DIR, "hard"), xdr(28))
    .add(13, xdr(DIR, "soft", "/where/to", SATTR), xdr(OK))
    .add(14, xdr(DIR, "dir", SATTR), xdr(OK, FILE, FATTR))
    .add(15, xdr(DIR, "dir"), xdr(66))
    .add(16, xdr(DIR, 0, 4_096), xdr(OK, entries))
    .add(16, xdr(DIR, 0xdead_beef, 512), xdr(OK, 0, 0))
    .add(16, xdr(DIR, 0, 1), xdr(20))
    .add(17, FILE, xdr(OK, 8_192, 512, 1, 2, 3))
    .add(17, FILE, xdr(5))
    .answered(18, DIR, xdr(0, 0, 0, 3))
    .answered(1, FILE, xdr(0, 0, 0, 1))
    .answered(1, FILE, xdr(0, 0, 0, 4))
    .answered(1, FILE, xdr(0, 0, 0, 5))
    .answered(1, FILE, xdr(1, 0, 2, 2))
    .answered(1, FILE, xdr(1, 1, 5)).exchanges;
}

/** MOUNT, RFC 1094 appendix A: every procedure of both versions. */
export function mountExchanges(vers: 1 | 2): readonly Exchange[] {
  const talk = new Talk(100_005, vers, 2_000 * vers)
    .add(0, NONE, NONE)
    .add(1, xdr("/export/root/v100"), xdr(OK, DIR))
    .add(1, xdr("/not/here"), xdr(13))
    .add(2, NONE, xdr(1, "v100", "/a", 1, "u5", "/b", 0))
    .add(2, NONE, xdr(0))
    .add(3, xdr("/a"), NONE)
    .add(4, NONE, NONE)
    .add(5, NONE, xdr(1, "/export", 1, "suns", 1, "pcs", 0, 1, "/all", 0, 0))
    .add(6, NONE, xdr(1, "/export", 0, 0))
    .answered(9, NONE, xdr(0, 0, 0, 3));
  if (vers === 2) talk.add(7, xdr("/a"), xdr(1_024, 255, 255, 255, 1_024, 4_096, 0, 0, 0, 0));
  return talk.exchanges;
}

/** 192.168.7.1 as BOOTPARAMS has it: address type 1, then four words with the sign extended. */
const ADDRESS = xdr(1, 0xffff_ffc0, 0xffff_ffa8, 7, 1);

/** Port mapper, RFC 1833 section 3: every procedure of version 2, with BOOTPARAMS and the unknown inside CALLIT. */
export function portmapExchanges(): readonly Exchange[] {
  const whoami = counted(xdr(ADDRESS));
  const named = counted(xdr("v100", "rack7", ADDRESS));
  return new Talk(100_000, 2, 5_000)
    .add(0, NONE, NONE)
    .add(1, xdr(100_026, 1, 17, 900), xdr(1))
    .add(2, xdr(100_026, 1, 17, 900), xdr(0))
    .add(3, xdr(100_003, 2, 17, 0), xdr(2_049))
    .add(3, xdr(100_003, 9, 6, 0), xdr(0))
    .add(4, NONE, xdr(1, 100_000, 2, 6, 111, 1, 100_003, 2, 17, 2_049, 0))
    .add(4, NONE, xdr(0))
    .add(5, xdr(100_026, 1, 1, whoami), xdr(901, named))
    .add(
      5,
      xdr(100_026, 1, 2, counted(xdr("v100", "root"))),
      xdr(901, counted(xdr("srv", ADDRESS, "/r"))),
    )
    .add(5, xdr(200_001, 1, 7, "?????"), xdr(902, "!!!!")).exchanges;
}

/** rpcbind, RFC 1833 section 2: what clients ask of version 3 first. tshark shows nothing of what SET says. */
export function rpcbindExchanges(): readonly Exchange[] {
  return new Talk(100_000, 3, 6_000)
    .add(0, NONE, NONE)
    .add(3, xdr(100_003, 2, "udp", "192.168.7.1.0.111", ""), xdr("192.168.7.1.8.1"))
    .add(3, xdr(100_003, 2, "tcp", "", ""), xdr(""))
    .add(4, NONE, xdr(1, 100_000, 4, "tcp", "0.0.0.0.0.111", "superuser", 0))
    .answered(3, xdr(100_003, 2, "udp", "", ""), xdr(0, 0, 0, 2, 2, 2)).exchanges;
}

/** BOOTPARAMS as its .x file has it: both procedures, with answers in full and empty. */
export function bootparamsExchanges(): readonly Exchange[] {
  const nowhere = xdr(1, 0, 0, 0, 0);
  return new Talk(100_026, 1, 7_000)
    .add(0, NONE, NONE)
    .add(1, ADDRESS, xdr("v100", "rack7", ADDRESS))
    .add(1, ADDRESS, xdr("v100", "", nowhere))
    .add(2, xdr("v100", "root"), xdr("srv", ADDRESS, "/export/root/v100"))
    .add(2, xdr("v100", "dump"), xdr("", nowhere, ""))
    .answered(3, NONE, xdr(0, 0, 0, 3)).exchanges;
}
