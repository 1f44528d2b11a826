import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { PlainOutput } from "../../../../../agent/cli/lab/output.ts";
import { labResult } from "../../../../../agent/cli/lab/summary.ts";
import { entry, run, START_MS, step, transfer } from "./runs.ts";

it("prints steps in the order of their times, finished transfers, and the table", () => {
  let text = "";
  const out = new PlainOutput(
    new Writable({
      write(piece, _encoding, done): void {
        text += String(piece);
        done();
      },
    }),
  );
  const r = run();
  out.start("the lab", [r]);
  const answer = entry(10, {});
  out.journal(r, answer, r.takeJournal(answer));
  out.journal(undefined, entry(5, { machine: "other", mac: null }), undefined);
  const events = [
    step(0, "rarp", "who?"),
    transfer(500, 1, 2),
    transfer(1_000, 2_000, 2_000, true),
  ];
  for (const event of events) out.event(r, event, r.takeEvent(event));
  out.note(r, r.fail("gone", START_MS + 2_000));
  out.end(labResult([r], null));
  expect(text.split("\n")).toEqual([
    "the lab",
    "v100   0.00 rarp       who?",
    "v100   0.01 rarp       ← you are 172.24.42.51",
    "v100   1.00 nfs        loaded netbsd: 2.00 kB, 2.00 kB/s",
    "v100   2.00 boot       failed: gone",
    "",
    "machine  firmware      steps  octets    time  verdict",
    "v100     openfirmware      1     0 B  2.00 s  failed",
    "v100 failed: gone",
    "",
  ]);
});
