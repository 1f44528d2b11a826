import { readFileSync } from "node:fs";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer as createTcp, type Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type FetchOrder, fetchBundle } from "../../../../../agent/config/finding/fetch-bundle.ts";
import type { Identity } from "../../../../../agent/identity/identity.ts";
import { Authority } from "../../../../support/certificates.ts";
import { testIdentity } from "../../../../support/ed25519-certificate.ts";

const BUNDLE: Buffer = Buffer.from("d28443", "hex");
const TIMEOUTS = { connectMs: 400, idleMs: 400, allMs: 3_000 };

let agent: Identity;
let operator: Identity;
beforeAll(() => {
  agent = testIdentity();
  operator = testIdentity();
});

function listen(server: Server): Promise<number> {
  onTestFinished(async () => {
    await new Promise((resolve) => {
      server.close(resolve);
      if ("closeAllConnections" in server) (server.closeAllConnections as () => void)();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

async function https(listener: RequestListener, identity: Identity = operator): Promise<URL> {
  const options = {
    cert: identity.certificate,
    key: identity.privateKey,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const port = await listen(createHttps(options, listener));
  return new URL(`https://127.0.0.1:${port}/v1/bundle?agent=x`);
}

async function http(listener: RequestListener): Promise<URL> {
  return new URL(`http://127.0.0.1:${await listen(createHttp(listener))}/site.bundle`);
}

const give: RequestListener = (_, response) => {
  response.setHeader("content-type", "application/cose");
  response.setHeader("etag", '"abc"');
  response.end(BUNDLE);
};

function order(url: URL, more: Partial<FetchOrder> = {}): FetchOrder {
  return {
    url,
    etag: undefined,
    identity: agent,
    trusts: (key) => Buffer.from(key).equals(operator.key.publicKey.octets),
    signal: new AbortController().signal,
    timeouts: TIMEOUTS,
    ...more,
  };
}

describe("a configuration server", () => {
  it("whose certificate is of a trusted operator's key is believed, and sees the agent's", async () => {
    let seen = "";
    const url = await https((request, response) => {
      const { raw } = (request.socket as TLSSocket).getPeerCertificate();
      seen = raw?.toString("base64") ?? "";
      expect(request.url).toBe("/v1/bundle?agent=x");
      give(request, response);
    });
    const fetched = await fetchBundle(order(url, { keyOnly: true }));
    expect(fetched).toEqual({ kind: "bundle", octets: BUNDLE, etag: '"abc"' });
    expect(agent.certificate.replaceAll("\n", "")).toContain(seen.slice(0, 64));
    expect(seen).not.toBe("");
  });

  it("with another key is not asked at all", async () => {
    let asked = 0;
    const url = await https(() => asked++, testIdentity());
    await expect(fetchBundle(order(url))).rejects.toMatchObject({
      code: "E_FORBIDDEN",
      message: expect.stringContaining("a key that is not that of a trusted operator"),
    });
    expect(asked).toBe(0);
  });

  it("that an authority vouches for is believed, unless only an operator's key will do", async () => {
    const authority = new Authority();
    const authorities = readFileSync(authority.cert, "utf8");
    const issued = (names?: string): Identity => {
      const { cert, key } = authority.issue(names === undefined ? {} : { names });
      const [certificate, privateKey] = [readFileSync(cert, "utf8"), readFileSync(key, "utf8")];
      return { ...operator, certificate, privateKey };
    };
    const url = await https(give, issued());
    expect((await fetchBundle(order(url, { authorities }))).kind).toBe("bundle");
    for (const more of [{ authorities, keyOnly: true }, {}]) {
      await expect(fetchBundle(order(url, more))).rejects.toMatchObject({ code: "E_FORBIDDEN" });
    }
    const other = await https(give, issued("DNS:other.example.org"));
    await expect(fetchBundle(order(other, { authorities }))).rejects.toMatchObject({
      message: expect.stringContaining("no authority vouches for it"),
    });
  });

  it("over plain http is asked as well: the bundle is signed anyway", async () => {
    const fetched = await fetchBundle(order(await http(give)));
    expect(fetched.kind).toBe("bundle");
  });

  it("is told what the agent has, and may say that nothing changed", async () => {
    const url = await http((request, response) => {
      expect(request.headers["if-none-match"]).toBe('"abc"');
      response.writeHead(304).end();
    });
    expect(await fetchBundle(order(url, { etag: '"abc"' }))).toEqual({ kind: "unchanged" });
  });

  it("may have nothing for this agent", async () => {
    const url = await http((_, response) => response.writeHead(404).end());
    expect(await fetchBundle(order(url))).toEqual({ kind: "none" });
  });

  it("is connected to by the address that is given", async () => {
    const url = await http((request, response) => {
      expect(request.headers.host).toBe(`config.invalid:${url.port}`);
      give(request, response);
    });
    url.hostname = "config.invalid";
    expect((await fetchBundle(order(url, { address: "127.0.0.1" }))).kind).toBe("bundle");
  });
});

describe("a server that is no good", () => {
  it.each<[string, RequestListener, string]>([
    ["fails", (_, r) => r.writeHead(500).end(), "status 500"],
    ["redirects", (_, r) => r.writeHead(302, { location: "/x" }).end(), "status 302"],
    ["gives HTML", (_, r) => r.setHeader("content-type", "text/html").end("x"), "text/html"],
    ["announces 5 MiB", (_, r) => r.setHeader("content-length", 5 << 20).write("x"), "4 MiB"],
    ["sends without end", (_, r) => void endless(r), "4 MiB"],
    ["says nothing", () => undefined, "silent for 0.4 s"],
    ["stops half-way", (_, r) => r.setHeader("content-length", 9).write("x"), "silent for 0.4 s"],
    ["hangs up", (_, r) => r.destroy(), "hang up"],
    ["encodes", (_, r) => r.setHeader("content-encoding", "gzip").end("x"), "encoded"],
    ["sends huge headers", (_, r) => r.setHeader("x", "y".repeat(20_000)).end(), "Header"],
  ])("one that %s", async (_, listener, message) => {
    await expect(fetchBundle(order(await http(listener)))).rejects.toMatchObject({
      code: "E_UNREACHABLE",
      message: expect.stringMatching(new RegExp(message, "i")),
    });
  });

  it("one that is not there", async () => {
    const port = await listen(createTcp());
    const url = new URL(`http://127.0.0.1:${port}/`);
    url.port = String(port === 65_535 ? port - 1 : port + 1);
    await expect(fetchBundle(order(url))).rejects.toMatchObject({ code: "E_UNREACHABLE" });
  });

  it("one that accepts and never speaks TLS", async () => {
    const port = await listen(createTcp((socket) => socket.on("error", () => undefined).resume()));
    const url = new URL(`https://127.0.0.1:${port}/`);
    await expect(fetchBundle(order(url))).rejects.toMatchObject({
      message: expect.stringContaining("no connection after 0.4 s"),
    });
  });

  it("one that drips an octet at a time is given up after the whole time", async () => {
    const url = await http((_, response) => {
      const timer = setInterval(() => response.write("x"), 50);
      response.on("close", () => clearInterval(timer));
    });
    const timeouts = { ...TIMEOUTS, allMs: 700 };
    await expect(fetchBundle(order(url, { timeouts }))).rejects.toMatchObject({
      message: expect.stringContaining("took longer than 0.7 s"),
    });
  });

  it("the agent stops meanwhile", async () => {
    const ended = new AbortController();
    const url = await http(() => ended.abort());
    await expect(fetchBundle(order(url, { signal: ended.signal }))).rejects.toMatchObject({
      code: "E_UNREACHABLE",
    });
  });
});

function endless(response: Parameters<RequestListener>[1]): void {
  const piece = Buffer.alloc(65_536);
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
}
