import { describe, expect, it } from "vitest";
import { digest, digestOf, sampleFile } from "./boot-run.ts";
import {
  BASE,
  boot,
  bootScript,
  CLIENT,
  FILES,
  INITRD,
  IPXE_ANSWER,
  KERNEL,
  noProxy,
  pxeControl,
  SCRIPT_URL,
  SERVER,
  serveFiles,
} from "./scripted-pc.ts";
import {
  Discover,
  httpResponse,
  type PxeAnswer,
  type PxeServerScript,
} from "./scripted-pxe-server.ts";

describe("iPXE", () => {
  const rom = { ipxeRom: true } as const;
  const ipxeGets = (answer: PxeAnswer, script: Partial<PxeServerScript> = {}) =>
    boot({ answer: () => answer, ...script }, {}, rom);

  it("goes on at once when option 175 holds 176=1, and after two seconds without", () => {
    const { options, ...slow } = IPXE_ANSWER;
    expect(options).toBeDefined();
    expect(ipxeGets(IPXE_ANSWER).server.askedMs[1]).toBeLessThan(10);
    const { verdict, server } = ipxeGets(slow);
    expect(verdict).toBe(`booted ${KERNEL.length + INITRD.length}`);
    expect(server.askedMs[server.asked.indexOf("ipxe 3")]).toBeGreaterThanOrEqual(2_000);
  });

  it("loads script and kernel by TFTP when the boot file is a path", () => {
    const script = "#!ipxe\nkernel vmlinuz\nboot\n";
    const { verdict, files, server } = ipxeGets(
      { file: "pc/boot.ipxe", siaddr: SERVER, options: noProxy },
      {
        tftp: {
          "pc/boot.ipxe": Uint8Array.from(script, (c) => c.charCodeAt(0)),
          "pc/vmlinuz": KERNEL,
        },
      },
    );
    expect(verdict).toBe(`booted ${KERNEL.length}`);
    expect(server.asked).toContain("tftp pc/vmlinuz tsize=0 blksize=1432");
    expect(digestOf(files, "tftp://192.168.77.1/pc/vmlinuz")).toBe(digest(KERNEL));
  });

  it("takes the script from ProxyDHCP", () => {
    const { verdict } = boot({ answer: () => ({}) }, {}, rom, {
      clientAddress: CLIENT,
      answer: (_, type) =>
        type === Discover ? { yiaddr: 0, file: SCRIPT_URL, options: pxeControl } : undefined,
    });
    expect(verdict).toBe(`booted ${KERNEL.length + INITRD.length}`);
  });

  it("has nothing to boot without a boot file", () => {
    expect(ipxeGets({ options: noProxy }).verdict).toBe(
      "failed ipxe: nothing to boot: no boot file was offered",
    );
  });

  it("needs siaddr for a path", () => {
    expect(ipxeGets({ file: "boot.ipxe", options: noProxy }).verdict).toBe(
      "failed ipxe: boot.ipxe is no URL, and next-server (siaddr) is 0.0.0.0",
    );
  });

  it("knows neither https nor names", () => {
    expect(ipxeGets({ ...IPXE_ANSWER, file: "https://192.168.77.1/x" }).verdict).toBe(
      "failed ipxe: the protocol https is not simulated",
    );
    expect(ipxeGets({ ...IPXE_ANSWER, file: "http://boot.lan/x" }).verdict).toBe(
      "failed ipxe: boot.lan is not an IPv4 address, and there is no DNS here",
    );
  });

  it("refuses a script without its magic", () => {
    expect(bootScript("#!/bin/sh\nboot\n").verdict).toBe(
      'failed ipxe: not a script: it begins with "#!/bin/sh\\nboot\\n"',
    );
  });

  it("shows the line that it does not simulate", () => {
    expect(bootScript("#!ipxe\n\nsanboot iscsi:x\n").verdict).toBe(
      "failed ipxe: line 3: this command is not simulated: sanboot iscsi:x",
    );
    expect(bootScript("#!ipxe\nkernel missing || shell\n").verdict).toMatch(
      /not simulated: kernel/,
    );
  });

  it("needs a kernel, and boot at the end", () => {
    expect(bootScript("#!ipxe\nboot\n").verdict).toBe("failed ipxe: boot: no kernel was loaded");
    expect(bootScript("#!ipxe\nkernel vmlinuz\n").verdict).toBe(
      "failed ipxe: the script ended without boot",
    );
  });

  it("takes a command line by imgargs", () => {
    const { events } = bootScript(
      "#!ipxe\nkernel --name k vmlinuz old\nimgargs k new args\nboot\n",
    );
    expect(events).toContainEqual({
      kind: "step",
      stage: "boot",
      text: "kernel k, initrd none, command line: new args",
    });
  });

  it("goes on behind ||, and jumps, as a script says", () => {
    const script = [
      "#!ipxe",
      ":load",
      "kernel missing || goto other",
      "boot",
      ":other",
      "sleep 5",
      "imgfree",
      "set name vmlinuz",
      `kernel \${name} && echo got \${name} || goto nowhere`,
      "boot",
    ].join("\n");
    const { verdict, events } = bootScript(script);
    expect(verdict).toBe(`booted ${KERNEL.length}`);
    const said = events.filter((e) => e.kind === "step").map((e) => e.text);
    expect(said).toContain("got vmlinuz");
    expect(said).toContain(`${BASE}/missing at 192.168.77.1: 404 Not Found`);
  });

  it("frees what was loaded", () => {
    expect(bootScript("#!ipxe\nkernel vmlinuz\nimgfree\nboot\n").verdict).toBe(
      "failed ipxe: boot: no kernel was loaded",
    );
  });

  it.each([
    ["goto nowhere", "there is no label nowhere"],
    ["sleep long", "sleep needs seconds"],
    ["imgfree x", "imgfree takes no arguments here"],
  ])("refuses %s", (line, why) => {
    expect(bootScript(`#!ipxe\n${line}\n`).verdict).toBe(`failed ipxe: line 2: ${why}: ${line}`);
  });

  it("asks again when it was told when, and only then", () => {
    let asked = 0;
    const later = (headers: string) => (path: string) => {
      if (path !== "/boot/vmlinuz") return serveFiles(FILES)(path);
      asked += 1;
      return asked < 4
        ? httpResponse(new Uint8Array(3), 503, `Content-Length: 3\r\n${headers}`)
        : httpResponse(KERNEL);
    };
    expect(boot({ http: later("Retry-After: 5\r\n") }, {}, rom).verdict).toMatch(/^booted/);
    expect(asked).toBe(4);
    asked = 0;
    for (const headers of ["", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"]) {
      expect(boot({ http: later(headers) }, {}, rom).verdict).toMatch(/vmlinuz at .*: 503/);
    }
  });

  it("ends at a 404", () => {
    expect(bootScript("#!ipxe\nkernel missing\nboot\n").verdict).toBe(
      `failed http: ${BASE}/missing at 192.168.77.1: 404 Not Found`,
    );
  });

  it("tells when nothing listens", () => {
    expect(ipxeGets({ ...IPXE_ANSWER, file: "http://192.168.77.1:81/x" }).verdict).toBe(
      "failed tcp: 192.168.77.1:81: connection refused",
    );
  });
});

describe("an HTTP response that lies", () => {
  const kernelIs = (response: Uint8Array) =>
    boot(
      { http: (path) => (path === "/boot/vmlinuz" ? response : serveFiles(FILES)(path)) },
      {},
      { ipxeRom: true },
    ).verdict;
  const body = sampleFile(100);

  it.each([
    [
      "Content-Length: 101\r\nConnection: close\r\n",
      /the connection ended after 100 octets, Content-Length: 101$/,
    ],
    ["Content-Length: 101\r\n", /nothing more came after 100 octets, Content-Length: 101$/],
    ["Content-Length: 99\r\n", /1 octets more than Content-Length: 99$/],
    ["Connection: close\r\n", /Content-Length is missing$/],
    ["Transfer-Encoding: chunked\r\n", /a Transfer-Encoding was used$/],
    ["Content-Length: x\r\n", /Content-Length is x$/],
  ])("%j", (headers, reason) => {
    expect(kernelIs(httpResponse(body, 200, headers))).toMatch(reason);
  });
});
