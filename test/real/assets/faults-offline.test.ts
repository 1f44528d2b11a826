import { describe, expect, it } from "vitest";
import { Authority } from "../../support/certificates.ts";
import { noise, sha256 } from "../../support/filled-cache.ts";
import { BlobBox } from "../../support/oci-images.ts";
import { skopeo, writeLayout } from "../../support/registry.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { until } from "../../support/until.ts";
import { atTime } from "../support/fake-time.ts";
import { type Download, journalled, Rack } from "../support/rack.ts";

const MB = 1_000_000;

function whole(octets: Uint8Array): Download {
  return { status: 200, octets: octets.length, sha256: sha256(octets) };
}

describe("an agent that never had an uplink", () => {
  it("serves what skopeo puts into its cache while it runs", async () => {
    const rack = await Rack.create({ uplink: "none" });
    const kernel = noise(2 * MB, 1);
    const box = new BlobBox();
    const layer = box.add(kernel, "application/octet-stream", "vmlinuz");
    const brought = tempDir();
    writeLayout(brought, box, { v1: box.image([layer]) });
    const state = tempDir();
    const agent = await rack.serve({
      state,
      assets: `  kernel: { oci: "registry.example.com/boot:v1", title: vmlinuz }`,
      names: ["kernel"],
    });
    const failed = await journalled(agent, "kernel", "failed");
    expect(failed.decision).toContain("registry.example.com");

    const ref = "registry.example.com/boot:v1";
    skopeo("copy", "--quiet", `oci:${brought}:v1`, `oci:${state}/cache:${ref}`);
    // A machine that asks is answered as soon as its octets are verified.
    let got: Download | undefined;
    let asking = false;
    await until(
      () => `the kernel; the machine got ${JSON.stringify(got)}; ${agent.stderr}`,
      () => {
        if (got?.status === 200) return true;
        if (asking) return false;
        asking = true;
        void rack.get("kernel").then((download) => {
          got = download;
          asking = false;
        });
        return false;
      },
      60_000,
    );
    expect(got).toEqual(whole(kernel));
    const done = await journalled(agent, "kernel", "done");
    expect(done.event).toContain(`${state}/cache`);
  });
});

describe("a clock that says 1970", () => {
  it("is explained where a certificate is refused for it; what is cached is served, and the clock stays", async () => {
    const rack = await Rack.create();
    const authority = new Authority();
    const [old, fresh] = [noise(MB, 2), noise(MB, 3)];
    const tls = authority.issue({ names: "IP:10.9.8.1" });
    const nginx = await rack.nginx({ tls, files: { old, fresh } });
    const state = tempDir();
    const sections = `stores: { lab: { url: "${nginx.origin}/", ca: ${authority.cert} } }`;
    const asset = (name: string): string => `  ${name}: { url: "${nginx.origin}/${name}" }\n`;
    const first = await rack.serve({ state, sections, assets: asset("old"), names: ["old"] });
    await journalled(first, "old", "done");
    first.signal("SIGTERM");
    expect(await first.exit()).toBe(0);

    const aheadMs = Date.now() - performance.now();
    const agent = await rack.serve({
      state,
      sections,
      assets: asset("old") + asset("fresh"),
      names: ["old", "fresh"],
      launcher: atTime("1970-01-01 00:00:30"),
    });
    const failed = await journalled(agent, "fresh", "failed");
    expect(failed.time).toMatch(/^1970-01-01T00:0/);
    expect(failed.decision).toMatch(/^E_CLOCK: .*the host's clock says 1970-01-01T00:0/);
    const noted = agent.journal.find((e) => e.event.startsWith("the host's clock says 1970"));
    expect(noted).toMatchObject({ protocol: "assets", outcome: "noted" });
    expect(await rack.get("old")).toEqual(whole(old));
    expect((await rack.get("fresh")).status).not.toBe(200);
    // Nobody set the host's clock: it has gone on as the monotonic one has.
    expect(Math.abs(Date.now() - performance.now() - aheadMs)).toBeLessThan(1_000);
    agent.signal("SIGTERM");
    expect(await agent.exit()).toBe(0);

    // The clock is right again: what is missing is fetched.
    const last = await rack.serve({
      state,
      sections,
      assets: asset("old") + asset("fresh"),
      names: ["old", "fresh"],
    });
    await journalled(last, "fresh", "done");
    expect(await rack.get("fresh")).toEqual(whole(fresh));
  });
});
