import { describe, expect, it } from "vitest";
import type { SlotState } from "../../../../../agent/assets/slot.ts";
import { isWait } from "../../../../../agent/assets/slot.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { eventually } from "../../../../support/eventually.ts";
import { sha256 } from "../../../../support/memory-cache.ts";
import { prng, randomOctets } from "../../../../support/prng.ts";
import { unreachable } from "../../../../support/scripted-source.ts";
import { octetsOf } from "../contents.ts";
import { Rig } from "./rig.ts";

const HOUR_MS = 3_600_000;

function served(state: SlotState): Promise<Uint8Array> | undefined {
  return isWait(state) || state instanceof AgentError ? undefined : octetsOf(state);
}

describe("what assets share", () => {
  it("is one mirror that two of them have, and is read by one at a time", async () => {
    const rig = new Rig();
    const both = rig.source("both", randomOctets(1, 500));
    const gone = ["a", "b"].map((id) => rig.source(id, both.octets));
    for (const source of gone) source.failure = unreachable();
    const slots = gone.map(({ id }) => rig.slot(`of ${id}`, [id, "both"]));
    for (const slot of slots) slot.want();
    for (const slot of slots) expect(await rig.served(slot)).toEqual(both.octets);
    expect(both.most).toBe(1);
  });

  it("is what mirrors are known for", async () => {
    const known: string[] = [];
    const rig = new Rig({
      mirrors: {
        order: (sources) => [...sources].reverse(),
        succeeded: (s, nowMs, t) => known.push(`${s.id} gave ${t?.octets} by ${nowMs}`),
        failed: (s, code, _, retryAfterMs) => known.push(`${s.id} ${code} ${retryAfterMs}`),
      },
    });
    rig.source("a", randomOctets(1, 500));
    const last = rig.source("b", randomOctets(1, 500));
    last.failure = Object.assign(unreachable(), { retryAfterMs: 7_000 });
    await rig.served(rig.slot("kernel", ["a", "b"]));
    expect(known).toEqual(["b E_STORE_UNREACHABLE 7000", "a gave 500 by 1000"]);
  });

  it("is not taken from the cache by what is fetched beside it", async () => {
    const rig = new Rig();
    rig.cache.limit = 2_000;
    rig.source("iso", randomOctets(1, 1_000));
    const part = rig.slot("part", ["iso"], { treatment: { extract: "0-900" } });
    expect((await rig.served(part)).length).toBe(900);
    rig.source("b", randomOctets(2, 1_000));
    // Only the ISO itself can go, once nothing is unpacked from it any more.
    expect((await rig.served(rig.slot("other", ["b"]))).length).toBe(1_000);
    expect((await rig.served(part)).length).toBe(900);
    expect(rig.cache.blobs.has(sha256(randomOctets(1, 1_000)))).toBe(false);
    rig.source("c", randomOctets(3, 200));
    expect(await rig.failed(rig.slot("third", ["c"]))).toMatchObject({ code: "E_CACHE_FULL" });
  });
});

describe("under any faults", () => {
  it.each(Array.from({ length: 30 }, (_, seed) => seed))(
    "parts are of one whole, what is pinned is what is pinned, and all is well in the end (seed %d)",
    async (seed) => {
      const random = prng(1_000 + seed);
      const pick = (n: number): number => Math.floor(random() * n);
      const rig = new Rig({ random });
      rig.cache.limit = 20_000;
      const versions = Array.from({ length: 4 }, (_, i) =>
        randomOctets(seed * 10 + i, 2_000 + pick(1_000)),
      );
      const first = versions[0] ?? new Uint8Array();
      const sources = ["a", "b"].map((id) => rig.source(id, first));
      const ids = ["a", "b"];
      const specs = [
        rig.spec("head", ids, {
          pin: "none",
          treatment: { extract: "0-700" },
          refreshMs: HOUR_MS / 4,
        }),
        rig.spec("tail", ids, {
          pin: "always-newest",
          treatment: { extract: "1500-2000" },
          refreshMs: HOUR_MS / 2,
        }),
        rig.spec("whole", ids, { pin: "first", refreshMs: HOUR_MS / 3 }),
        rig.spec("pinned", ids, { sha256: sha256(first), refreshMs: HOUR_MS / 3 }),
      ];
      const slices = [
        new Set(versions.map((v) => sha256(v.slice(0, 700)))),
        new Set(versions.map((v) => sha256(v.slice(1_500, 2_000)))),
        new Set(versions.map(sha256)),
        new Set([sha256(first)]),
      ];
      const look = async (): Promise<void> => {
        for (const [i, spec] of specs.entries()) {
          const octets = await served(rig.keeper.slot(spec).current());
          if (octets) expect(slices[i]?.has(sha256(octets))).toBe(true);
        }
      };
      await rig.keeper.prefetch(specs);
      for (let step = 0; step < 50; step++) {
        const source = sources[pick(2)];
        const spec = specs[pick(4)];
        if (!source || !spec) continue;
        const fault = pick(8);
        source.failure = fault === 0 ? unreachable() : undefined;
        source.stallAt = fault === 1 ? pick(1_000) : undefined;
        if (fault === 2) source.breakAt = pick(1_000);
        if (fault === 3 || fault === 4) {
          source.octets = versions[pick(4)] ?? first;
          source.etag = pick(4) === 0 ? undefined : sha256(source.octets);
          source.sized = pick(4) > 0;
        }
        if (fault === 5) {
          const digests = [...rig.cache.blobs.keys()];
          const digest = digests[pick(digests.length)];
          if (digest !== undefined) rig.cache.found(digest);
        }
        rig.booting = fault === 6;
        if (fault === 7 && pick(3) === 0) {
          await rig.restart();
          await rig.keeper.prefetch(specs);
        }
        rig.keeper.slot(spec).want();
        await rig.pass(pick(600_000), 4);
        await look();
      }
      rig.booting = false;
      for (const s of sources) {
        s.octets = first;
        s.etag = "the last";
        s.sized = true;
        s.failure = s.stallAt = s.breakAt = undefined;
      }
      for (let i = 0; i < 12; i++) {
        for (const spec of specs) rig.keeper.slot(spec).want();
        await rig.pass(HOUR_MS, 8);
      }
      expect(rig.bugs).toEqual([]);
      const record = rig.cache.asset("whole");
      const { assets } = await rig.keeper.status();
      const states = new Map(assets.map((a) => [a.name, a]));
      for (const name of ["head", "tail", "pinned"]) {
        expect(states.get(name)).toMatchObject({ state: "served", sourceDigest: sha256(first) });
      }
      // The one that demands what it saw first has it, or says that nobody has it any more.
      const right = record?.firstSourceDigest;
      if (right === sha256(first))
        expect(states.get("whole")).toMatchObject({ sourceDigest: right });
      else await eventually(() => ["served", "refused"].includes(states.get("whole")?.state ?? ""));
      await look();
    },
  );
});
