import { AgentError } from "../../errors.ts";
import type { Clock } from "../../link/clock.ts";
import { octetsText } from "../../log/timeline.ts";
import type { Cache, Ingest, Received } from "../cache/cache.ts";
import type { ObjectVersion, OpenObject, Source } from "../stores/source.ts";
import type { FetchLimits } from "./keeper-options.ts";
import { Patience } from "./patience.ts";
import { noAnswer, probeInTime } from "./probe.ts";
import type { Room } from "./room.ts";
import { sameObject } from "./same-object.ts";
import { UsedOctets } from "./used-octets.ts";

/** One attempt at one source. */
export interface TransferInput {
  readonly source: Source;
  readonly cache: Cache;
  readonly room: Room;
  readonly clock: Clock;
  readonly limits: FetchLimits;
  readonly signal: AbortSignal;
  /** Octets that will be written beside the object's own, given its size. */
  readonly beside: (size: number) => number;
  /** Whether an object that the store itself names by its digest is worth fetching; throws when it is not. */
  readonly admit: (sha256: string) => void;
  /** Octets begin to come: `at` were there before. */
  readonly begun: (at: number, version: ObjectVersion) => void;
  readonly got: (octets: number) => void;
}

/** How an attempt ended well. */
export type Transferred =
  /** All octets are here. `resumed`: some of them from an earlier attempt. */
  | {
      readonly kind: "received";
      readonly received: Received;
      readonly version: ObjectVersion;
      readonly resumed: boolean;
    }
  /** The store named a digest that is in the cache already. */
  | { readonly kind: "here"; readonly digest: string; readonly version: ObjectVersion };

/**
 * Fetches an object into the cache's `ingest/`, going on where an earlier attempt ended.
 *
 * Rejects with the source's errors, with E_STORE_UNREACHABLE when the store stalls, with E_CACHE_FULL before anything is
 * written when there is no room, or with the signal's reason. What came until then is kept for the next attempt.
 */
export async function transfer(t: TransferInput): Promise<Transferred> {
  const ingest = await t.cache.ingest(t.source.id);
  const reservation = t.room.open();
  let written = ingest.at;
  let finished = false;
  const patience: Patience[] = [];
  const begin = (): Patience => {
    patience.at(-1)?.close();
    const next = new Patience(t.clock, t.signal);
    patience.push(next);
    return next;
  };
  try {
    if (await isComplete(t, ingest)) {
      const version = ingest.version ?? {};
      const received = await ingest.finish();
      finished = true;
      return { kind: "received", received, version, resumed: true };
    }
    const { opened, patience: open } = await openAt(t, ingest, begin);
    const { version } = opened;
    const sha256 = version.sha256;
    if (sha256 !== undefined) {
      if (t.cache.blob(sha256)) return { kind: "here", digest: sha256, version };
      t.admit(sha256);
    }
    if (opened.from === 0) {
      await ingest.restart(version);
      written = 0;
    }
    const { size } = version;
    if (size !== undefined) {
      // What unpacking will need is a guess: it must not keep out what may fit.
      const rest = size - written;
      await reservation.needAtLeast(rest, [rest + t.beside(size)]);
    }
    t.begun(written, version);
    const memory = opened.lent === false ? new UsedOctets() : undefined;
    for await (const octets of paced(t, opened, open)) {
      if (size === undefined) await reservation.grow(octets.length);
      await ingest.write(octets);
      if (size !== undefined) reservation.used(octets.length);
      written += octets.length;
      t.got(octets.length);
      memory?.used(octets);
    }
    const received = await ingest.finish();
    finished = true;
    return { kind: "received", received, version, resumed: opened.from > 0 };
  } finally {
    patience.at(-1)?.close();
    reservation.release();
    if (!finished) await (written === 0 ? ingest.discard() : ingest.suspend());
  }
}

/** Whether an earlier attempt got everything and was cut off before it could say so. */
async function isComplete(t: TransferInput, { at, version }: Ingest): Promise<boolean> {
  if (at === 0 || version?.size !== at) return false;
  return !(await probeInTime(t, t.source, version, t.signal)).changed;
}

/** Opens where the ingest is; from 0 when what would come does not belong to what is there. */
async function openAt(
  t: TransferInput,
  ingest: Ingest,
  begin: () => Patience,
): Promise<{ readonly opened: OpenObject; readonly patience: Patience }> {
  const { at, version } = ingest;
  if (at > 0 && version) {
    const patience = begin();
    const opened = await open(t, patience, at, version);
    const fits = opened.from === at && sameObject(version, opened.version) !== false;
    if (fits || opened.from === 0) return { opened, patience };
  }
  const patience = begin();
  const opened = await open(t, patience, 0, undefined);
  if (opened.from !== 0) {
    throw new AgentError(
      "E_STORE_BROKEN",
      `${t.source.label}: was asked for all of it and began at ${opened.from}`,
    );
  }
  return { opened, patience };
}

function open(
  t: TransferInput,
  patience: Patience,
  from: number,
  version: ObjectVersion | undefined,
): Promise<OpenObject> {
  const heard = (octets: number): void => patience.heard(octets);
  const request = { from, signal: patience.signal, heard, ...(version ? { version } : {}) };
  return patience.wait(t.source.open(request), t.limits.openMs, () => noAnswer(t.source, t.limits));
}

/** The octets of a store that keeps coming; only time spent waiting for it counts against it. */
async function* paced(
  t: TransferInput,
  opened: OpenObject,
  patience: Patience,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stallMs, slowMs, slowOctets } = t.limits;
  const octets = opened.octets[Symbol.asyncIterator]();
  let waitedMs = 0;
  let came = 0;
  patience.read(); // what came before the first octet says nothing about now
  for (;;) {
    const sinceMs = t.clock.now();
    const next = await patience.wait(
      octets.next(),
      stallMs,
      () =>
        new AgentError(
          "E_STORE_UNREACHABLE",
          `${t.source.label}: nothing came for ${stallMs / 1000} seconds`,
        ),
    );
    if (next.done) return;
    waitedMs += t.clock.now() - sinceMs;
    // A file within a layer comes after others that are passed over: those are signs of life as well.
    came += Math.max(next.value.length, patience.read());
    yield next.value;
    if (waitedMs < slowMs) continue;
    if (came < slowOctets) {
      throw new AgentError(
        "E_STORE_UNREACHABLE",
        `${t.source.label}: only ${octetsText(came)} came within ${Math.round(waitedMs / 1000)} seconds`,
      );
    }
    waitedMs = 0;
    came = 0;
  }
}
