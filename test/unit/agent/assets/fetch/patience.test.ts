import { describe, expect, it } from "vitest";
import { Patience } from "../../../../../agent/assets/fetch/patience.ts";
import { AgentError } from "../../../../../agent/errors.ts";
import { FakeClock } from "../../../../support/fake-clock.ts";

const late = (): AgentError => new AgentError("E_STORE_UNREACHABLE", "late");
const never = new Promise<void>(() => undefined);

describe("Patience", () => {
  it("ends when the time is over, and leaves no timer", async () => {
    const clock = new FakeClock();
    const patience = new Patience(clock, new AbortController().signal);
    const waiting = expect(patience.wait(never, 1_000, late)).rejects.toMatchObject({
      message: "late",
    });
    clock.advance(999);
    expect(patience.signal.aborted).toBe(false);
    clock.advance(1);
    await waiting;
    expect([patience.signal.aborted, clock.pending]).toEqual([true, 0]);
  });

  it("has its whole time again at each sign of life", async () => {
    const clock = new FakeClock();
    const patience = new Patience(clock, new AbortController().signal);
    const waiting = expect(patience.wait(never, 1_000, late)).rejects.toMatchObject({
      message: "late",
    });
    for (let i = 0; i < 5; i++) {
      clock.advance(900);
      patience.heard(10);
    }
    expect(patience.signal.aborted).toBe(false);
    expect([patience.read(), patience.read()]).toEqual([50, 0]);
    clock.advance(1_000);
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it("takes no sign of life for a wait when nothing is waited for", async () => {
    const clock = new FakeClock();
    const patience = new Patience(clock, new AbortController().signal);
    await patience.wait(Promise.resolve(), 1_000, late);
    patience.heard(1);
    expect(clock.pending).toBe(0);
    patience.close();
  });
});
