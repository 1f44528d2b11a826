import { XdrCursor, XdrWriter } from "../sunrpc/xdr.ts";
import type { Ipv4 } from "../wire/ipv4-address.ts";
import type { Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

/** Sun's boot parameter program (bootparam_prot.x; there is no RFC). */
export const BOOTPARAM_PROG = 100_026;
export const BOOTPARAM_VERS = 1;

/** Procedures: WHOAMI gives a name for an address, GETFILE a server and path for a name and a key. */
export const BootparamProc = { Null: 0, Whoami: 1, Getfile: 2 } as const;

/** Longest client, server or domain name in octets (MAX_MACHINE_NAME). */
export const BOOTPARAM_NAME_MAX = 255;
/** Longest path in octets (MAX_PATH_LEN). */
export const BOOTPARAM_PATH_MAX = 1_024;
/** Longest GETFILE key in octets (MAX_FILEID). */
export const BOOTPARAM_KEY_MAX = 32;
/** What libsa takes as the result of WHOAMI, in octets: 64 words. */
export const WHOAMI_RESULT_LIBSA_MAX = 256;
/** What libsa takes as the result of GETFILE, in octets: 128 words. */
export const GETFILE_RESULT_LIBSA_MAX = 512;

// bp_address is a union of which only the IP arm was ever defined.
const IP_ADDR_TYPE = 1;

const cursor: XdrCursor = new XdrCursor();
const writer: XdrWriter = new XdrWriter();

/** Re-pointable view of the argument of WHOAMI: the address that the client got by RARP. */
export class WhoamiArgsView {
  private address: Ipv4 = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.address = readAddress(cursor);
    return cursor.status;
  }
  get clientAddress(): Ipv4 {
    return this.address;
  }
}

/** Writes the argument of WHOAMI, 20 octets. */
export function emitWhoamiArgs(clientAddress: Ipv4, o: Octets, at: number): number {
  return writeAddress(writer.begin(o, at), clientAddress).at - at;
}

/** Re-pointable view of the result of WHOAMI. */
export class WhoamiResultView {
  private address: Ipv4 = 0;
  private name = 0;
  private nameOctets = 0;
  private domain = 0;
  private domainOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.name = cursor.opaqueVar(BOOTPARAM_NAME_MAX);
    this.nameOctets = cursor.len;
    this.domain = cursor.opaqueVar(BOOTPARAM_NAME_MAX);
    this.domainOctets = cursor.len;
    this.address = readAddress(cursor);
    return cursor.status;
  }
  /** The client's host name. */
  get clientNameAt(): number {
    return this.name;
  }
  get clientNameLen(): number {
    return this.nameOctets;
  }
  /** The NIS domain; netkit's server says "(none)" when it has none. */
  get domainAt(): number {
    return this.domain;
  }
  get domainLen(): number {
    return this.domainOctets;
  }
  get router(): Ipv4 {
    return this.address;
  }
}

/** What a server decides for WHOAMI. */
export interface WhoamiResultRepr {
  readonly clientName: string;
  /** The NIS domain; may be empty. */
  readonly domain: string;
  readonly router: Ipv4;
}

/** Writes the result of WHOAMI; returns octets written, which libsa wants to be at most 256. */
export function emitWhoamiResult(r: WhoamiResultRepr, o: Octets, at: number): number {
  return writeAddress(writer.begin(o, at).string(r.clientName).string(r.domain), r.router).at - at;
}

/** Re-pointable view of the argument of GETFILE. */
export class GetfileArgsView {
  private name = 0;
  private nameOctets = 0;
  private key = 0;
  private keyOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.name = cursor.opaqueVar(BOOTPARAM_NAME_MAX);
    this.nameOctets = cursor.len;
    this.key = cursor.opaqueVar(BOOTPARAM_KEY_MAX);
    this.keyOctets = cursor.len;
    return cursor.status;
  }
  /** The name that WHOAMI gave. */
  get clientNameAt(): number {
    return this.name;
  }
  get clientNameLen(): number {
    return this.nameOctets;
  }
  /** "root", "swap", "dump", "install" and so on. */
  get keyAt(): number {
    return this.key;
  }
  get keyLen(): number {
    return this.keyOctets;
  }
}

/** Writes the argument of GETFILE. */
export function emitGetfileArgs(clientName: string, key: string, o: Octets, at: number): number {
  return writer.begin(o, at).string(clientName).string(key).at - at;
}

/** Re-pointable view of the result of GETFILE. Empty strings and address 0 mean "there is none", which is no error. */
export class GetfileResultView {
  private address: Ipv4 = 0;
  private name = 0;
  private nameOctets = 0;
  private path = 0;
  private pathOctets = 0;

  reset(o: Octets, at: number, len: number): Status {
    cursor.reset(o, at, len);
    this.name = cursor.opaqueVar(BOOTPARAM_NAME_MAX);
    this.nameOctets = cursor.len;
    this.address = readAddress(cursor);
    this.path = cursor.opaqueVar(BOOTPARAM_PATH_MAX);
    this.pathOctets = cursor.len;
    return cursor.status;
  }
  get serverNameAt(): number {
    return this.name;
  }
  get serverNameLen(): number {
    return this.nameOctets;
  }
  get serverAddress(): Ipv4 {
    return this.address;
  }
  get pathAt(): number {
    return this.path;
  }
  get pathLen(): number {
    return this.pathOctets;
  }
}

/** What a server decides for GETFILE. */
export interface GetfileResultRepr {
  readonly serverName: string;
  readonly serverAddress: Ipv4;
  readonly path: string;
}

/** Writes the result of GETFILE; returns octets written, which libsa wants to be at most 512. */
export function emitGetfileResult(r: GetfileResultRepr, o: Octets, at: number): number {
  const w = writer.begin(o, at).string(r.serverName);
  return writeAddress(w, r.serverAddress).string(r.path).at - at;
}

/**
 * Reads a bp_address: a type and four words of one octet each.
 *
 * The octets were C chars: most clients sign-extend them (192 is ffffffc0), some do not. Both are taken; a word that is
 * neither is BadMagic, another address type BadCode.
 */
function readAddress(c: XdrCursor): Ipv4 {
  if (c.u32() !== IP_ADDR_TYPE) c.fail(Status.BadCode);
  let address = 0;
  for (let i = 0; i < 4; i++) {
    const word = c.i32();
    if (word < -128 || word > 255) c.fail(Status.BadMagic);
    address = (address << 8) | (word & 255);
  }
  return address;
}

/** Writes a bp_address with sign-extended octets, as Sun's own code does. */
function writeAddress(w: XdrWriter, address: Ipv4): XdrWriter {
  w.u32(IP_ADDR_TYPE);
  for (let shift = 24; shift >= 0; shift -= 8) w.i32((address << (24 - shift)) >> 24);
  return w;
}
