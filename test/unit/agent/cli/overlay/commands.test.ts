import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { overlayCommand } from "../../../../../agent/cli/overlay/command.ts";
import { type CommandRun, runCommand } from "../../../../support/command-run.ts";
import { tempDir } from "../../../../support/temp-dir.ts";
import { type OverlayFixture, ok, overlay } from "../../assets/trees/overlay/fixture.ts";
import { jsonLines } from "../cache/run.ts";

const FILES = { "etc/rc": "rc", "etc/hosts": "hosts", "usr/a": "a", motd: "hello" };

function run(o: { readonly stateDir: string }, ...args: string[]): Promise<CommandRun> {
  return runCommand((host) =>
    overlayCommand(host).parseAsync([...args, "--state", o.stateDir], { from: "user" }),
  );
}

/** One that has some of everything. */
async function changed(): Promise<OverlayFixture> {
  const o = await overlay(FILES);
  await ok(o.files.write("etc/rc", 0, Buffer.from("RC")));
  await ok(o.files.remove("motd"));
  await ok(o.files.mkdir("home", 0o755));
  await o.put("home/text", "12345");
  await ok(o.files.link("home/text", "home/same"));
  await ok(o.files.symlink("home/link", "text"));
  return o;
}

describe("pilotlight overlay", () => {
  it("lists overlays while an agent has them open", async () => {
    const o = await changed();
    const { stdout } = await run(o, "ls");
    expect(stdout).toMatch(
      /^MACHINE +PROFILE +FILES +ON DISK +RECORDS\nsun1 +sun +2 +\S+ kB +\d+\n$/,
    );
    expect(jsonLines(await run(o, "ls", "--json"))).toMatchObject([
      { machine: "sun1", profile: "sun", files: 2 },
    ]);
  });

  it("says that there are none", async () => {
    const stateDir = tempDir();
    mkdirSync(path.join(stateDir, "db"));
    expect((await run({ stateDir }, "ls")).stdout).toContain("No machine has an overlay");
    expect((await run({ stateDir }, "diff", "sun1")).error?.code).toBe("E_NOT_FOUND");
  });

  it("shows what was added, modified and deleted", async () => {
    const o = await changed();
    const { stdout } = await run(o, "diff", "sun1");
    expect(stdout).toBe(
      [
        "M      2 B  etc/rc",
        "A           home/",
        "A           home/link",
        "A      5 B  home/same",
        "A      5 B  home/text",
        "D           motd",
        "",
      ].join("\n"),
    );
    const [first] = jsonLines(await run(o, "diff", "sun1", "--json"));
    expect(first).toEqual({ path: "etc/rc", change: "modified", kind: "file", size: 2 });
  });

  it("says where what was renamed came from", async () => {
    const o = await overlay(FILES);
    await ok(o.files.rename("etc", "conf"));
    await ok(o.files.rename("conf/rc", "rc"));
    const { stdout } = await run(o, "diff", "sun1");
    expect(stdout).toBe(
      [
        "A           conf/  (was etc)",
        "D           conf/rc",
        "D           etc",
        "A           rc  (was etc/rc)",
        "",
      ].join("\n"),
    );
  });

  it("lets no name speak to the terminal", async () => {
    const o = await overlay();
    await o.put("a\u001b[31m\nb", "");
    expect((await run(o, "diff", "sun1")).stdout).toBe("A      0 B  a\\x1b[31m\\x0ab\n");
  });

  it("drops what a machine changed, when that is meant", async () => {
    const o = await changed();
    expect((await run(o, "reset", "sun1")).error?.code).toBe("E_USAGE");
    expect(await o.text("etc/rc")).toBe("RC");
    await run(o, "reset", "sun1", "--yes");
    expect(await o.text("etc/rc")).toBe("rc");
    expect((await run(o, "diff", "sun1")).stdout).toBe("sun1 changed nothing.\n");
  });

  it("asks which machine is meant", async () => {
    const o = await changed();
    expect((await run(o, "diff", "sun2")).error?.cure).toContain("sun1");
    expect((await run(o, "diff", "sun1", "--profile", "pc")).error?.code).toBe("E_NOT_FOUND");
  });

  it("packs what was changed as a layer of an image", async () => {
    const o = await changed();
    const dir = tempDir();
    const tar = path.join(dir, "sun1.tar");
    const { stderr, error } = await run(o, "pack", "sun1", "-o", tar);
    expect([stderr, error]).toEqual(["6 changes of sun1 packed.\n", undefined]);
    const names = execFileSync("tar", ["tf", tar], { encoding: "utf8" }).split("\n");
    expect(names).toEqual([
      "etc/rc",
      "home/",
      "home/link",
      "home/same",
      "home/text",
      ".wh.motd",
      "",
    ]);
    execFileSync("tar", ["xf", tar, "-C", dir]);
    expect(readFileSync(path.join(dir, "home/text"), "utf8")).toBe("12345");
    expect(readFileSync(path.join(dir, "etc/rc"), "utf8")).toBe("RC");
  });

  it("packs what was renamed with what is below it, where the root is named", async () => {
    const o = await overlay(FILES);
    await ok(o.files.rename("etc", "conf"));
    await ok(o.files.remove("usr/a"));
    await ok(o.files.rmdir("usr"));
    await ok(o.files.mkdir("usr", 0o755));
    const tar = path.join(tempDir(), "sun1.tar");
    expect((await run(o, "pack", "sun1", "-o", tar)).error?.code).toBe("E_USAGE");
    await run(o, "pack", "sun1", "-o", tar, "--root", o.lowerDir);
    const names = execFileSync("tar", ["tf", tar], { encoding: "utf8" }).split("\n");
    expect(names).toEqual([
      "conf/",
      "conf/hosts",
      "conf/rc",
      ".wh.etc",
      "usr/",
      "usr/.wh..wh..opq",
      "",
    ]);
  });
});
