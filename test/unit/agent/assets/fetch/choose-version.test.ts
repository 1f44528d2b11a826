import { describe, expect, it } from "vitest";
import type { AssetRecord, VersionRecord } from "../../../../../agent/assets/cache/records.ts";
import { chooseVersion, refusal } from "../../../../../agent/assets/fetch/choose-version.ts";
import { withVersion } from "../../../../../agent/assets/fetch/version-record.ts";
import type { AssetSpec } from "../../../../../agent/site/site.ts";
import { fileAsset } from "../../../../support/asset-specs.ts";

const version = (digest: string, treatment = ""): VersionRecord => ({
  digest,
  size: 1,
  sourceDigest: `source-${digest}`,
  sourceId: "s",
  treatment,
  object: {},
  mtimeMs: 0,
  fetchedMs: 0,
});

const VERSIONS = ["c", "b", "a"].map((d) => version(d));
const spec = (over: Partial<AssetSpec> = {}): AssetSpec => ({ ...fileAsset("x", "/x"), ...over });
const LIST = { checksums: { source: { kind: "file", file: "/l" }, entry: "x" } } as const;

describe("chooseVersion", () => {
  const cases: [
    string,
    Partial<AssetSpec>,
    Partial<AssetRecord>,
    string | undefined,
    string | undefined,
  ][] = [
    ["the pinned one", { sha256: "source-b" }, {}, undefined, "b"],
    ["none but the pinned one", { sha256: "source-z" }, { current: "a" }, undefined, undefined],
    ["the pinned one before what is held", { sha256: "source-b" }, { held: "a" }, undefined, "b"],
    ["what is held", { pin: "always-newest" }, { held: "a", current: "c" }, undefined, "a"],
    ["what is held before what a list says", LIST, { held: "a" }, "source-b", "a"],
    ["the newest when what is held is gone", { pin: "none" }, { held: "z" }, undefined, "c"],
    ["the one that was first", { pin: "first" }, { firstSourceDigest: "source-a" }, undefined, "a"],
    [
      "none but the first",
      { pin: "first" },
      { firstSourceDigest: "source-z" },
      undefined,
      undefined,
    ],
    ["the newest", { pin: "always-newest" }, { firstSourceDigest: "source-a" }, undefined, "c"],
    ["what the list names", LIST, { current: "c" }, "source-b", "b"],
    ["what the list named, as long as it is not known", LIST, { current: "b" }, undefined, "b"],
    [
      "what the list named, as long as the new one is not here",
      LIST,
      { current: "b" },
      "source-z",
      "b",
    ],
    ["none of another treatment", { treatment: { extract: "y" } }, {}, undefined, undefined],
  ];
  it.each(cases)("takes %s", (_, over, record, published, digest) => {
    const choice = {
      spec: spec(over),
      record: { name: "x", versions: VERSIONS, ...record },
      published,
    };
    expect(chooseVersion({ ...choice, usable: () => true })?.digest).toBe(digest);
    expect(chooseVersion({ ...choice, usable: () => false })).toBeUndefined();
  });
});

describe("refusal", () => {
  const record: AssetRecord = { name: "x", versions: VERSIONS, firstSourceDigest: "source-a" };
  it.each([
    ["the pinned one", { sha256: "source-z" }, undefined, "source-z", true],
    ["another than the pinned one", { sha256: "source-z" }, undefined, "source-a", false],
    ["what the list names", LIST, "source-z", "source-z", true],
    ["another than the list names", LIST, "source-z", "source-a", false],
    ["what the list named, without the list", LIST, undefined, "source-a", true],
    ["anything else without the list", LIST, undefined, "source-z", false],
    ["the first", { pin: "first" }, undefined, "source-a", true],
    ["another than the first", { pin: "first" }, undefined, "source-c", false],
    ["anything", { pin: "always-newest" }, undefined, "source-z", true],
    ["anything", { pin: "none" }, undefined, "source-z", true],
  ] as [string, Partial<AssetSpec>, string | undefined, string, boolean][])(
    "of %s (%j)",
    (_, over, published, digest, welcome) => {
      expect(refusal(spec(over), record, published, digest) === undefined).toBe(welcome);
    },
  );
});

describe("withVersion", () => {
  const before: AssetRecord = {
    name: "x",
    versions: VERSIONS,
    current: "b",
    held: "a",
    firstSourceDigest: "source-a",
  };

  it("never lets go of what is served, pinned or demanded", () => {
    const { versions } = withVersion(spec(), before, version("d"), 2);
    expect(versions.map((v) => v.digest)).toEqual(["d", "b", "a"]);
  });

  it("remembers the first one under pin: first, and the last one otherwise", () => {
    expect(withVersion(spec(), before, version("d"), 3).firstSourceDigest).toBe("source-a");
    const newest = withVersion(spec({ pin: "none" }), before, version("d"), 3);
    expect(newest.firstSourceDigest).toBe("source-d");
  });

  it("has each version once", () => {
    const { versions } = withVersion(spec(), before, version("a"), 9);
    expect(versions.map((v) => v.digest)).toEqual(["a", "c", "b"]);
  });

  it("forgets what its store gave before, not what another one did", () => {
    const refused = { sourceDigest: "z", sourceId: "other", why: "", sinceMs: 0 };
    expect(withVersion(spec(), { ...before, refused }, version("d"), 3).refused).toEqual(refused);
    const own = { ...refused, sourceId: "s" };
    expect(
      withVersion(spec(), { ...before, refused: own }, version("d"), 3).refused,
    ).toBeUndefined();
  });
});
