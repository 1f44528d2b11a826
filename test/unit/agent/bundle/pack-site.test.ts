import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { openBundle } from "../../../../agent/bundle/open-bundle.ts";
import { packSite } from "../../../../agent/bundle/pack-site.ts";
import { sealBundle } from "../../../../agent/bundle/seal-bundle.ts";
import { unpackBundle } from "../../../../agent/bundle/unpack-bundle.ts";
import { loadSite } from "../../../../agent/site/load.ts";
import type { SiteProblem } from "../../../../agent/site/problems.ts";
import { rejection } from "../../../support/agent-errors.ts";
import { bundleOf } from "../../../support/bundles.ts";
import { EVA } from "../../../support/operator-keys.ts";
import { tempDir } from "../../../support/temp-dir.ts";

/** 42 octets that begin as a key of signify does. */
const KEY_LINE = Buffer.concat([Buffer.from("Ed"), Buffer.alloc(40, 7)]).toString("base64");

const HEAD = "site: rack7\nnetwork: { address: 172.24.42.150/24 }\n";
const SITE = `${HEAD}stores:
  mirror: { url: "https://mirror.example.com", ca: ca/rack.pem, username: eva, password: { env: MIRROR } }
  unused: { url: "https://unused.example.com", ca: ./ca/unused.pem, token: { file: /etc/pilotlight/token } }
assets:
  token: { url: "https://mirror.example.com/bsd.rd", checksums: { url: "https://mirror.example.com/SHA256.sig", signify: keys/openbsd.pub } }
  inline: { url: "https://mirror.example.com/x", checksums: { url: "https://mirror.example.com/SHA256", minisign: ${KEY_LINE} } }
  ipxe: { file: /usr/lib/ipxe/ipxe.efi }
  newest: { folder: /srv/images }
profiles:
  a: { files: { config: { template: templates/a.liquid }, again: { template: ./templates/../templates/a.liquid } }, boot: config }
  b: { bsd: { loader: token, root: { netbsd: token } } }
  c: { linux: { kernel: token, root: /srv/root } }
`;
const REST = {
  "ca/rack.pem": "CERTIFICATE",
  "ca/unused.pem": "OTHER",
  "keys/openbsd.pub": `untrusted comment: openbsd\n${KEY_LINE}\n`,
  "templates/a.liquid": "hostname: {{ machine.name }}\n",
};

function dirOf(site: string, files: Readonly<Record<string, string>> = {}): string {
  return tempDir({ "my site.yaml": site, ...files });
}

async function problemsOf(dir: string): Promise<readonly SiteProblem[]> {
  const error = await rejection("E_BUNDLE", packSite(path.join(dir, "my site.yaml")));
  const problems = error.cause as readonly SiteProblem[];
  for (const { message, cure } of problems) {
    expect(error.message).toContain(message);
    expect(error.message).toContain(cure);
  }
  return problems;
}

