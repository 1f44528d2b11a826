import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RegistryAuth } from "../../../../../agent/assets/stores/registry-auth.ts";
import { parseChallenges } from "../../../../../agent/assets/stores/registry-challenge.ts";
import { RegistryClient } from "../../../../../agent/assets/stores/registry-client.ts";
import type { StoreAccess } from "../../../../../agent/site/site.ts";
import { type Asked, environment, serve } from "./oci-fake-registry.ts";

const never = (): AbortSignal => new AbortController().signal;
const basicOf = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const ME: StoreAccess = { username: "me", password: { kind: "env", variable: "PW" } };

function challenges(header: string): unknown {
  return parseChallenges(header).map(({ scheme, params }) => [scheme, Object.fromEntries(params)]);
}

describe("parseChallenges", () => {
  it.each([
    ['Basic realm="Registry Realm"', [["basic", { realm: "Registry Realm" }]]],
    [
      'Bearer realm="https://auth.example.com/token",service="r",scope="repository:a/b:pull,push"',
      [
        [
          "bearer",
          {
            realm: "https://auth.example.com/token",
            service: "r",
            scope: "repository:a/b:pull,push",
          },
        ],
      ],
    ],
    ["BEARER Realm = x , Service=y", [["bearer", { realm: "x", service: "y" }]]],
    [
      'Negotiate, Basic realm="a \\"b\\""',
      [
        ["negotiate", {}],
        ["basic", { realm: 'a "b"' }],
      ],
    ],
    [
      'Basic realm="a", Bearer realm="b"',
      [
        ["basic", { realm: "a" }],
        ["bearer", { realm: "b" }],
      ],
    ],
    ["Basic", [["basic", {}]]],
    ["", []],
    [", ,", []],
    ['Basic realm="never closed', [["basic", {}]]],
    ["\u0001", []],
  ])("%s", (header, found) => {
    expect(challenges(header)).toEqual(found);
  });

  it("ends, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'aB=",\\ ') })),
        (text) => {
          expect(parseChallenges(text).length).toBeLessThanOrEqual(text.length);
        },
      ),
      { interruptAfterTimeLimit: 1_000, numRuns: 5_000 },
    );
    const long = `Bearer ${'realm="'.repeat(100_000)}`;
    expect(parseChallenges(long).length).toBeLessThan(10_000);
  });
});

/** A registry that wants a token, and the server that gives it. */
async function tokenRegistry(
  answer: (asked: Asked, count: number) => unknown,
): Promise<{ host: string; asked: Asked[]; tokens: Asked[]; good: Set<string> }> {
  const good = new Set<string>();
  const tokens = await serve(({ url = "", headers: { authorization } }, response) => {
    const asked = { method: "GET", path: url, authorization, range: undefined };
    const said = answer(asked, tokens.asked.length);
    if (typeof said === "number") response.writeHead(said).end();
    else response.end(typeof said === "string" ? said : JSON.stringify(said));
    return true;
  });
  const registry = await serve(({ headers: { authorization = "" } }, response) => {
    if (good.has(authorization)) response.end("{}");
    else {
      const realm = `realm="http://${tokens.host}/token",service="reg",scope="repository:secret:pull"`;
      response.writeHead(401, { "www-authenticate": `Bearer ${realm}` }).end("{}");
    }
    return true;
  });
  return { ...registry, tokens: tokens.asked, good };
}

function clientOf(host: string, access: StoreAccess = {}, now?: () => number): RegistryClient {
  const target = { registry: host, repository: "boot", plainHttp: true, access };
  return new RegistryClient(
    environment({ PW: "secret", TOKEN: "of-the-site" }, now),
    target,
    "pull",
  );
}

async function ask(client: RegistryClient): Promise<number> {
  const request = { method: "GET", path: "manifests/v1", wanted: [200], signal: never() } as const;
  const response = await client.request(request);
  response.discard();
  return response.status;
}

