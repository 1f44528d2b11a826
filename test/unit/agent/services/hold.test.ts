import { describe, expect, it } from "vitest";
import { TextContent } from "../../../../agent/assets/text-content.ts";
import { HeldQuestions, heldFor } from "../../../../agent/services/hold.ts";
import { settle } from "../../../support/eventually.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeSlot } from "../../../support/fake-slots.ts";

const THERE = new TextContent("a", "a", 0);

function setUp(patienceMs = 10_000) {
  const clock = new FakeClock();
  const held = new HeldQuestions(clock);
  const slots = [new FakeSlot("a", THERE), new FakeSlot("b", THERE)] as const;
  const answers: string[] = [];
  const ask = (key = "k", what = "x", version = ""): boolean =>
    held.hold(key, {
      what,
      slots,
      patienceMs,
      release: (heldMs, over) => answers.push(`${what}${version} ${heldMs} ${over ? "over" : ""}`),
    });
  return { clock, held, slots, answers, ask };
}

describe("HeldQuestions", () => {
  it("answers the newest form of a question when all is there, and not before", async () => {
    const { clock, held, slots, answers, ask } = setUp();
    slots[0].wait();
    slots[1].wait();
    expect(ask("k", "x", "1")).toBe(true);
    clock.advance(2_000);
    expect(ask("k", "x", "2")).toBe(false);
    slots[0].become(THERE);
    await settle();
    expect(answers).toEqual([]);
    clock.advance(1_000);
    slots[1].become(THERE);
    await settle();
    expect(answers).toEqual(["x2 3000 "]);
    expect([held.size, clock.pending]).toEqual([0, 0]);
  });

  it("answers when patience is over, once", async () => {
    const { clock, held, slots, answers, ask } = setUp();
    slots[0].wait();
    ask();
    clock.advance(9_999);
    expect(answers).toEqual([]);
    clock.advance(1);
    expect(answers).toEqual(["x 10000 over"]);
    slots[0].become(THERE);
    await settle();
    expect(answers).toHaveLength(1);
    expect(held.size).toBe(0);
  });

  it("takes another question of the same key for a new one", () => {
    const { clock, slots, answers, ask } = setUp();
    slots[0].wait();
    ask("k", "x");
    clock.advance(9_000);
    expect(ask("k", "y")).toBe(true);
    clock.advance(9_000);
    expect(answers).toEqual([]);
    clock.advance(1_000);
    expect(answers).toEqual(["y 10000 over"]);
  });

  it("waits for ever for who asks for ever, and forgets who does not", async () => {
    const { clock, held, slots, answers, ask } = setUp(Number.POSITIVE_INFINITY);
    slots[0].wait();
    ask();
    for (let i = 0; i < 100; i++) {
      clock.advance(32_000);
      expect(ask()).toBe(false);
    }
    expect(answers).toEqual([]);
    clock.advance(80_000);
    expect([held.size, clock.pending]).toEqual([0, 0]);
    expect(ask()).toBe(true);
    slots[0].become(THERE);
    await settle();
    expect(answers).toEqual(["x 0 "]);
  });

  it("says for how long one was held that is dropped", () => {
    const { clock, held, slots, ask } = setUp();
    slots[0].wait();
    ask();
    clock.advance(1_500);
    expect([held.drop("k"), held.drop("k")]).toEqual([1_500, 0]);
    ask("a");
    ask("b");
    held.clear();
    expect([held.size, clock.pending]).toEqual([0, 0]);
  });

  it("neither spins nor stalls on a slot whose promise has resolved without anything new", async () => {
    const { clock, slots, answers, ask } = setUp();
    slots[0].become(THERE);
    const stuck = new FakeSlot("c", { waiting: true, why: "", settled: Promise.resolve() });
    Object.assign(slots, [stuck]);
    ask();
    await settle();
    expect(answers).toEqual([]);
    stuck.become(THERE);
    ask();
    expect(answers).toEqual(["x 0 "]);
    expect(clock.pending).toBe(0);
  });

  it("has words for the journal", () => {
    expect([heldFor(0), heldFor(3_210)]).toEqual(["", "; held for 3.2 s"]);
  });
});
