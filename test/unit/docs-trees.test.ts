import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MAX_IMAGE_NODES } from "../../agent/assets/trees/image/image-tree.ts";
import { parseSite } from "../../agent/site/load.ts";

const PAGE = readFileSync(
  join(new URL("../..", import.meta.url).pathname, "docs/trees.md"),
  "utf8",
);

describe("docs/trees.md", () => {
  it("has a good site in it, with a root that is an image", () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? "";
    const { site, problems } = parseSite(yaml, "/site.yaml");
    expect(problems).toBeUndefined();
    const root = site?.machines[0]?.profile?.linux?.root;
    expect(root).toMatchObject({ kind: "image", asset: { name: "debian-root" } });
  });

  it("says how large an image may be", () => {
    expect(PAGE).toContain(`More than ${MAX_IMAGE_NODES} files`);
  });
});
