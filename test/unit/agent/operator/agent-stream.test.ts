import { describe, expect, it } from "vitest";
import { encodeCbor } from "../../../../agent/control/cbor.ts";
import type { AgentEvent } from "../../../../agent/control/messages.ts";
import type { AgentError } from "../../../../agent/errors.ts";
import { connect, EVA } from "../../../support/agent-client.ts";
import { failureOf } from "../../../support/agent-errors.ts";
import { FakeAgent } from "../../../support/fake-agent.ts";

function failure(promise: Promise<unknown>): Promise<AgentError> {
  return failureOf(() => promise);
}

const TIME = "2026-11-21T13:00:00.000Z";
const ALIVE: AgentEvent = { type: "alive", time: TIME };

describe("AgentClient.stream", () => {
  it("gives events until it is told to stop", async () => {
    async function* endless(): AsyncIterable<AgentEvent> {
      for (;;) {
        yield ALIVE;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const agent = await FakeAgent.open({ handlers: { "events.follow": endless } });
    const client = await connect(agent);
    const stop = new AbortController();
    let events = 0;
    for await (const event of client.stream("events.follow", {}, stop.signal)) {
      expect(event).toEqual(ALIVE);
      if (++events === 3) stop.abort();
    }
    expect(events).toBeGreaterThanOrEqual(3);
  });

  it("takes a stream of events up again that breaks off, and waits longer each time in vain", async () => {
    const pauses: number[] = [];
    const notices: string[] = [];
    let opened = 0;
    async function* one(): AsyncIterable<AgentEvent> {
      yield { type: "missed", time: TIME, events: opened++ };
    }
    const agent = await FakeAgent.open({ handlers: { "events.follow": one } });
    const { port } = agent;
    const stop = new AbortController();
    const client = await connect(agent, {
      notice: (text) => notices.push(text),
      timing: {
        pause: async (ms) => {
          pauses.push(ms);
          // Gone for the second and third try.
          if (pauses.length === 1) await agent.close();
          if (pauses.length === 3) await agent.listen(port);
        },
      },
    });
    for await (const event of client.stream("events.follow", {}, stop.signal)) {
      if (event.type === "missed" && event.events === 1) stop.abort();
    }
    expect(pauses).toEqual([500, 1_000, 2_000]);
    expect(notices).toEqual([
      `rack7 (${agent.address}): the connection is lost; tried again in 0.5 s`,
      `rack7 (${agent.address}): the connection is lost; tried again in 1 s`,
      `rack7 (${agent.address}): the connection is lost; tried again in 2 s`,
      `rack7 (${agent.address}): followed again`,
    ]);
  });

  it("takes a stream that says nothing for broken", async () => {
    const lost: string[] = [];
    const agent = await FakeAgent.open({
      handlers: { "events.follow": () => new FakeSilence() },
    });
    const stop = new AbortController();
    const client = await connect(agent, {
      notice: (text) => {
        lost.push(text);
        stop.abort();
      },
      timing: { idleMs: 60 },
    });
    for await (const event of client.stream("events.follow", {}, stop.signal))
      expect(event).toBe(0);
    expect(lost).toHaveLength(1);
  });

  it("puts the pieces of a file together, however they were cut, and ends with it", async () => {
    const pieces = [Buffer.alloc(70_000, 1), Buffer.alloc(1, 2), Buffer.alloc(300_000, 3)];
    async function* file(): AsyncIterable<Uint8Array> {
      yield* pieces;
    }
    const agent = await FakeAgent.open({
      trusted: new Set([EVA.publicKey.fingerprint]),
      handlers: { "capture.get": file },
    });
    const client = await connect(agent);
    const got: Uint8Array[] = [];
    const stop = new AbortController();
    for await (const piece of client.stream("capture.get", { id: "1" }, stop.signal))
      got.push(piece);
    expect(Buffer.concat(got).equals(Buffer.concat(pieces))).toBe(true);
  });

  it.each([
    ["an item that is no event", encodeCbor({ type: "what" })],
    ["something that is no CBOR", Buffer.from([0xff, 0xff])],
    ["an item of indefinite length", Buffer.from([0x5f, 0x41, 0, 0xff])],
  ])("ends at %s", async (_, octets) => {
    const agent = await FakeAgent.open({
      wrong: ({ url }, response) => {
        if (url !== "/v1/events") return false;
        response.writeHead(200, { "content-type": "application/cbor-seq" });
        response.end(octets);
        return true;
      },
    });
    const client = await connect(agent);
    const read = async (): Promise<void> => {
      for await (const event of client.stream("events.follow", {}, new AbortController().signal)) {
        expect(event).toBeUndefined();
      }
    };
    expect(await failure(read())).toMatchObject({ code: "E_PROTOCOL" });
  });

  it("says why a stream is refused, or ends", async () => {
    const agent = await FakeAgent.open({ trusted: new Set() });
    const client = await connect(agent);
    const read = async (): Promise<void> => {
      for await (const piece of client.stream(
        "capture.get",
        { id: "1" },
        new AbortController().signal,
      )) {
        expect(piece).toBeUndefined();
      }
    };
    expect(await failure(read())).toMatchObject({ code: "E_FORBIDDEN" });
    const ends = encodeCbor({
      error: { code: "E_NOT_FOUND", message: "it was removed", cure: "No." },
    });
    const gone = await FakeAgent.open({
      wrong: ({ url }, response) => {
        if (url !== "/v1/call") return false;
        response.writeHead(200, { "content-type": "application/cbor-seq" });
        response.end(ends);
        return true;
      },
    });
    const other = await connect(gone);
    const rest = async (): Promise<void> => {
      for await (const piece of other.stream(
        "capture.get",
        { id: "1" },
        new AbortController().signal,
      )) {
        expect(piece).toBeUndefined();
      }
    };
    expect(await failure(rest())).toMatchObject({ code: "E_NOT_FOUND", cure: "No." });
  });
});

/** A stream of events without any. */
class FakeSilence implements AsyncIterable<AgentEvent> {
  [Symbol.asyncIterator](): AsyncIterator<AgentEvent> {
    return { next: () => new Promise(() => undefined) };
  }
}
