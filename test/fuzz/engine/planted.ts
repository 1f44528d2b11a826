import type { Octets } from "../../../protocols/wire/octets.ts";
import type { Target } from "./target.ts";

/**
 * A decoder with a bug four conditions deep, to prove the search: octets in a row that are each one value out of 256. A search
 * that sees which condition an input got past finds them one by one; one that does not would need 2^32 tries and the right
 * places.
 */
function decode(o: Octets, at: number, len: number): number {
  if (len < 24) return 0;
  const { dv } = o;
  if (dv.getUint8(at + 3) !== 0xb7) return 1;
  if (dv.getUint8(at + 17) !== 0x4e) return 2;
  if (dv.getUint8(at + 9) !== 0x91) return 3;
  if (dv.getUint8(at + 22) !== 0x2c) return 4;
  throw new RangeError("planted");
}

/** The planted bug as a target. */
export const planted: Target = {
  name: "planted",
  sources: ["/test/fuzz/engine/planted"],
  maxLen: 64,
  dictionary: [],
  run(o, at, len, t) {
    t.add(decode(o, at, len));
  },
};

/** What an invariant sees of decoders that are wrong in one way each: the first octet says how. */
export const careless: Target = {
  name: "careless",
  sources: ["/test/fuzz/engine/planted"],
  maxLen: 64,
  dictionary: [],
  limits: { readsPerOctet: 1, ms: 20 },
  run(o, at, len, t) {
    if (len < 2) return;
    switch (o.u8[at]) {
      case 1: // one octet too many, and what it holds is told
        t.add(o.u8[at + len]);
        break;
      case 2: // the same, and nothing comes of it but a throw at the end of memory
        o.dv.getUint8(at + len);
        break;
      case 3: // the same, hidden: only guarded memory sees it
        if (at + len < o.u8.length) o.dv.getUint8(at + len);
        break;
      case 4: // a buffer of the size that the peer claims
        new Uint8Array((o.u8[at + 1] ?? 0) * 0x10_0000);
        break;
      case 5: // an offset outside
        t.range("name", at + len - 1, 2);
        break;
      case 6: // a walk that does not step
        for (let i = 0; i < 10_000; i++) o.dv.getUint8(at);
        break;
      case 7: // a state that outlives the message
        state += 1;
        t.add(state);
        break;
      default:
        t.add(o.u8[at]);
    }
  },
};

let state = 0;
