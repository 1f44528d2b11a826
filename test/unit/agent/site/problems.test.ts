import { describe, expect, it } from "vitest";
import { formatProblem, formatProblems } from "../../../../agent/site/problems.ts";
import { HEAD, MAC, machine } from "./problem-table.ts";
import { problems, read } from "./site-text.ts";

describe("all problems", () => {
  it("are reported at once, in the order of the file", () => {
    const text = `siet: s
network: { address: 192.168.77.1/24, router: 10.0.0.1 }
assets: { a: { file: a }, b: { url: x } }
profiles:
  p: { bsd: { loader: c, root: {} } }
machines:
  m: { mac: nope, ip: 192.168.77.5, profile: q }
  n: { mac: "${MAC}", ip: 192.168.77.5 }
`;
    expect(problems(text).map((p) => p.split(" / ")[0])).toEqual([
      '1:1 unknown key "siet" in the site file',
      "2:46 the router has the address 10.0.0.1, outside the network 192.168.77.0/24",
      '3:37 "x" is not a URL',
      '5:23 unknown asset "c" in bsd of profile "p"',
      '7:13 "nope" is not a MAC address',
      '7:46 unknown profile "q" in machine "m"',
      '8:38 machine "n" has the address 192.168.77.5, as machine "m" on line 7',
    ]);
  });

  it("never throws, however deep or long the brackets are", () => {
    expect(problems("[".repeat(200_000))).toHaveLength(1);
    expect(problems(`site: ${"[".repeat(50)}${"]".repeat(50)}\n`).length).toBeGreaterThan(0);
    expect(problems(" ".repeat((4 << 20) + 1))).toEqual([
      "1:1 the file is larger than 4 MiB / give the agent a site file",
    ]);
  });
});

describe("formatProblem", () => {
  it("shows the line with a caret under the place", () => {
    const [problem] = read(machine(`mac: "${MAC}", ip: 192.168.77.5, profle: x`)).problems ?? [];
    expect(problem && formatProblem(problem)).toBe(
      [
        '/rack/site.yaml:4:52: unknown key "profle" in machine "m"',
        '    did you mean "profile"?',
        '      4 |   m: { mac: "00:03:ba:5b:ae:b3", ip: 192.168.77.5, profle: x }',
        "        |                                                    ^",
      ].join("\n"),
    );
  });

  it("keeps tabs before the caret, and no carriage return", () => {
    const [problem] = read("site: s\r\nnetwork:\t{ adress: 1 }\r\n").problems ?? [];
    expect(problem && formatProblem(problem).split("\n").slice(2)).toEqual([
      "      2 | network:\t{ adress: 1 }",
      "        |         \t  ^",
    ]);
  });

  it("puts an empty line between two", () => {
    const list = read(`${HEAD}a: 1\nb: 2\n`).problems ?? [];
    expect(formatProblems(list).split("\n\n")).toHaveLength(2);
  });
});
