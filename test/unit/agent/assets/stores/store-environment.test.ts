import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ClockEvidence, MADE_MS } from "../../../../../agent/assets/stores/clock-evidence.ts";
import { connectionFailure } from "../../../../../agent/assets/stores/http-failure.ts";
import { openSource } from "../../../../../agent/assets/stores/open-source.ts";
import { ProxyChoice } from "../../../../../agent/assets/stores/proxy.ts";
import { readSecret } from "../../../../../agent/assets/stores/secret.ts";
import { storeEnvironment } from "../../../../support/store-environment.ts";
import { tempDir } from "../../../../support/temp-dir.ts";

describe("secrets", () => {
  test("of a variable and of a file's first line, read anew each time", async () => {
    const file = join(tempDir({ key: "first\r\nsecond\n" }), "key");
    chmodSync(file, 0o640);
    const env = storeEnvironment({ variables: { KEY: "from the environment\n" } });
    expect(await readSecret({ kind: "env", variable: "KEY" }, env)).toBe("from the environment");
    expect(await readSecret({ kind: "file", file }, env)).toBe("first");
    writeFileSync(file, "rotated");
    expect(await readSecret({ kind: "file", file }, env)).toBe("rotated");
    expect(env.warnings).toEqual([]);
  });

  test("in a file that everybody may read is given with a warning, once", async () => {
    const file = join(tempDir({ key: "s3cret" }), "key");
    chmodSync(file, 0o644);
    const env = storeEnvironment();
    for (let i = 0; i < 3; i++) await readSecret({ kind: "file", file }, env);
    expect(env.warnings).toEqual([expect.stringContaining(file)]);
    expect(env.warnings.join()).not.toContain("s3cret");
  });

  test("that are not there are named", async () => {
    const dir = tempDir({ empty: "\nsecond", large: "x".repeat(70_000) });
    expect(spawnSync("mkfifo", [join(dir, "pipe")]).status).toBe(0);
    const env = storeEnvironment({ variables: { EMPTY: "" } });
    for (const [ref, name] of [
      [{ kind: "env", variable: "NONE" }, "NONE"],
      [{ kind: "env", variable: "EMPTY" }, "EMPTY"],
      [{ kind: "file", file: join(dir, "none") }, join(dir, "none")],
      [{ kind: "file", file: join(dir, "empty") }, join(dir, "empty")],
      [{ kind: "file", file: join(dir, "large") }, join(dir, "large")],
      [{ kind: "file", file: join(dir, "pipe") }, join(dir, "pipe")],
      [{ kind: "file", file: dir }, dir],
    ] as const) {
      await expect(readSecret(ref, env)).rejects.toMatchObject({
        code: "E_SECRET",
        message: expect.stringContaining(name),
      });
    }
  });
});

describe("proxies", () => {
  const choose = (variables: Record<string, string>, url: string): string | undefined =>
    new ProxyChoice(variables).of(new URL(url));

  test.each<[Record<string, string>, string, string | undefined]>([
    [{}, "http://h/", undefined],
    [{ HTTP_PROXY: "http://p:1" }, "http://h/", "http://p:1"],
    [{ HTTP_PROXY: "http://p:1" }, "https://h/", undefined],
    [{ https_proxy: "http://p:1" }, "https://h/", "http://p:1"],
    [{ http_proxy: "p:1", HTTP_PROXY: "q:1" }, "http://h/", "http://p:1"],
    [{ http_proxy: "", HTTP_PROXY: "q:1" }, "http://h/", "http://q:1"],
    [{ ALL_PROXY: "p:1" }, "https://h/", "http://p:1"],
  ])("%j for %s: %s", (variables, url, proxy) => {
    expect(choose(variables, url)).toBe(proxy);
  });

  test.each([
    ["*", "http://h/", true],
    ["h", "http://h/", true],
    ["H", "http://h/", true],
    ["a, h", "http://h/", true],
    ["example.com", "http://a.example.com/", true],
    [".example.com", "http://a.example.com/", true],
    ["*.example.com", "http://a.example.com/", true],
    ["example.com", "http://badexample.com/", false],
    ["h:80", "http://h/", true],
    ["h:443", "http://h/", false],
    ["h:443", "https://h/", true],
    ["h:8080", "http://h:8080/", true],
    ["10.0.0.0/8", "http://10.1.2.3/", true],
    ["10.0.0.0/8", "http://11.1.2.3/", false],
    ["10.0.0.0/8", "http://[::1]/", false],
    ["10.0.0.0/40", "http://10.0.0.1/", false],
    ["2.3", "http://10.1.2.3/", false],
    ["::1", "http://[::1]/", true],
    ["[::1]:80", "http://[::1]/", true],
    ["fd00::/8", "http://[fd00::5]/", true],
    ["", "http://h/", false],
  ])("NO_PROXY=%s exempts %s: %s", (noProxy, url, exempt) => {
    const variables = { HTTP_PROXY: "p", HTTPS_PROXY: "p", NO_PROXY: noProxy };
    expect(choose(variables, url) === undefined).toBe(exempt);
  });
});

