import type { Octets } from "../wire/octets.ts";
import { Status } from "../wire/status.ts";
import { isUtf8 } from "../wire/utf8.ts";

// RFC 8949 section 3: three bits of major type, five of additional information.
const UNSIGNED = 0;
const NEGATIVE = 1;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;

/** Containers and tags around an item, whatever the limits say. */
export const CBOR_MAX_DEPTH = 64;
/** Keys of all maps that are open at once, whatever the limits say. */
export const CBOR_MAX_OPEN_KEYS = 4_096;

/** Octets of keys that may be compared in vain for one item: it bounds the time, whatever a peer does to the hash. */
const MAX_COMPARED = 16_384;

/** What a message may cost, and what may be in it. */
export interface CborLimits {
  /** Of the whole message. */
  readonly octets: number;
  /** Data items, keys included. */
  readonly items: number;
  /** Arrays, maps and tags around an item: 0 is a message that is neither. */
  readonly depth: number;
  readonly mapEntries: number;
  /** Keys are texts; this allows integers as well, as COSE has them. */
  readonly intKeys: boolean;
  /** Numbers of the tags that may be there. */
  readonly tags: readonly number[];
  /** Finite ones; others never. */
  readonly floats: boolean;
}

/**
 * Checks one item of CBOR (RFC 8949) that fills the window, before anything decodes it.
 *
 * What passes is deterministic in all but the order of keys (section 4.2): lengths are definite, integers and lengths the
 * shortest, keys of a map differ, texts are UTF-8. Simple values are false, true and null. Nothing is allocated, and the time is
 * bounded by octets, and by items times entries of a map.
 *
 * Truncated: the item goes on. Trailing: something follows. BadLength: the window is larger than the limit.
 * NotCanonical: a longer form than needed, or an indefinite length. BadCode: a tag, simple value or float that is not allowed,
 * a key that is neither text nor an allowed integer, a reserved code. BadText: no UTF-8. Duplicate: of a key.
 * TooMany: items or entries. TooDeep: nesting.
 */
export function walkCbor(o: Octets, at: number, len: number, limits: CborLimits): Status {
  if (len > limits.octets) return Status.BadLength;
  const status = walkOne(o, at, at + len, limits, limits.items);
  if (status !== Status.Ok) return status;
  return walker.at === at + len ? Status.Ok : Status.Trailing;
}

/** The same for a sequence (RFC 8742): any number of items one behind the other; the limits hold for all of them together. */
export function walkCborSequence(o: Octets, at: number, len: number, limits: CborLimits): Status {
  if (len > limits.octets) return Status.BadLength;
  walker.at = at;
  let left = limits.items;
  while (walker.at < at + len) {
    const status = walkOne(o, walker.at, at + len, limits, left);
    if (status !== Status.Ok) return status;
    left = walker.left;
  }
  return Status.Ok;
}

/**
 * Where the first item of a window ends, as an absolute offset: for what reads a sequence piece by piece.
 *
 * 0: nothing may come of it; `Truncated` alone can change with more octets, and then the answer is -1.
 */
export function cborItemEnd(o: Octets, at: number, len: number, limits: CborLimits): number {
  const status = walkOne(o, at, at + len, limits, limits.items);
  if (status === Status.Truncated) return len > limits.octets ? 0 : -1;
  if (status !== Status.Ok || walker.at - at > limits.octets) return 0;
  return walker.at;
}

/** Where the walk is. One for all: a walk runs to its end before another begins. */
const walker = {
  at: 0,
  /** Items that may follow. */
  left: 0,
  /** Of the head read last. */
  major: 0,
  argument: 0,
  /** Octets of keys compared in vain. */
  compared: 0,
};

/** A map counts its keys and values. */
const isMap = new Uint8Array(CBOR_MAX_DEPTH);
const remaining = new Float64Array(CBOR_MAX_DEPTH);
const firstKey = new Uint32Array(CBOR_MAX_DEPTH);
/** Keys of the open maps: where each lies, its length and a hash of it. */
const keyAt = new Float64Array(CBOR_MAX_OPEN_KEYS);
const keyLen = new Uint32Array(CBOR_MAX_OPEN_KEYS);
const keyHash = new Int32Array(CBOR_MAX_OPEN_KEYS);

