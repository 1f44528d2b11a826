import { describe, expect, it } from "vitest";
import { InheritedSockets, SOCKET_NAMES } from "../../../../agent/link/systemd.ts";

const ENV = { LISTEN_PID: "42", LISTEN_FDS: "3", LISTEN_FDNAMES: "tftp:http:nfs-tcp" };

describe("InheritedSockets", () => {
  it("knows descriptors by name", () => {
    const sockets = InheritedSockets.fromEnvironment(ENV, 42);
    expect(sockets.has(["tftp", "http"])).toBe(true);
    expect(sockets.has(SOCKET_NAMES)).toBe(false);
    expect(["tftp", "http", "nfs-tcp", "nfs"].map((name) => sockets.take(name))).toEqual([
      3,
      4,
      5,
      undefined,
    ]);
  });

  it("knows all when all were passed", () => {
    const env = {
      LISTEN_PID: "1",
      LISTEN_FDS: String(SOCKET_NAMES.length),
      LISTEN_FDNAMES: SOCKET_NAMES.join(":"),
    };
    expect(InheritedSockets.fromEnvironment(env, 1).has(SOCKET_NAMES)).toBe(true);
  });

  it.each([
    ["another process", { ...ENV, LISTEN_PID: "41" }],
    ["nobody", { ...ENV, LISTEN_PID: undefined }],
    ["no sockets", { ...ENV, LISTEN_FDS: "0" }],
    ["a number that is none", { ...ENV, LISTEN_FDS: "x" }],
    ["nothing", {}],
  ])("has none when the environment is for %s", (_, env) => {
    expect(InheritedSockets.fromEnvironment(env, 42).take("tftp")).toBeUndefined();
  });

  it("gives each descriptor once, since whoever takes it closes it", () => {
    const sockets = InheritedSockets.fromEnvironment(ENV, 42);
    expect([sockets.take("tftp"), sockets.take("tftp")]).toEqual([3, undefined]);
    expect(sockets.has(["tftp"])).toBe(false);
  });

  it("believes the count, not the names", () => {
    const sockets = InheritedSockets.fromEnvironment({ ...ENV, LISTEN_FDS: "1" }, 42);
    expect([sockets.take("tftp"), sockets.take("http")]).toEqual([3, undefined]);
  });
});
