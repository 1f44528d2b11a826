import type { Ipv4 } from "../wire/ipv4-address.ts";
import { NO_VIEW, type Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";

// What clients say of themselves in options of fixed form. Point each view at an option's value; where an option may come
// in fragments (RFC 3396), join it first. README.md of this folder lists the options that have files of their own.

/** Octets of a UUID. */
const UUID_LEN = 16;

/** Re-pointable view of the client identifier, option 61 (RFC 2132 section 9.14): type(1) identifier. */
export class ClientIdentifierView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private len = 0;

  /** `Truncated` below the two octets that the RFC demands. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < 2) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    this.len = len;
    return Status.Ok;
  }
  /** A hardware type (1: the identifier is an Ethernet address), or 0 for something else. */
  get type(): number {
    return this.dv.getUint8(this.at);
  }
  get idAt(): number {
    return this.at + 1;
  }
  get idLen(): number {
    return this.len - 1;
  }
}

/** Re-pointable view of the client system architectures, option 93 (RFC 4578 section 2.1): a list of 16-bit codes. */
export class ArchitectureListView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private octets = 0;

  /** `BadLength` for an odd length, `Truncated` for none at all. */
  reset(o: Octets, at: number, len: number): Status {
    if (len < 2) return Status.Truncated;
    if (len % 2 !== 0) return Status.BadLength;
    this.dv = o.dv;
    this.at = at;
    this.octets = len;
    return Status.Ok;
  }
  get count(): number {
    return this.octets >> 1;
  }
  /** The code at place `i`, in the client's order of preference; -1 beyond the last. */
  architecture(i: number): number {
    return i < 0 || i >= this.count ? -1 : this.dv.getUint16(this.at + 2 * i);
  }
}

/** Re-pointable view of the client network interface, option 94 (RFC 4578 section 2.2): type(1) major(1) minor(1). */
export class NetworkInterfaceView {
  private dv: DataView = NO_VIEW;
  private at = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 3) return Status.Truncated;
    if (len > 3) return Status.BadLength;
    this.dv = o.dv;
    this.at = at;
    return Status.Ok;
  }
  /** 1: UNDI. */
  get type(): number {
    return this.dv.getUint8(this.at);
  }
  get major(): number {
    return this.dv.getUint8(this.at + 1);
  }
  get minor(): number {
    return this.dv.getUint8(this.at + 2);
  }
}

/**
 * Re-pointable view of the client machine identifier, option 97 (RFC 4578 section 2.3): type(1), then for type 0 a UUID in
 * the octet order of SMBIOS, whose first three fields are little-endian. A Raspberry Pi 3 sends a constant here.
 */
export class MachineIdentifierView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private len = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 1) return Status.Truncated;
    this.dv = o.dv;
    this.at = at;
    this.len = len;
    return Status.Ok;
  }
  get type(): number {
    return this.dv.getUint8(this.at);
  }
  /** Offset of the UUID's sixteen octets; -1 when this is not one. */
  get uuidAt(): number {
    return this.type === 0 && this.len === UUID_LEN + 1 ? this.at + 1 : -1;
  }
}

/** Re-pointable view of a list of addresses: options 3, 6, 150 (RFC 5859) and others of that form. */
export class Ipv4ListView {
  private dv: DataView = NO_VIEW;
  private at = 0;
  private octets = 0;

  reset(o: Octets, at: number, len: number): Status {
    if (len < 4) return Status.Truncated;
    if (len % 4 !== 0) return Status.BadLength;
    this.dv = o.dv;
    this.at = at;
    this.octets = len;
    return Status.Ok;
  }
  get count(): number {
    return this.octets >> 2;
  }
  /** The address at place `i`; 0 beyond the last. */
  address(i: number): Ipv4 {
    return i < 0 || i >= this.count ? 0 : this.dv.getInt32(this.at + 4 * i);
  }
}
