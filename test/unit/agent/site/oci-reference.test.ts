import { describe, expect, it } from "vitest";
import { Wrong } from "../../../../agent/site/leaves.ts";
import { parseOciReference, parseRegistry } from "../../../../agent/site/oci-reference.ts";

const DIGEST = `sha256:${"9f".repeat(32)}`;

describe("parseOciReference", () => {
  it.each([
    ["registry.example.com/talos:v1.11.6", "registry.example.com", "talos", "v1.11.6"],
    ["localhost/a/b__c/d-e", "localhost", "a/b__c/d-e", "latest"],
    ["localhost:5000/x", "localhost:5000", "x", "latest"],
    ["minipc:443/team/x:T_a.g", "minipc:443", "team/x", "T_a.g"],
    ["10.0.0.9:5000/x:1", "10.0.0.9:5000", "x", "1"],
    ["[fd00::1]:5000/x:1", "[fd00::1]:5000", "x", "1"],
    [`r.example/x@${DIGEST}`, "r.example", "x", DIGEST],
    [`r.example/x:v1@${DIGEST}`, "r.example", "x", DIGEST],
    ["oci://r.example/x:v1", "r.example", "x", "v1"],
    ["docker.io/library/alpine:3", "registry-1.docker.io", "library/alpine", "3"],
  ])("reads %s", (text, registry, repository, reference) => {
    expect(parseOciReference(text)).toEqual({ registry, repository, reference });
  });

  it.each([
    "",
    "/",
    ".example/x",
    "r..example/x",
    "r.example/",
    "r.example/x:",
    "r.example/x:-a",
    "r.example//x",
    "r.example/x/:v1",
    "r.example/x:a:b",
    "r.example/-x",
    "r.example/x___y",
    "r.example:0/x",
    "r.example:65536/x",
    "r.example:http/x",
    `r.example/x@${DIGEST}@${DIGEST}`,
    `r.example/x@${DIGEST}0`,
    `r.example/x@${DIGEST.toUpperCase()}`,
    `r.example/x@sha512:${"9f".repeat(64)}`,
    "r.example/X:1",
    `r.example/${"x".repeat(256)}`,
    `r.example/x:${"x".repeat(129)}`,
    "https://r.example/x:1",
    "alpine",
    "alpine:3",
    "team/x:1",
    "docker.io/alpine",
    "r.example",
    "r.example:5000",
    "u:p@r.example/x",
    "r.example/x y",
    "r.example/x\n",
  ])("refuses %j", (text) => {
    const result = parseOciReference(text);
    expect(result === undefined || result instanceof Wrong).toBe(true);
  });

  it.each([
    ["alpine", "docker.io/library/alpine"],
    ["alpine:3.19", "docker.io/library/alpine:3.19"],
    [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`],
    ["team/x:1", "docker.io/team/x:1; a host of yours with its port: team:443/x:1"],
    ["docker.io/alpine:3", "docker.io/library/alpine:3"],
  ])("says what %s is in full", (text, full) => {
    expect(parseOciReference(text)).toMatchObject({ cure: `write it in full, ${full}` });
  });
});

describe("parseRegistry", () => {
  it.each([
    ["r.example", "r.example"],
    ["R.example:5000/", "r.example:5000"],
    ["oci://r.example/team/x", "r.example/team/x"],
    ["registry", "registry"],
    ["docker.io", "registry-1.docker.io"],
  ])("reads %s", (text, want) => {
    expect(parseRegistry(text)).toBe(want);
  });

  it.each(["", "r.example:0", "r.example/X", "r.example//x", "https://r.example", "u:p@r.example"])(
    "refuses %j",
    (text) => {
      const result = parseRegistry(text);
      expect(result === undefined || result instanceof Wrong).toBe(true);
    },
  );
});