describe("authorities", () => {
  const route = (file: string): Promise<unknown> =>
    storeEnvironment().dispatchers.route(new URL("https://h/"), file);

  test("a file that is not there or holds no certificate is named", async () => {
    const dir = tempDir({
      text: "no certificate",
      broken: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    });
    expect(spawnSync("mkfifo", [join(dir, "pipe")]).status).toBe(0);
    for (const name of ["none", "text", "broken", "pipe"]) {
      const file = join(dir, name);
      await expect(route(file), name).rejects.toMatchObject({
        code: "E_STORE_TLS",
        message: expect.stringContaining(file),
      });
    }
  });
});

describe("the clock", () => {
  test("before this software was made is wrong", () => {
    const clock = new ClockEvidence(() => 0);
    expect(clock.says()).toBe("1970-01-01T00:00:00.000Z");
    expect(clock.doubt()).toContain("1970-01-01T00:00:00.000Z, which is before this software");
  });

  test("far from a server's is doubtful, near it is not", () => {
    const nowMs = MADE_MS + 1;
    const clock = new ClockEvidence(() => nowMs);
    expect(clock.doubt()).toBeUndefined();
    clock.heard("no date");
    clock.heard(undefined);
    expect(clock.doubt()).toBeUndefined();
    clock.heard(new Date(nowMs + 3_600_000).toUTCString());
    expect(clock.doubt()).toBeUndefined();
    clock.heard(new Date(nowMs + 400 * 86_400_000).toUTCString());
    expect(clock.doubt()).toContain("but a server said 2027-12");
    clock.heard(new Date(nowMs).toUTCString());
    expect(clock.doubt()).toBeUndefined();
  });

  test.each([
    [0, "CERT_NOT_YET_VALID", "E_CLOCK"],
    [0, "CERT_HAS_EXPIRED", "E_CLOCK"],
    [MADE_MS, "CERT_NOT_YET_VALID", "E_STORE_TLS"],
    [MADE_MS, "CERT_HAS_EXPIRED", "E_STORE_TLS"],
    [0, "SELF_SIGNED_CERT_IN_CHAIN", "E_STORE_TLS"],
    [0, "ERR_TLS_CERT_ALTNAME_INVALID", "E_STORE_TLS"],
    [0, "ENOTFOUND", "E_STORE_UNREACHABLE"],
    [0, "EAI_AGAIN", "E_STORE_UNREACHABLE"],
    [0, "E_UNHEARD_OF", "E_STORE_UNREACHABLE"],
  ])("at %i, %s is %s", (nowMs, code, expected) => {
    const clock = new ClockEvidence(() => nowMs);
    const context = { label: "https://h/", proxy: undefined, clock };
    const cause = Object.assign(new Error("why"), { code });
    const error = connectionFailure(new Error("wrapped", { cause }), context);
    expect(error.code).toBe(expected);
    if (code.startsWith("CERT_")) expect(error.message).toContain(clock.says());
  });
});

test("each kind of source is opened as what it is", () => {
  const env = storeEnvironment();
  const access = {};
  expect(openSource({ kind: "http", url: "http://h/x", access }, env).id).toBe("http http://h/x");
  expect(openSource({ kind: "file", file: "/x" }, env)).toMatchObject({
    id: "file /x",
    local: true,
  });
  const folder = openSource({ kind: "folder", folder: "/d", match: "*.iso" }, env);
  expect(folder).toMatchObject({ id: "folder /d/*.iso", label: "/d/*.iso", local: true });
});
