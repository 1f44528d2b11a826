import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { S3Target } from "../../../agent/assets/stores/s3-address.ts";
import { S3Source } from "../../../agent/assets/stores/s3-source.ts";
import type { StoreEnvironment } from "../../../agent/assets/stores/store-environment.ts";
import type { AgentError } from "../../../agent/errors.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { drain, storeEnvironment } from "../../support/store-environment.ts";

const signal = new AbortController().signal;
const BIG = Uint8Array.from({ length: 24 * 1024 * 1024 }, (_, i) => (i * 31 + (i >> 9)) & 0xff);
let server: S3Server;

beforeAll(async () => {
  server = await startS3Server();
  await server.createBucket("boot");
  await server.ask("PUT", "/boot/talos/vmlinuz", new TextEncoder().encode("a kernel"));
});
afterAll(() => server?.stop());

function environment(
  variables: Readonly<Record<string, string>> = {},
  now: () => number = Date.now,
): StoreEnvironment {
  return storeEnvironment({
    variables: { KEY: server.accessKey, SECRET: server.secretKey, ...variables },
    now,
  });
}

function target(change: Partial<S3Target> = {}): S3Target {
  return {
    kind: "s3",
    bucket: "boot",
    key: "talos/vmlinuz",
    endpoint: server.endpoint,
    region: server.region,
    pathStyle: true,
    accessKey: { kind: "env", variable: "KEY" },
    secretKey: { kind: "env", variable: "SECRET" },
    ...change,
  };
}

async function text(source: S3Source): Promise<string> {
  return (await drain((await source.open({ from: 0, signal })).octets)).toString();
}

/** An HTTP proxy that takes every name to the server. */
async function startProxy(): Promise<{ readonly url: string; hosts(): readonly string[] }> {
  const hosts: string[] = [];
  const proxy = createServer((asked, answer) => {
    const { host = "" } = asked.headers;
    hosts.push(host);
    const path = (asked.url ?? "").replace(/^http:\/\/[^/]*/, "");
    const { method, headers } = asked;
    const onward = request({ host: "127.0.0.1", port: server.port, method, path, headers });
    onward.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 0, response.headers);
      response.pipe(answer);
    });
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    hosts: () => hosts,
  };
}

