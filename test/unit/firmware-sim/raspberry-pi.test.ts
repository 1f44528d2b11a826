import { describe, expect, it } from "vitest";
import { raspberryPi } from "../../../firmware-sim/raspberry-pi/raspberry-pi.ts";
import type { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { encodePxeVendor, RASPBERRY_PI_BOOT, writePxeVendor } from "../../../protocols/dhcp/pxe.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import { runBoot } from "./boot-run.ts";
import { CLIENT, LOADER, SERVER } from "./scripted-pc.ts";
import { type PxeAnswer, ScriptedPxeServer } from "./scripted-pxe-server.ts";

const MAC = Uint8Array.of(0xdc, 0xa6, 0x32, 0, 0, 7);
const CONFIG = Uint8Array.of(1, 2, 3);

function menu(w: DhcpWriter): void {
  const vendor = encodePxeVendor(RASPBERRY_PI_BOOT);
  if (vendor) writePxeVendor(w, vendor);
}

function boot(tftp: Readonly<Record<string, Uint8Array>>, answer: PxeAnswer | undefined) {
  const firmware = raspberryPi({ mac: MAC, random: seededRandom(1) });
  const host = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address: SERVER });
  const server = new ScriptedPxeServer(host, { clientAddress: CLIENT, answer: () => answer, tftp });
  const { verdict, atMs } = runBoot(firmware, [host]);
  const read = server.asked.flatMap((what) => /^tftp (\S+)/.exec(what)?.[1] ?? []);
  return { verdict, read, atMs };
}

const ANSWER: PxeAnswer = { siaddr: SERVER, options: menu };

describe("a Raspberry Pi 4", () => {
  it("reads from the folder of its serial number where the firmware is there", () => {
    const folder = "32000007/";
    const { verdict, read } = boot(
      {
        [`${folder}start4.elf`]: LOADER,
        [`${folder}config.txt`]: CONFIG,
        [`${folder}kernel8.img`]: LOADER,
      },
      ANSWER,
    );
    expect(verdict).toBe(`booted ${2 * LOADER.length + CONFIG.length}`);
    expect(read).toEqual(["start4.elf", "config.txt", "kernel8.img"].map((name) => folder + name));
  });

  it("reads all at the top where it is not", () => {
    const { verdict, read } = boot(
      { "start4.elf": LOADER, "config.txt": CONFIG, "kernel8.img": LOADER },
      ANSWER,
    );
    expect(verdict).toMatch(/^booted/);
    expect(read.slice(2)).toEqual(["start4.elf", "config.txt", "kernel8.img"]);
  });

  it("boots from no offer without its menu", () => {
    const { verdict } = boot({ "start4.elf": LOADER }, { siaddr: SERVER });
    expect(verdict).toMatch(/^failed dhcp: no offer says "Raspberry Pi Boot"/);
  });

  it("gives up DHCP after its 45 s, or what is left of them", () => {
    const { verdict, atMs } = boot({}, undefined);
    expect(verdict).toBe("failed dhcp: no offer");
    expect(atMs).toBe(44_000);
  });
});
