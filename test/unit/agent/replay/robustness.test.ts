import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { captureFrames } from "../../../../agent/capture/capture-reader.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { Replay } from "../../../../agent/replay/replay.ts";
import { exchangeJson, TextReport } from "../../../../agent/replay/report.ts";
import { loadSite } from "../../../../agent/site/load.ts";
import { captureNames, capturePath } from "../../../golden/captures.ts";
import { goldenSite } from "../../../golden/replay/rack.ts";
import { prng } from "../../../support/prng.ts";

const SEED = 2026;
/** Captures that hold every protocol, and are short. */
const SHORT = /^(slof|uboot-nfs|uboot-dhcp|user-bootparam|linux-dhcp-nfsroot-v2|ovmf-httpboot)/;

const FILE_HEADER_LEN = 24;
const FRAME_HEADER_LEN = 16;
/** One octet in so many is changed, inside of frames only: the reader of files has tests of its own. */
const EVERY = 120;

function mutate(octets: Uint8Array, random: () => number): void {
  const dv = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  for (let at = FILE_HEADER_LEN; at < octets.length; ) {
    const len = dv.getUint32(at + 8, true);
    at += FRAME_HEADER_LEN;
    for (let i = 0; i < len; i++) {
      if (random() * EVERY < 1) octets[at + i] = Math.floor(random() * 256);
    }
    at += len;
  }
}

async function* pieces(octets: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield octets;
}

describe("replay of damaged captures", { timeout: 60_000 }, () => {
  it("never throws and gives each request once", async () => {
    const site = await loadSite(goldenSite());
    const random = prng(SEED);
    for (const name of captureNames().filter((n) => SHORT.test(n))) {
      const octets = new Uint8Array(readFileSync(capturePath(name)));
      mutate(octets, random);
      const report = new TextReport(site);
      const seen: string[] = [];
      const replay = await Replay.start({
        site,
        servers: [site.network.address],
        give: (exchange) => {
          const { frame, from, fields } = exchange.request;
          seen.push(`${frame} ${from} ${JSON.stringify(fields)}`);
          JSON.parse(exchangeJson(exchange));
          report.exchange(exchange);
        },
        problem: (error) => {
          throw error;
        },
      });
      try {
        for await (const frame of captureFrames(pieces(octets))) await replay.frame(frame);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
      }
      await replay.end();
      expect(new Set(seen).size).toBe(seen.length);
    }
  });
});
