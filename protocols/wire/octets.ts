/**
 * A borrowed window onto memory owned by a transport.
 *
 * One `Octets` is made per slab at start-up, never per packet: constructing a `DataView` costs about 80 octets and 60 ns,
 * reading through an existing one is a single bounds-checked load. Both members alias the same memory; codecs read numbers
 * from `dv` and copy octets by `u8`.
 */
export class Octets {
  readonly u8: Uint8Array;
  readonly dv: DataView;

  constructor(u8: Uint8Array) {
    this.u8 = u8;
    this.dv = new DataView(u8.buffer, u8.byteOffset, u8.byteLength);
  }

  /** A window onto `size` fresh octets. */
  static alloc(size: number): Octets {
    return new Octets(new Uint8Array(size));
  }
}

/** Shared initial value for the `dv` of views, so that constructing a view allocates nothing but itself. */
export const NO_VIEW: DataView = new DataView(new ArrayBuffer(0));
/** Shared initial value for a view's `Octets`. */
export const NO_OCTETS: Octets = new Octets(new Uint8Array(0));