describe("packSite", () => {
  it("takes the site file and what it names beside it", async () => {
    const dir = dirOf(SITE, { ...REST, "not-named": "", "templates/b.liquid": "" });
    const packed = await packSite(path.join(dir, "my site.yaml"));
    const texts = [...packed.files].map(([name, octets]) => [name, Buffer.from(octets).toString()]);
    expect(packed).toMatchObject({ site: "rack7", main: "my site.yaml" });
    expect(Object.fromEntries(texts)).toEqual({ "my site.yaml": SITE, ...REST });
  });

  it("makes a bundle that is the same site elsewhere", async () => {
    const dir = dirOf(SITE, REST);
    const here = await loadSite(path.join(dir, "my site.yaml"));
    const packed = await packSite(path.join(dir, "my site.yaml"));
    const opened = openBundle(sealBundle(bundleOf(packed), EVA));
    const there = tempDir();
    const site = await loadSite(await unpackBundle(opened, path.join(there, "config", "7")));
    const text = JSON.stringify([...site.profiles, ...site.assets]);
    const moved = text.replaceAll(path.join(there, "config", "7"), dir);
    expect(moved).toBe(JSON.stringify([...here.profiles, ...here.assets]));
  });

  it("is found through links, and by a relative path", async () => {
    const dir = dirOf(SITE, REST);
    const link = path.join(tempDir(), "link");
    symlinkSync(dir, link);
    const relative = path.relative(process.cwd(), path.join(link, "my site.yaml"));
    expect((await packSite(relative)).files.size).toBe(5);
  });

  it("names every place that cannot travel, with its line and what to do", async () => {
    const site = `${HEAD}stores:
  s: { url: "https://s.example.com", token: { file: secrets/token } }
  r: { oci: registry.example.com, username: u, password: { file: ../password } }
assets:
  a: { file: images/a }
  b: { folder: images }
  c: { file: /absolute/is/fine }
profiles:
  d: { bsd: { loader: a, root: tree } }
  e: { linux: { kernel: a, root: ../tree } }
  f: { files: { config: { template: ../outside.liquid } } }
`;
    const dir = dirOf("", {});
    const inner = path.join(dir, "inner");
    mkdirSync(inner);
    writeFileSync(path.join(inner, "my site.yaml"), site);
    writeFileSync(path.join(dir, "outside.liquid"), "");
    const problems = await problemsOf(inner);
    expect(problems.map(({ line, message }) => `${line} ${message}`)).toEqual([
      expect.stringMatching(/^4 "secrets\/token" is a credential/),
      expect.stringMatching(/^5 "\.\.\/password" is a credential/),
      expect.stringMatching(/^7 "images\/a" lies beside/),
      expect.stringMatching(/^8 "images" lies beside/),
      expect.stringMatching(/^11 "tree" lies beside/),
      expect.stringMatching(/^12 "\.\.\/tree" lies beside/),
      expect.stringMatching(/^13 "\.\.\/outside\.liquid" cannot be put into a bundle: .*outside/),
    ]);
    expect(problems[2]?.cure).toContain("pilotlight cache push");
    expect(problems[4]?.cure).toContain("root: { NAME: ASSET }");
  });

  it("follows no link out of the folder", async () => {
    const secret = path.join(tempDir({ id_ed25519: "PRIVATE" }), "id_ed25519");
    const dir = dirOf(
      `${HEAD}profiles: { a: { files: { x: { template: x.liquid }, y: { template: sub/y } } } }\n`,
      {
        "real/y": "fine",
      },
    );
    symlinkSync(secret, path.join(dir, "x.liquid"));
    symlinkSync("real", path.join(dir, "sub"));
    const problems = await problemsOf(dir);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain("link that leads out");
  });

  it("says what is too large, not there or no file", async () => {
    const dir = dirOf(
      `${HEAD}stores:
  a: { url: "https://a.example.com", ca: gone.pem }
  b: { url: "https://b.example.com", ca: folder }
  c: { url: "https://c.example.com", ca: large.pem }
  d: { url: "https://d.example.com", ca: "back\\\\slash.pem" }
`,
      { "folder/x": "", "large.pem": "x".repeat(1024 * 1024 + 1) },
    );
    expect((await problemsOf(dir)).map(({ message }) => message)).toEqual([
      expect.stringContaining("ENOENT"),
      expect.stringContaining("not a regular file"),
      expect.stringContaining("1048577 octets"),
      expect.stringContaining("backslash"),
    ]);
  });

  it("takes credentials for what they are in every section, and assets called token for assets", async () => {
    const dir = dirOf(`${HEAD}assets: { token: { file: /srv/token }, password: { file: pw } }\n`);
    expect((await problemsOf(dir)).map(({ message }) => message)).toEqual([
      expect.stringContaining("lies beside"),
    ]);
  });

  it("takes as many files as a bundle does", async () => {
    const names = Array.from({ length: 256 }, (_, n) => `t${n}`);
    const files = names.map((name) => `      ${name}: { template: ${name} }\n`).join("");
    const dir = dirOf(
      `${HEAD}profiles:\n  a:\n    files:\n${files}`,
      Object.fromEntries(names.map((name) => [name, name])),
    );
    const error = await rejection("E_BUNDLE", packSite(path.join(dir, "my site.yaml")));
    expect(error.message).toContain("257 files");
  });

  it("tells mistakes of the site as `check` does", async () => {
    const dir = dirOf("site: rack7\n");
    await rejection("E_SITE_INVALID", packSite(path.join(dir, "my site.yaml")));
    await rejection("E_SITE_READ", packSite(path.join(dir, "none.yaml")));
  });
});
