import { describe, expect, it } from "vitest";
import { NONCE_LEN, NONCE_MS, NonceDesk } from "../../../../agent/control/nonce-desk.ts";
import { AgentError } from "../../../../agent/errors.ts";

describe("nonces", () => {
  it("are used once", () => {
    const desk = new NonceDesk(() => 5);
    const nonce = desk.issue();
    expect(nonce).toHaveLength(NONCE_LEN);
    expect(desk.isFresh(nonce)).toBe(true);
    expect(desk.spend(nonce)).toBe(true);
    expect(desk.isFresh(nonce)).toBe(false);
    expect(desk.spend(nonce)).toBe(false);
    expect(desk.spend(desk.issue())).toBe(true);
  });

  it("end after a minute, also those that were not used", () => {
    let nowMs = 1_000;
    const desk = new NonceDesk(() => nowMs);
    const [used, kept] = [desk.issue(), desk.issue()];
    desk.spend(used);
    nowMs += NONCE_MS - 1;
    expect(desk.isFresh(kept)).toBe(true);
    nowMs += 1;
    expect(desk.isFresh(kept)).toBe(false);
    expect(desk.spend(kept)).toBe(false);
    expect(desk.spend(used)).toBe(false);
  });

  it("of another process, cut, longer or changed are none", () => {
    const desk = new NonceDesk(() => 0);
    const nonce = desk.issue();
    const others = [
      new NonceDesk(() => 0).issue(),
      nonce.slice(1),
      Uint8Array.of(...nonce, 0),
      new Uint8Array(0),
      ...Array.from({ length: NONCE_LEN }, (_, i) => nonce.map((o, k) => (k === i ? o ^ 1 : o))),
    ];
    for (const other of others) expect(desk.spend(other)).toBe(false);
    expect(desk.remembered).toBe(0);
    expect(desk.spend(nonce)).toBe(true);
  });

  it("cost nothing before they are used, and are forgotten when they have ended", () => {
    let nowMs = 0;
    const desk = new NonceDesk(() => nowMs);
    const issued = Array.from({ length: 500 }, () => desk.issue());
    expect(desk.remembered).toBe(0);
    for (const nonce of issued) desk.spend(nonce);
    expect(desk.remembered).toBe(500);
    nowMs = NONCE_MS;
    expect(desk.spend(desk.issue())).toBe(true);
    expect(desk.remembered).toBe(1);
  });

  it("are bounded: what was used is not forgotten to make room", () => {
    const desk = new NonceDesk(() => 0);
    const first = desk.issue();
    desk.spend(first);
    const spendAll = (): void => {
      for (let i = 0; i < 30_000; i++) desk.spend(desk.issue());
    };
    expect(spendAll).toThrow(AgentError);
    expect(desk.remembered).toBe(20_000);
    expect(desk.spend(first)).toBe(false);
  });
});
