import { describe, expect, it, onTestFinished } from "vitest";
import { AgentError } from "../../../../../agent/errors.ts";
import { HttpService } from "../../../../../agent/services/http/service.ts";
import { eventually, settle } from "../../../../support/eventually.ts";
import { FakeSocket } from "../../../../support/fake-socket.ts";
import { KERNEL, testRack } from "../../../../support/test-site.ts";

async function setUp() {
  const rack = await testRack();
  const server = new HttpService(rack.context).createServer();
  onTestFinished(() => server.closeAllConnections());
  const ask = (line: string): FakeSocket => {
    const socket = new FakeSocket("172.24.42.60");
    server.emit("connection", socket);
    socket.arrive(`${line} HTTP/1.1\r\nConnection: close\r\n\r\n`);
    return socket;
  };
  const heldCount = async (count: number): Promise<void> =>
    eventually(
      () => rack.journal.entries().filter((e) => e.decision.startsWith("held:")).length === count,
      `${count} requests held`,
    );
  const answered = (socket: FakeSocket): Promise<void> =>
    eventually(() => socket.writableFinished || socket.destroyed, "the answer");
  return { ...rack, ask, heldCount, answered };
}

describe("HttpService, asked for what is being fetched", () => {
  for (const method of ["GET", "HEAD"]) {
    it(`holds ${method} without a header, and answers as soon as it is there`, async () => {
      const { ask, assets, heldCount, answered, clock, last } = await setUp();
      const ready = assets.withhold("netbsd");
      const socket = ask(`${method} /netbsd`);
      await heldCount(1);
      expect(last()).toMatchObject({
        event: `${method} /netbsd`,
        decision: "held: fetching netbsd (3.1 of 6.0 MB)",
        outcome: "silent",
      });
      clock.advance(7_000);
      await settle();
      expect(socket.text).toBe("");
      ready();
      await answered(socket);
      expect(socket.text).toMatch(/^HTTP\/1\.1 200 /);
      expect(socket.text.toLowerCase()).toContain(`content-length: ${KERNEL.length}\r\n`);
      await eventually(() => last().decision === "minipc has this file; held for 7.0 s");
      expect(clock.pending).toBe(0);
    });
  }

  it("says when to ask again when patience is over", async () => {
    const { ask, assets, heldCount, answered, clock, last } = await setUp();
    assets.withhold("netbsd");
    const socket = ask("GET /netbsd");
    await heldCount(1);
    clock.advance(20_000);
    await answered(socket);
    expect(socket.text).toMatch(/^HTTP\/1\.1 503 /);
    expect(socket.text.toLowerCase()).toContain("retry-after: 5\r\n");
    expect(last()).toMatchObject({
      decision: "still fetching netbsd (3.1 of 6.0 MB); held for 20.0 s",
      outcome: "refused",
    });
  });

  it("waits no longer than UEFI's HTTP boot does", async () => {
    const { ask, assets, heldCount, answered, clock, context, plan } = await setUp();
    context.sightings.dhcp(plan("minipc").machine, { family: "uefi-http-x64", why: "" });
    assets.withhold("netbsd");
    const socket = ask("HEAD /netbsd");
    await heldCount(1);
    clock.advance(4_000);
    await answered(socket);
    expect(socket.text).toMatch(/^HTTP\/1\.1 503 /);
  });

  it("says at once when to ask again for what nobody is fetching now", async () => {
    const { ask, assets, answered } = await setUp();
    assets.named("netbsd").become(new AgentError("E_ASSET_PENDING", "no store has it yet"));
    const socket = ask("GET /netbsd");
    await answered(socket);
    expect(socket.text.toLowerCase()).toContain("retry-after: 5\r\n");
    assets.named("netbsd").become(new AgentError("E_ASSET_MISSING", "gone"));
    const other = ask("GET /netbsd");
    await answered(other);
    expect(other.text).toMatch(/^HTTP\/1\.1 503 /);
    expect(other.text.toLowerCase()).not.toContain("retry-after");
  });

  it("forgets who went away", async () => {
    const { ask, assets, heldCount, clock, journal } = await setUp();
    const ready = assets.withhold("netbsd");
    const socket = ask("GET /netbsd");
    await heldCount(1);
    socket.destroy();
    await eventually(() => clock.pending === 0, "nothing held");
    ready();
    await settle();
    expect(journal.entries()).toHaveLength(1);
  });

  it("keeps what it sends from being evicted, until it is sent", async () => {
    const { ask, assets, answered, context } = await setUp();
    const state = assets.named("netbsd").current();
    const digest = "sha256" in state ? String(state.sha256) : "";
    const socket = ask("GET /netbsd");
    socket.stalled = true;
    await eventually(() => context.needs.digestsInUse([]).has(digest), "the loan");
    socket.drain();
    await answered(socket);
    await eventually(() => context.needs.digestsInUse([]).size === 0, "the end of the loan");
  });
});