function walkOne(o: Octets, at: number, end: number, limits: CborLimits, items: number): Status {
  walker.at = at;
  walker.left = items;
  walker.compared = 0;
  const maxDepth = Math.min(limits.depth, CBOR_MAX_DEPTH);
  let depth = 0;
  let keys = 0;
  for (;;) {
    if (walker.left === 0) return Status.TooMany;
    walker.left -= 1;
    const top = depth - 1;
    const isKey = depth > 0 && isMap[top] === 1 && ((remaining[top] ?? 0) & 1) === 0;
    const itemAt = walker.at;
    const status = readHead(o, end, limits);
    if (status !== Status.Ok) return status;
    const { major, argument } = walker;
    if (isKey) {
      if (major !== TEXT && !(limits.intKeys && major <= NEGATIVE)) return Status.BadCode;
      if (keys === CBOR_MAX_OPEN_KEYS) return Status.TooMany;
      const first = firstKey[top] ?? 0;
      const key = takeKey(o, itemAt, walker.at - itemAt, first, keys);
      if (key !== Status.Ok) return key;
      keys += 1;
    }
    if (depth > 0) remaining[top] = (remaining[top] ?? 0) - 1;
    const inside =
      major === ARRAY ? argument : major === MAP ? 2 * argument : major === TAG ? 1 : 0;
    if (major === MAP && argument > limits.mapEntries) return Status.TooMany;
    if (inside > walker.left) return inside > end - walker.at ? Status.Truncated : Status.TooMany;
    if (major === ARRAY || major === MAP || major === TAG) {
      if (depth >= maxDepth) return Status.TooDeep;
      isMap[depth] = major === MAP ? 1 : 0;
      remaining[depth] = inside;
      firstKey[depth] = keys;
      depth += 1;
    }
    while (depth > 0 && remaining[depth - 1] === 0) {
      depth -= 1;
      keys = firstKey[depth] ?? 0;
    }
    if (depth === 0) return Status.Ok;
  }
}

/** Reads one head and what belongs to it: the octets of a string, the rest of a float. */
function readHead(o: Octets, end: number, limits: CborLimits): Status {
  const { dv } = o;
  const { at } = walker;
  if (at >= end) return Status.Truncated;
  const initial = dv.getUint8(at);
  const major = initial >> 5;
  const info = initial & 31;
  // 28 to 30 are reserved; 31 is an indefinite length, or the end of one (section 3.2).
  if (info > 27)
    return info === 31 && major > NEGATIVE && major !== TAG ? Status.NotCanonical : Status.BadCode;
  const len = info < 24 ? 0 : 1 << (info - 24);
  if (len > end - at - 1) return Status.Truncated;
  const next = at + 1 + len;
  walker.at = next;
  walker.major = major;
  if (major === SIMPLE) return simpleStatus(o, at, info, limits);
  let argument = info;
  if (info === 24) argument = dv.getUint8(at + 1);
  else if (info === 25) argument = dv.getUint16(at + 1);
  else if (info === 26) argument = dv.getUint32(at + 1);
  else if (info === 27) argument = dv.getUint32(at + 1) * 0x1_0000_0000 + dv.getUint32(at + 5);
  walker.argument = argument;
  if (argument < (LEAST[len] ?? 0)) return Status.NotCanonical;
  if (major === UNSIGNED || major === NEGATIVE) return Status.Ok;
  if (major === TAG) return limits.tags.includes(argument) ? Status.Ok : Status.BadCode;
  if (major === ARRAY || major === MAP) return Status.Ok;
  if (argument > end - next) return Status.Truncated;
  walker.at = next + argument;
  return major === TEXT && !isUtf8(o, next, argument) ? Status.BadText : Status.Ok;
}

/** The least argument that needs so many octets. */
const LEAST: readonly number[] = [0, 24, 0x100, 0, 0x1_0000, 0, 0, 0, 0x1_0000_0000];

function simpleStatus(o: Octets, at: number, info: number, limits: CborLimits): Status {
  walker.argument = 0;
  if (info < 24) return info >= 20 && info <= 22 ? Status.Ok : Status.BadCode;
  if (info === 24 || !limits.floats) return Status.BadCode;
  // Infinities and what is no number have all exponent bits set.
  const head = o.dv.getUint16(at + 1);
  const exponent = info === 25 ? 0x7c00 : info === 26 ? 0x7f80 : 0x7ff0;
  return (head & exponent) === exponent ? Status.BadCode : Status.Ok;
}

/** Remembers a key, unless the map has it already. Shortest forms alone come here, so that equal keys have equal octets. */
function takeKey(o: Octets, at: number, len: number, first: number, count: number): Status {
  const { dv } = o;
  // FNV-1a.
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < len; i++) hash = Math.imul(hash ^ dv.getUint8(at + i), 0x01000193);
  for (let k = first; k < count; k++) {
    if (keyHash[k] !== hash || keyLen[k] !== len) continue;
    const other = keyAt[k] ?? 0;
    let i = 0;
    while (i < len && dv.getUint8(at + i) === dv.getUint8(other + i)) i++;
    if (i === len) return Status.Duplicate;
    // Other keys of the same hash are made on purpose.
    walker.compared += i;
    if (walker.compared > MAX_COMPARED) return Status.TooMany;
  }
  keyAt[count] = at;
  keyLen[count] = len;
  keyHash[count] = hash;
  return Status.Ok;
}