describe("an object in a bucket", () => {
  it("is read with its version", async () => {
    const opened = await new S3Source(target(), environment()).open({ from: 0, signal });
    expect(opened.from).toBe(0);
    expect(opened.version).toMatchObject({
      size: 8,
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      lastModified: expect.stringContaining("GMT"),
      fileName: "vmlinuz",
    });
    expect((await drain(opened.octets)).toString()).toBe("a kernel");
  });

  it("is read with the bucket as the first label of the host", async () => {
    // Nothing resolves *.s3.test here; the proxy takes every name to the server.
    const proxy = await startProxy();
    const env = environment({ http_proxy: proxy.url });
    const virtual = target({ endpoint: `http://${server.domain}`, pathStyle: false });
    expect(await text(new S3Source(virtual, env))).toBe("a kernel");
    expect(proxy.hosts()).toContain("boot.s3.test");
  });

  it.each([
    "sp ace",
    "pl+us",
    "ünï/ço dé/日本",
    "dou//ble",
    "/leading",
    "trailing/",
    "we'ird!*()~@:=&$,;?#[]%25%",
    'quo"te<&>',
  ])("is read under the name %s", async (key) => {
    const path = key.split("/").map((part) => encodeURIComponent(part).replace(/[!'()*]/g, hex));
    await server.ask("PUT", `/boot/${path.join("/")}`, new TextEncoder().encode(key));
    expect(await text(new S3Source(target({ key }), environment()))).toBe(key);
  });

  it("is said to be unchanged until it changes", async () => {
    const source = new S3Source(target({ key: "probed" }), environment());
    await server.ask("PUT", "/boot/probed", new TextEncoder().encode("one"));
    const first = await source.probe(undefined, signal);
    expect(first).toMatchObject({ changed: true, version: { size: 3 } });
    const version = first.changed ? first.version : undefined;
    expect(await source.probe(version, signal)).toEqual({ changed: false });
    await server.ask("PUT", "/boot/probed", new TextEncoder().encode("three"));
    expect(await source.probe(version, signal)).toMatchObject({
      changed: true,
      version: { size: 5 },
    });
  });
});

describe("a transfer that broke off", () => {
  it("goes on where the store was killed, and begins anew when the object is another one", async () => {
    await server.ask("PUT", "/boot/big", BIG);
    const source = new S3Source(target({ key: "big" }), environment());
    const opened = await source.open({ from: 0, signal });
    const got: Uint8Array[] = [];
    let at = 0;
    const reading = (async () => {
      for await (const piece of opened.octets) {
        got.push(piece);
        at += piece.length;
        if (at === piece.length) await server.kill();
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: expect.stringMatching(/^E_STORE_(BROKEN|UNREACHABLE)$/),
    });
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(BIG.length);
    await expect(source.probe(undefined, signal)).rejects.toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
    await server.revive();

    const rest = await source.open({ from: at, version: opened.version, signal });
    expect(rest.from).toBe(at);
    expect(rest.version).toEqual(opened.version);
    for await (const piece of rest.octets) got.push(piece);
    expect(Buffer.compare(Buffer.concat(got), BIG)).toBe(0);

    await server.ask("PUT", "/boot/big", new TextEncoder().encode("small now"));
    const anew = await source.open({ from: at, version: opened.version, signal });
    expect(anew.from).toBe(0);
    expect((await drain(anew.octets)).toString()).toBe("small now");
  });

  it("begins anew from behind the object's end", async () => {
    const source = new S3Source(target(), environment());
    const { version, octets } = await source.open({ from: 0, signal });
    await drain(octets);
    const anew = await source.open({ from: 8, version, signal });
    expect(anew.from).toBe(0);
    expect((await drain(anew.octets)).toString()).toBe("a kernel");
  });

  it("ends with the signal's reason", async () => {
    await server.ask("PUT", "/boot/aborted", BIG);
    const stop = new AbortController();
    const opened = await new S3Source(target({ key: "aborted" }), environment()).open({
      from: 0,
      signal: stop.signal,
    });
    const reason = new Error("enough");
    const reading = (async () => {
      for await (const _ of opened.octets) stop.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });
});

/** What every refusal must say, for both ways of asking; the keys must not be in it. */
async function refusal(env: StoreEnvironment, change: Partial<S3Target>): Promise<unknown> {
  const source = new S3Source(target(change), env);
  const errors = [
    await source.open({ from: 0, signal }).catch((error: unknown) => error),
    await source.probe(undefined, signal).catch((error: unknown) => error),
  ];
  for (const error of errors) {
    const said = JSON.stringify([String(error), error]);
    expect(said).not.toContain(server.secretKey);
    expect(said).not.toContain(server.accessKey);
    expect(said).not.toContain("a-wrong-one");
  }
  expect(errors[1]).toHaveProperty("code", (errors[0] as AgentError).code);
  return errors[0];
}

describe("a refusal says what to mend", () => {
  it("a wrong secret key", async () => {
    expect(await refusal(environment({ SECRET: "a-wrong-one" }), {})).toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringContaining("secret key"),
      cure: expect.stringContaining("secretKey"),
    });
  });

  it("a wrong access key", async () => {
    // Swift says SignatureDoesNotMatch for a key that it does not know.
    expect(await refusal(environment({ KEY: "rack:a-wrong-one" }), {})).toMatchObject({
      code: "E_STORE_REFUSED",
      cure: expect.stringContaining("secretKey"),
    });
  });

  it("no keys", async () => {
    const target = { accessKey: undefined, secretKey: undefined } as unknown as Partial<S3Target>;
    expect(await refusal(environment(), target)).toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringContaining("everybody"),
      cure: expect.stringContaining("accessKey"),
    });
  });

  it("a variable that is not set", async () => {
    expect(await refusal(environment({ SECRET: "" }), {})).toMatchObject({
      code: "E_SECRET",
      message: expect.stringContaining("SECRET"),
    });
  });

  it("another region", async () => {
    expect(await refusal(environment(), { region: "eu-central-2" })).toMatchObject({
      code: "E_STORE_REFUSED",
      message: expect.stringMatching(/us-east-1.*eu-central-2/),
      cure: expect.stringContaining("`region: us-east-1`"),
    });
  });

  it("no such object", async () => {
    expect(await refusal(environment(), { key: "none" })).toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining("s3://boot/none"),
    });
  });

  it("no such bucket", async () => {
    expect(await refusal(environment(), { bucket: "nowhere" })).toMatchObject({
      code: "E_STORE_MISSING",
      message: expect.stringContaining("no such bucket"),
    });
  });

  it.each([-20, 20])("a clock that is off by %i minutes", async (minutes) => {
    const off = (): number => Date.now() + minutes * 60_000;
    const error = await refusal(environment({}, off), {});
    expect(error).toMatchObject({ code: "E_CLOCK" });
    const [theirs, own] = [...String(error).matchAll(/\d{4}-[\d-]+T[\d:.]+Z/g)].map((m) =>
      Date.parse(m[0]),
    );
    expect(Math.abs((own ?? 0) - off())).toBeLessThan(60_000);
    expect(Math.abs((theirs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("an endpoint where nobody listens", async () => {
    expect(await refusal(environment(), { endpoint: "http://127.0.0.1:1" })).toMatchObject({
      code: "E_STORE_UNREACHABLE",
    });
  });
});

function hex(c: string): string {
  return `%${c.charCodeAt(0).toString(16).toUpperCase()}`;
}
