import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Authority, hours } from "../../support/certificates.ts";
import { connectProxy } from "../../support/connect-proxy.ts";
import { type At, fetched, open, sourceOf } from "../../support/http-source.ts";
import { Nginx } from "../../support/nginx.ts";
import { drain, storeEnvironment } from "../../support/store-environment.ts";

const OCTETS = randomBytes(3_000_000);

describe("TLS", () => {
  test("a private authority is trusted where the site names it, and not elsewhere", async () => {
    const authority = new Authority();
    const nginx = await Nginx.start({ tls: authority.issue(), files: { kernel: OCTETS } });
    const url = `${nginx.origin}/kernel`;
    const env = storeEnvironment();
    const access = { ca: authority.cert };
    expect((await fetched(sourceOf(url, { access, env }))).equals(OCTETS)).toBe(true);
    await expect(fetched(sourceOf(url, { env }))).rejects.toMatchObject({
      code: "E_STORE_TLS",
      message: `${url}: its certificate is from an authority that is not trusted`,
    });
    const other = { ca: new Authority().cert };
    await expect(fetched(sourceOf(url, { access: other, env }))).rejects.toMatchObject({
      code: "E_STORE_TLS",
    });
  });

  test("a certificate for another name", async () => {
    const authority = new Authority();
    const tls = authority.issue({ names: "DNS:other.example" });
    const nginx = await Nginx.start({ tls, files: { kernel: OCTETS } });
    const access = { ca: authority.cert };
    await expect(fetched(sourceOf(`${nginx.origin}/kernel`, { access }))).rejects.toMatchObject({
      code: "E_STORE_TLS",
      message: expect.stringContaining("its certificate is for another name"),
    });
  });

  test.each([
    ["is not valid yet", { from: hours(24), to: hours(48) }],
    ["has expired", { from: hours(-48), to: hours(-24) }],
  ])("a certificate that %s is the store's fault, or the clock's", async (why, validity) => {
    const authority = new Authority();
    const nginx = await Nginx.start({ tls: authority.issue(validity), files: { kernel: OCTETS } });
    const at = (nowMs: number): At => ({
      access: { ca: authority.cert },
      env: storeEnvironment({ now: () => nowMs }),
    });
    const url = `${nginx.origin}/kernel`;
    const nowMs = Date.UTC(2027, 0, 1);
    await expect(fetched(sourceOf(url, at(nowMs)))).rejects.toMatchObject({
      code: "E_STORE_TLS",
      message: `${url}: its certificate ${why}; the host's clock says 2027-01-01T00:00:00.000Z`,
    });
    await expect(fetched(sourceOf(url, at(30_000)))).rejects.toMatchObject({
      code: "E_CLOCK",
      message: expect.stringContaining(`${why}: the host's clock says 1970-01-01T00:00:30.000Z`),
    });
  });

  test("an authority's file that is replaced counts from then on", async () => {
    const [old, young] = [new Authority(), new Authority()];
    const nginx = await Nginx.start({ tls: young.issue(), files: { kernel: "x" } });
    const ca = join(nginx.root, "ca.pem");
    const source = sourceOf(`${nginx.origin}/kernel`, { access: { ca } });
    copyFileSync(old.cert, ca);
    await expect(fetched(source)).rejects.toMatchObject({ code: "E_STORE_TLS" });
    copyFileSync(young.cert, ca);
    expect(`${await fetched(source)}`).toBe("x");
  });

  test("a redirect from https: to http: is refused", async () => {
    const authority = new Authority();
    const plain = await Nginx.start({ files: { kernel: OCTETS } });
    const nginx = await Nginx.start({
      tls: authority.issue(),
      server: `location / { return 302 ${plain.origin}$request_uri; }`,
    });
    const access = { ca: authority.cert };
    await expect(fetched(sourceOf(`${nginx.origin}/kernel`, { access }))).rejects.toMatchObject({
      code: "E_STORE_BROKEN",
      message: expect.stringContaining("it redirects from https: to http:"),
    });
    expect(await plain.requests(0)).toEqual([]);
  });
});

describe("a proxy", () => {
  test("https: goes through a tunnel, with the store's certificate checked behind it", async () => {
    const authority = new Authority();
    const nginx = await Nginx.start({ tls: authority.issue(), files: { kernel: OCTETS } });
    const proxy = await connectProxy("me:pass");
    const variables = { HTTPS_PROXY: `http://me:pass@127.0.0.1:${proxy.port}` };
    const env = storeEnvironment({ variables });
    const url = `${nginx.origin}/kernel`;
    const source = sourceOf(url, { access: { ca: authority.cert }, env });
    expect((await fetched(source)).equals(OCTETS)).toBe(true);
    expect(proxy.tunnels).toEqual([`127.0.0.1:${nginx.port}`]);
    await expect(fetched(sourceOf(url, { env }))).rejects.toMatchObject({ code: "E_STORE_TLS" });
  });

  test("http: is asked of it, by nginx as the proxy", async () => {
    const nginx = await Nginx.start({ files: { kernel: OCTETS } });
    const variables = { http_proxy: nginx.origin };
    const source = sourceOf("http://store.example/kernel", {
      env: storeEnvironment({ variables }),
    });
    const { version, octets } = await open(source);
    expect((await drain(octets)).equals(OCTETS)).toBe(true);
    const rest = await open(source, 2_999_000, version);
    expect(await drain(rest.octets)).toHaveLength(1_000);
    expect(await nginx.requests(2)).toEqual(["GET /kernel 200", "GET /kernel 206"]);
  });

  test("wrong credentials and a store that it cannot reach", async () => {
    const proxy = await connectProxy("me:pass");
    for (const [user, port, expected] of [
      ["me:wrong", 1, { code: "E_STORE_REFUSED", status: 407 }],
      ["me:pass", 1, { code: "E_STORE_UNREACHABLE", status: 502 }],
    ] as const) {
      const variables = { HTTPS_PROXY: `http://${user}@127.0.0.1:${proxy.port}` };
      const source = sourceOf(`https://127.0.0.1:${port}/`, {
        env: storeEnvironment({ variables }),
      });
      await expect(fetched(source)).rejects.toMatchObject(expected);
    }
  });
});

test.each([
  ["as it is", "", "image"],
  ["decoded", "gzip_static always;", "image.gz"],
])(
  "a large object (%s) that is read slowly does not pile up in memory",
  async (_, server, name) => {
    const size = 300_000_000;
    const nginx = await Nginx.start({ server, files: { image: "" } });
    truncateSync(join(nginx.root, "image"), size);
    if (name !== "image") {
      expect(spawnSync("gzip", ["-1", join(nginx.root, "image")]).status).toBe(0);
    }
    const object = await open(sourceOf(`${nginx.origin}/image`));
    const buffers = (): number => process.memoryUsage().arrayBuffers;
    const before = buffers();
    let [most, got] = [0, 0];
    for await (const piece of object.octets) {
      got += piece.length;
      // Time for the socket to deliver more than was asked for, if it would.
      for (let i = 0; i < 3; i++) await turn();
      most = Math.max(most, buffers() - before);
    }
    expect(got).toBe(size);
    // What is not collected yet counts, and V8 lets it grow to 64 MB.
    expect(most).toBeLessThan(100_000_000);
  },
);
