import { describe, expect, it } from "vitest";
import { TextContent } from "../../../../../agent/assets/text-content.ts";
import {
  chooseRange,
  isFresh,
  preconditionHolds,
} from "../../../../../agent/services/http/range.ts";

/** 100 octets that changed at 22:13:20.700: HTTP dates have no fractions. */
const CONTENT = new TextContent("x", "x".repeat(100), 1_700_000_000_700);
const TAG = `"${CONTENT.etag}"`;
const DATE = "Tue, 14 Nov 2023 22:13:20 GMT";
const EARLIER = "Tue, 14 Nov 2023 22:13:19 GMT";

const range = (value: string, more: Record<string, string> = {}) =>
  chooseRange(new Headers({ range: value, ...more }), CONTENT);

describe("chooseRange", () => {
  it.each([
    ["bytes=0-9", { at: 0, len: 10 }],
    ["bytes=10-", { at: 10, len: 90 }],
    ["bytes=99-99", { at: 99, len: 1 }],
    ["bytes=90-1000", { at: 90, len: 10 }],
    ["bytes=-10", { at: 90, len: 10 }],
    ["bytes=-1000", { at: 0, len: 100 }],
    [" bytes=0-0 ", { at: 0, len: 1 }],
    ["Bytes=0-9", { at: 0, len: 10 }],
    [`bytes=0-${"9".repeat(400)}`, { at: 0, len: 100 }],
  ])("takes %s", (value, expected) => {
    expect(range(value)).toEqual(expected);
  });

  it.each(["bytes=100-", "bytes=100-200", "bytes=-0", `bytes=${"9".repeat(400)}-`])(
    "cannot satisfy %s",
    (value) => {
      expect(range(value)).toBe("unsatisfiable");
    },
  );

  it.each(["bytes=5-2", "bytes=-", "bytes=0-1,5-6", "bytes=a-b", "lines=0-1", "bytes 0-1", ""])(
    "gives the whole for %j",
    (value) => {
      expect(range(value)).toBeUndefined();
    },
  );

  it("gives the whole when If-Range speaks of other octets", () => {
    expect(range("bytes=0-9", { "if-range": TAG })).toBeDefined();
    expect(range("bytes=0-9", { "if-range": DATE })).toBeDefined();
    for (const other of ['"other"', `W/${TAG}`, EARLIER, "Tue, 14 Nov 2023 22:13:21 GMT", "x"]) {
      expect(range("bytes=0-9", { "if-range": other }), other).toBeUndefined();
    }
  });
});

describe("isFresh", () => {
  it.each([
    [{ "if-none-match": TAG }, true],
    [{ "if-none-match": `W/${TAG}` }, true],
    [{ "if-none-match": `"a", ${TAG}` }, true],
    [{ "if-none-match": "*" }, true],
    [{ "if-none-match": '"a"' }, false],
    [{ "if-none-match": '"a"', "if-modified-since": DATE }, false],
    [{ "if-modified-since": DATE }, true],
    [{ "if-modified-since": EARLIER }, false],
    [{ "if-modified-since": "yesterday" }, false],
    [{}, false],
  ] as [Record<string, string>, boolean][])("%j: %s", (headers, fresh) => {
    expect(isFresh(new Headers(headers), CONTENT)).toBe(fresh);
  });
});

describe("preconditionHolds", () => {
  it.each([
    [{ "if-match": TAG }, true],
    [{ "if-match": `"a", ${TAG}` }, true],
    [{ "if-match": "*" }, true],
    [{ "if-match": '"a"' }, false],
    [{ "if-match": `W/${TAG}` }, false],
    [{ "if-match": TAG, "if-unmodified-since": EARLIER }, true],
    [{ "if-unmodified-since": DATE }, true],
    [{ "if-unmodified-since": EARLIER }, false],
    [{ "if-unmodified-since": "x" }, true],
    [{}, true],
  ] as [Record<string, string>, boolean][])("%j: %s", (headers, holds) => {
    expect(preconditionHolds(new Headers(headers), CONTENT)).toBe(holds);
  });
});