describe("a registry with a token server", () => {
  it("gets a token that was asked for anonymously, for our scope and no other", async () => {
    const registry = await tokenRegistry(() => ({ token: "t1" }));
    registry.good.add("Bearer t1");
    const client = clientOf(registry.host);
    await ask(client);
    await ask(client);
    expect(registry.tokens).toHaveLength(1);
    const [{ path = "", authorization } = {}] = registry.tokens;
    const url = new URL(path, "http://x");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      service: "reg",
      scope: "repository:boot:pull",
    });
    expect(authorization).toBeUndefined();
    expect(registry.asked.map((asked) => asked.authorization)).toEqual([
      undefined,
      "Bearer t1",
      "Bearer t1",
    ]);
  });

  it("gives name and password to the token server alone", async () => {
    const registry = await tokenRegistry(() => ({ access_token: "t1", token: null }));
    registry.good.add("Bearer t1");
    await ask(clientOf(registry.host, ME));
    expect(registry.tokens[0]?.authorization).toBe(basicOf("me", "secret"));
    expect(registry.tokens[0]?.path).toContain("account=me");
    expect(registry.asked.map((asked) => asked.authorization)).toEqual([undefined, "Bearer t1"]);
  });

  it("gets a new token when the old one has run out", async () => {
    let now = 1_000_000;
    const registry = await tokenRegistry((_, count) => ({ token: `t${count}`, expires_in: 100 }));
    registry.good.add("Bearer t1").add("Bearer t2");
    const client = clientOf(registry.host, {}, () => now);
    await ask(client);
    now += 89_000;
    await ask(client);
    expect(registry.tokens).toHaveLength(1);
    now += 2_000;
    await ask(client);
    expect(registry.tokens).toHaveLength(2);
    expect(registry.asked.at(-1)?.authorization).toBe("Bearer t2");
  });

  it("gets a new token when the registry no longer takes the old one", async () => {
    const registry = await tokenRegistry((_, count) => ({ token: `t${count}` }));
    registry.good.add("Bearer t1");
    const client = clientOf(registry.host);
    await ask(client);
    registry.good.clear();
    registry.good.add("Bearer t2");
    expect(await ask(client)).toBe(200);
  });

  it("is asked twice at most when it takes no token", async () => {
    const registry = await tokenRegistry(() => ({ token: "t" }));
    await expect(ask(clientOf(registry.host))).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringContaining("wrong credentials, or no such repository"),
    });
    expect(registry.asked).toHaveLength(2);
  });

  it.each([
    ["no JSON", "<html>", "E_STORE_BROKEN"],
    ["no token", { token: "" }, "E_STORE_BROKEN"],
    ["a number", { token: 5 }, "E_STORE_BROKEN"],
    ["a header in its token", { token: "a\r\nHost: evil" }, "E_STORE_BROKEN"],
    ["without end", { token: "a".repeat(300_000) }, "E_STORE_BROKEN"],
    ["with a refusal", 401, "E_STORE_REFUSED"],
    ["with an outage", 503, "E_STORE_UNREACHABLE"],
  ])("whose token server answers %s", async (_, said, code) => {
    const registry = await tokenRegistry(() => said);
    const failed = await ask(clientOf(registry.host, ME)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code });
    expect(String(failed)).not.toContain("secret");
  });

  it.each([
    "",
    "token",
    "ftp://auth.example.com",
    "http://auth.example.com/token",
    "file:///etc/passwd",
  ])("is not asked at %j", async (realm) => {
    const auth = new RegistryAuth(environment({ PW: "secret" }), ME, "r.example.com", false);
    const answer = auth.answer(`Bearer realm="${realm}"`, "repository:boot:pull", never());
    await expect(answer).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("token server"),
    });
  });

  it("keeps no more than a few tokens", async () => {
    const registry = await tokenRegistry((_, count) => ({ token: `t${count}` }));
    const [{ path = "" } = {}] = registry.tokens;
    expect(path).toBe("");
    const auth = new RegistryAuth(environment(), {}, registry.host, true);
    const challenge = `Bearer realm="http://${registry.host}/"`;
    registry.good.add("");
    const tokens = await serve((_, response) => {
      response.end('{"token":"t"}');
      return true;
    });
    for (let i = 0; i < 20; i++) {
      await auth.answer(challenge.replace(registry.host, tokens.host), `scope${i}`, never());
    }
    expect(await auth.headers("scope0")).toEqual({});
    expect(await auth.headers("scope19")).toEqual({ authorization: "Bearer t" });
  });
});

describe("a registry with passwords", () => {
  async function basicRegistry(
    header = 'Basic realm="r"',
  ): Promise<{ host: string; asked: Asked[] }> {
    return await serve(({ headers: { authorization } }, response) => {
      const good = authorization === basicOf("me", "secret");
      response.writeHead(good ? 200 : 401, good ? {} : { "www-authenticate": header }).end();
      return true;
    });
  }

  it("gets one when it asks, and from then on", async () => {
    const registry = await basicRegistry();
    const client = clientOf(registry.host, ME);
    await ask(client);
    await ask(client);
    const basic = basicOf("me", "secret");
    expect(registry.asked.map((asked) => asked.authorization)).toEqual([undefined, basic, basic]);
  });

  it.each([
    ["nobody's", {}, "it wants a user name and password"],
    ["the wrong one", { ...ME, password: { kind: "env", variable: "TOKEN" } }, "refuses us"],
    ["a token", { token: { kind: "env", variable: "TOKEN" } }, "does not take the token"],
  ] as [string, StoreAccess, string][])("refuses %s", async (_, access, why) => {
    const registry = await basicRegistry();
    const client = clientOf(registry.host, access);
    for (let i = 0; i < 2; i++) {
      const failed = await ask(client).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: "E_STORE_REFUSED" });
      if (i === 0) expect(String(failed)).toContain(why);
      expect(String(failed)).not.toContain("of-the-site");
    }
    expect(registry.asked.length).toBeLessThanOrEqual(4);
  });

  it("that offers nothing we know is not guessed at", async () => {
    const registry = await basicRegistry("Negotiate");
    await expect(ask(clientOf(registry.host, ME))).rejects.toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringContaining("negotiate"),
    });
    expect(registry.asked).toHaveLength(1);
  });

  it("says which secret is missing", async () => {
    const registry = await basicRegistry();
    const access: StoreAccess = { username: "me", password: { kind: "env", variable: "NONE" } };
    await expect(ask(clientOf(registry.host, access))).rejects.toMatchObject({
      code: "E_SECRET",
      message: expect.stringContaining("NONE"),
    });
  });

  it("gets the site's own token at once", async () => {
    const registry = await serve((_, response) => {
      response.end();
      return true;
    });
    await ask(clientOf(registry.host, { token: { kind: "env", variable: "TOKEN" } }));
    expect(registry.asked.map((asked) => asked.authorization)).toEqual(["Bearer of-the-site"]);
  });
});

describe("Docker Hub", () => {
  it("is asked at its real address", () => {
    const target = { registry: "docker.io", repository: "alpine", plainHttp: false, access: {} };
    expect(new RegistryClient(environment(), target, "pull").origin).toBe(
      "https://registry-1.docker.io",
    );
  });
});
