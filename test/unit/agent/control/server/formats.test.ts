import { describe, expect, it } from "vitest";
import {
  ANSWER_FORMATS,
  encodeAnswer,
  encodeItem,
  mediaType,
  negotiate,
  STREAM_FORMATS,
} from "../../../../../agent/control/server/formats.ts";

describe("Accept", () => {
  it.each([
    [undefined, "application/cbor"],
    ["", "application/cbor"],
    ["*/*", "application/cbor"],
    ["application/json", "application/json"],
    ["APPLICATION/JSON; charset=utf-8", "application/json"],
    ["application/json, */*", "application/json"],
    ["application/json;q=0.5, */*", "application/cbor"],
    ["application/json, application/cbor", "application/cbor"],
    ["application/cbor;q=0, application/*", "application/json"],
    ["application/cose", "application/cose"],
    ['application/cose; cose-type="cose-sign1"', "application/cose"],
    ["text/html, application/json;q=0.9", "application/json"],
    ["text/html", undefined],
    ["application/json;q=nonsense", undefined],
    ["*/*;q=0", undefined],
    [",;,;q=,", undefined],
  ])("%s is %s", (accept, format) => {
    expect(negotiate(accept, ANSWER_FORMATS)).toBe(format);
  });

  it("has formats of its own for streams", () => {
    expect(negotiate("text/event-stream", STREAM_FORMATS)).toBe("text/event-stream");
    expect(negotiate("text/*", STREAM_FORMATS)).toBe("text/event-stream");
    expect(negotiate(undefined, STREAM_FORMATS)).toBe("application/cbor-seq");
    expect(negotiate("application/json", STREAM_FORMATS)).toBeUndefined();
  });

  it("is not looked at without end", () => {
    const long = `${"a/b,".repeat(1_000)}application/json`;
    expect(negotiate(long, ANSWER_FORMATS)).toBeUndefined();
  });
});

describe("bodies", () => {
  it("have octets as base64url in JSON, of a Buffer too", () => {
    const value = { a: Uint8Array.of(0xfb, 0xff), b: [Buffer.of(1)], c: "x" };
    expect(Buffer.from(encodeAnswer(value, "application/json")).toString()).toBe(
      '{"a":"-_8","b":["AQ"],"c":"x"}\n',
    );
  });

  it("are events, an error by its own name", () => {
    const text = (...item: Parameters<typeof encodeItem>): string =>
      Buffer.from(encodeItem(...item)).toString();
    expect(text({ a: "x\ny" }, "text/event-stream")).toBe('data: {"a":"x\\ny"}\n\n');
    expect(text({ error: 1 }, "text/event-stream", "error")).toBe(
      'event: error\ndata: {"error":1}\n\n',
    );
    expect(encodeItem(1, "application/cbor-seq")).toEqual(Uint8Array.of(1));
  });

  it("have a type without its parameters", () => {
    expect(mediaType(' Application/CBOR ; x="y"')).toBe("application/cbor");
    expect(mediaType(undefined)).toBe("");
  });
});
