import { describe, expect, it } from "vitest";
import { createLogger, type LogFormat, type LogLevel } from "../../../../agent/log/logger.ts";

function lines(level: LogLevel, format: LogFormat): string[] {
  const out: string[] = [];
  const log = createLogger(level, format, (line) => out.push(line));
  log.debug("fine print");
  log.info("ready");
  log.warn({ port: 69 }, "odd");
  log.error("broken");
  return out;
}

describe("createLogger", () => {
  it("writes text for people: time, level unless it is info, message", () => {
    const out = lines("info", "text");
    expect(out).toHaveLength(3);
    expect(out[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ready\n$/);
    expect(out[1]).toMatch(/ warn: odd\n$/);
    expect(out[2]).toMatch(/ error: broken\n$/);
  });

  it("writes one JSON object a line for collectors", () => {
    const out = lines("debug", "json").map((line) => JSON.parse(line) as { msg: string });
    expect(out.map((r) => r.msg)).toEqual(["fine print", "ready", "odd", "broken"]);
    expect(out[2]).toMatchObject({ port: 69, level: 40 });
    expect(Object.keys(out[1] ?? {}).sort()).toEqual(["level", "msg", "time"]);
  });

  it("is silent when told so", () => {
    expect(lines("silent", "text")).toEqual([]);
  });
});
