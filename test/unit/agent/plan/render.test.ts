import { utimesSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/errors.ts";
import { Renderer, type TemplateContext, templateContext } from "../../../../agent/plan/render.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { testRack } from "../../../support/test-site.ts";
import { octetsOf } from "../assets/contents.ts";

const CONTEXT: TemplateContext = {
  site: "rack7",
  server: "172.24.42.150",
  machine: {
    name: "v100",
    hostname: "v100",
    mac: "00:03:ba:5b:ae:b3",
    ip: "172.24.42.51",
    netmask: "255.255.255.0",
    router: "",
  },
  vars: { tty: "ttyS0", spare: true },
  url: { base: "http://172.24.42.150" },
};
const renderer = new Renderer();

describe("templateContext", () => {
  it("says what is known of a machine, and the URL of each of its files", async () => {
    const { site } = await testRack();
    const machine = site.machineByIp.get(site.machines[1]?.ip ?? 0);
    if (!machine) throw new Error("no machine");
    expect(templateContext(machine, site)).toEqual({
      site: "rack7",
      server: "172.24.42.150",
      machine: {
        name: "minipc",
        hostname: "minipc",
        mac: "52:54:00:aa:00:02",
        ip: "172.24.42.60",
        netmask: "255.255.255.0",
        router: "172.24.42.1",
      },
      vars: { tty: "ttyS0" },
      url: {
        base: "http://172.24.42.150",
        "config.txt": "http://172.24.42.150/config.txt",
        broken: "http://172.24.42.150/broken",
        "boot/kernel": "http://172.24.42.150/boot/kernel",
      },
    });
  });
});

describe("Renderer", () => {
  it("fills in what the context has", async () => {
    const text = "{{ machine.ip }} {{ vars.tty | upcase }}{% if vars.spare %} spare{% endif %}";
    expect(await renderer.text(text, CONTEXT)).toBe("172.24.42.51 TTYS0 spare");
  });

  it.each([
    ["a name that is not there", "{{ vars.none }}"],
    ["a filter that is not there", "{{ vars.tty | shell }}"],
    ["a syntax error", "{% if %}"],
    ["the constructor", "{{ vars.constructor }}"],
    ["the prototype", "{{ machine.__proto__ }}"],
    ["a method", "{{ vars.tty.toString }}"],
    ["a file to include", '{% include "/etc/passwd" %}'],
    ["a file to render", '{% render "/etc/passwd" %}'],
    ["a layout", '{% layout "../../etc/passwd" %}'],
    ["a flood", "{% for i in (1..100000000) %}x{% endfor %}"],
    [
      "a loop in a loop",
      "{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}",
    ],
    ["a template of megabytes", " ".repeat(1_000_001)],
  ])("refuses %s", async (_, template) => {
    await expect(renderer.text(template, CONTEXT)).rejects.toMatchObject({ code: "E_TEMPLATE" });
  });

  it("dates a file by whichever changed last, to the second", async () => {
    const file = path.join(tempDir({ t: "ip={{ machine.ip }}" }), "t");
    utimesSync(file, 2_000.7, 2_000.7);
    const early = await renderer.file("cfg", file, CONTEXT, 1_000_000);
    const late = await renderer.file("cfg", file, CONTEXT, 9_000_400);
    if (early instanceof AgentError || late instanceof AgentError) throw new Error("no content");
    expect([early.mtimeMs, late.mtimeMs]).toEqual([2_000_000, 9_000_000]);
    expect(new TextDecoder().decode(await octetsOf(early))).toBe("ip=172.24.42.51");
  });

  it("says why a file cannot be rendered", async () => {
    const dir = tempDir({ bad: "{{ none }}" });
    for (const name of ["bad", "missing"]) {
      const result = await renderer.file("cfg", path.join(dir, name), CONTEXT, 0);
      expect(result).toMatchObject({ code: "E_TEMPLATE" });
    }
  });
});
