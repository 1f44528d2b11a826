import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/errors.ts";
import type { FrameLane } from "../../../../agent/link/frame-lane.ts";
import { LastingLane } from "../../../../agent/link/lasting-lane.ts";
import { Octets } from "../../../../protocols/wire/octets.ts";

class FakeLane implements FrameLane {
  readonly rx: Octets = Octets.alloc(1);
  readonly tx: Octets = Octets.alloc(1);
  sent = 0;
  closed = false;
  handler: (len: number) => void = () => {};
  onFrame(handler: (len: number) => void): void {
    this.handler = handler;
  }
  checks = 0;
  check(): void {
    this.checks += 1;
  }
  send(): void {
    this.sent += 1;
  }
  close(): void {
    this.closed = true;
  }
}

describe("LastingLane", () => {
  const lanes: FakeLane[] = [];
  let lose = (): void => {};
  let refusal: Error | undefined;
  const open = (lost: () => void): FrameLane => {
    if (refusal) throw refusal;
    lose = lost;
    const lane = new FakeLane();
    lanes.push(lane);
    return lane;
  };

  it("hears and sends again by another lane, once it can be opened", () => {
    let told = 0;
    const lane = new LastingLane(open, () => {
      told += 1;
    });
    const heard: number[] = [];
    lane.onFrame((len) => heard.push(len));
    lanes[0]?.handler(60);
    expect([lane.lost, lane.reopen(), lanes.length]).toEqual([false, true, 1]);
    lose();
    expect([lane.lost, told]).toEqual([true, 1]);
    expect([lane.reopen(), lane.lost, lanes.length]).toEqual([true, false, 2]);
    lanes[1]?.handler(64);
    lane.send(60);
    expect([heard, lanes.map((l) => l.sent), lane.rx === lanes[1]?.rx]).toEqual([
      [60, 64],
      [0, 1],
      true,
    ]);
    // One that is lost at once is not opened again and again.
    lose();
    expect([lane.reopen(), lane.lost, lanes.length]).toEqual([false, true, 2]);
    lane.close();
    expect([lane.reopen(), lanes.length, lanes[1]?.closed]).toEqual([true, 2, true]);
  });

  it("is dropped when the interface is not there, and is checked only while it hears", () => {
    const first = lanes.length;
    let told = 0;
    const lane = new LastingLane(open, () => {
      told += 1;
    });
    lane.check();
    lane.drop();
    lane.check();
    expect([lane.lost, lanes[first]?.closed, lanes[first]?.checks, told]).toEqual([
      true,
      true,
      1,
      0,
    ]);
    expect([lane.reopen(), lane.lost, lanes.length]).toEqual([true, false, first + 2]);
  });

  it("stays lost as long as it cannot be opened; a bug is none of its affair", () => {
    const lane = new LastingLane(open, () => {});
    const { length } = lanes;
    lose();
    refusal = new AgentError("E_INTERFACE", "down");
    expect([lane.reopen(), lane.lost, lanes.length]).toEqual([false, true, length]);
    refusal = new Error("a bug");
    expect(() => new LastingLane(open, () => {})).toThrow("a bug");
  });
});
