import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { planProblems } from "../../../../agent/cli/plan-problems.ts";
import type { AgentError } from "../../../../agent/errors.ts";
import { parseSite } from "../../../../agent/site/load.ts";
import { tar } from "../../../support/archive-octets.ts";
import { tempDir } from "../../../support/temp-dir.ts";

const SITE = `
site: rack7
network: { interface: eth0, address: 172.24.42.150/24 }
assets:
  good: { file: root.tar }
  packed: { file: root.tar.gz }
  unpacked: { file: root.tar.gz, decompress: gzip }
  away: { url: "https://images.example.com/root.tar" }
  gone: { file: not-there }
profiles:
  diskless: { linux: { rootImage: NAME } }
`;
const IMAGE = tar({ name: "etc/rc", text: "rc" });

async function problemsOf(name: string): Promise<readonly AgentError[]> {
  const dir = tempDir({ "root.tar": IMAGE, "root.tar.gz": gzipSync(IMAGE) });
  const { site } = parseSite(SITE.replace("NAME", name), path.join(dir, "site.yaml"));
  if (!site) throw new Error("not a site");
  return planProblems(site);
}

describe("what `check` says of a root's image", () => {
  it("is nothing where it is good, or cannot be looked into yet", async () => {
    for (const name of ["good", "unpacked", "away"]) expect(await problemsOf(name)).toEqual([]);
  });

  it("is what to do where it cannot be served", async () => {
    const [problem, ...others] = await problemsOf("packed");
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "E_TREE_IMAGE" });
    expect(problem?.cure).toContain("decompress: gzip");
  });

  it("leaves a file that is not there to whoever looks at the assets", async () => {
    expect(await problemsOf("gone")).toEqual([]);
  });
});
