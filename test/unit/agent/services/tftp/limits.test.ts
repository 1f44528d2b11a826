import { describe, expect, it } from "vitest";
import { settle } from "../../../../support/eventually.ts";
import { ip } from "../../../../support/test-site.ts";
import { ASKER, rrq, tftpTalk } from "../../../../support/tftp-talk.ts";

const STRANGER = ip("172.24.42.99");
const V100 = ip("172.24.42.51");

describe("the TFTP service under a flood", () => {
  it("runs 16 transfers for one machine, counts what it asks beyond its rate, and serves the rest", async () => {
    const { ask, ports, context, journal, clock, answer } = await tftpTalk();
    for (let i = 0; i < 5_000; i++) ask(rrq("netbsd"), ASKER, 10_000 + i);
    await settle();
    expect(ports.transfers).toHaveLength(16);
    expect(journal.entries().at(-1)?.decision).toContain("16 transfers of this machine");
    expect(context.counters.get("tftp", "too-many")).toBe(4_500);
    ask(rrq("AC182A33"), V100);
    expect(await answer(() => ports.transfers[16])).toEqual(["data 1 512"]);
    clock.advance(1_000);
    for (let i = 0; i < 200; i++) ask(rrq("none"), ASKER, 20_000 + i);
    expect(ports.port(69).take()).toHaveLength(100);
  });

  it("journals so many requests of hosts that the site does not name, and counts the others", async () => {
    const { ask, ports, context, journal } = await tftpTalk();
    for (let i = 0; i < 5_000; i++) ask(rrq("netbsd"), STRANGER + (i % 100), i);
    expect(journal.entries().length).toBeLessThanOrEqual(100);
    expect(context.counters.get("tftp", "too-many")).toBe(4_900);
    expect([ports.port(69).take(), ports.transfers]).toEqual([[], []]);
  });

  it("counts what strangers and others send to the port of a transfer", async () => {
    const { ask, ports, context, journal, answer } = await tftpTalk();
    ask(rrq("netbsd"));
    await answer(() => ports.transfers[0]);
    for (let i = 0; i < 1_000; i++) ports.transfers[0]?.deliver(rrq("x"), STRANGER, i);
    for (let i = 0; i < 1_000; i++) ports.transfers[0]?.deliver(rrq("x"), V100, i);
    expect(journal.entries().at(-1)).toMatchObject({ address: "172.24.42.99" });
    expect(ports.transfers[0]?.take()).toHaveLength(500);
    expect(context.counters.get("tftp", "too-many")).toBe(900 + 500);
  });
});
