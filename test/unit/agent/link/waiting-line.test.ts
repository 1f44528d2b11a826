import { Server, type Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { WaitingLine } from "../../../../agent/link/waiting-line.ts";
import { FakeSocket } from "../../../support/fake-socket.ts";

class ListeningServer extends Server {
  override listening = true;
}

function setUp(places: number, length: number) {
  const server = new ListeningServer();
  const served: FakeSocket[] = [];
  const events: string[] = [];
  const line = new WaitingLine(
    server,
    places,
    length,
    (socket) => served.push(socket as unknown as FakeSocket),
    (_, what) => events.push(what === "waits" ? "waits" : "turned away"),
  );
  const enter = (): FakeSocket => {
    const socket = new FakeSocket("10.0.0.7").pause();
    line.enter(socket as unknown as Socket);
    return socket;
  };
  return { server, line, served, events, enter };
}

describe("WaitingLine", () => {
  it("serves in the order in which they came, and reads nobody before his turn", async () => {
    const { line, served, events, enter } = setUp(2, 10);
    const [a, b, c, d] = [enter(), enter(), enter(), enter()];
    expect(served).toEqual([a, b]);
    expect([a, b, c, d].map((s) => s.isPaused())).toEqual([false, false, true, true]);
    expect(events).toEqual(["waits", "waits"]);
    b.destroy();
    await vi.waitFor(() => expect(served).toEqual([a, b, c]));
    expect(c.isPaused()).toBe(false);
    a.destroy();
    await vi.waitFor(() => expect(served).toEqual([a, b, c, d]));
    expect(line.waiting).toBe(0);
  });

  it("passes over who went away meanwhile", async () => {
    const { line, served, enter } = setUp(1, 10);
    const [a, b, c] = [enter(), enter(), enter()];
    b.destroy(new Error("ECONNRESET"));
    await vi.waitFor(() => expect(line.waiting).toBe(1));
    a.destroy();
    await vi.waitFor(() => expect(served).toEqual([a, c]));
  });

  it("turns away whoever finds no room to wait in", () => {
    const { served, events, enter } = setUp(1, 2);
    const sockets = [enter(), enter(), enter(), enter()];
    expect(sockets.map((s) => s.destroyed)).toEqual([false, false, false, true]);
    expect(served).toHaveLength(1);
    expect(events).toEqual(["waits", "waits", "turned away"]);
  });

  it("keeps no server open that was told to close", async () => {
    const { server, served, enter } = setUp(1, 10);
    const [a, b, c] = [enter(), enter(), enter()];
    server.listening = false;
    a.destroy();
    await vi.waitFor(() => expect([b, c].every((s) => s.destroyed)).toBe(true));
    expect(served).toEqual([a]);
  });
});
