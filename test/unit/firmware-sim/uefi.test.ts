import { describe, expect, it } from "vitest";
import { uefi } from "../../../firmware-sim/uefi/uefi.ts";
import type { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import { seededRandom } from "../../support/virtual-clock.ts";
import { VirtualHost } from "../../support/virtual-host.ts";
import { runBoot } from "./boot-run.ts";
import { CLIENT, MAC, SERVER } from "./scripted-pc.ts";
import { type PxeAnswer, ScriptedPxeServer } from "./scripted-pxe-server.ts";

const URL = "http://192.168.77.1/ipxe.efi";
const httpClient = (w: DhcpWriter) => w.text(DhcpOption.VendorClassIdentifier, "HTTPClient");

function boot(answer: PxeAnswer | undefined) {
  const firmware = uefi({ mac: MAC, random: seededRandom(1) });
  const host = new VirtualHost({ mac: Uint8Array.of(2, 0, 0, 0, 0, 1), address: SERVER });
  const server = new ScriptedPxeServer(host, { clientAddress: CLIENT, answer: () => answer });
  return { ...runBoot(firmware, [host]), server };
}

describe("UEFI's HTTP boot", () => {
  it("looks at offers when the interval is over in which they came, and asks once", () => {
    const { server } = boot({ file: URL, siaddr: SERVER, options: httpClient });
    expect(server.asked.slice(0, 2)).toEqual(["rom 1", "rom 3"]);
    expect(server.askedMs[1]).toBeGreaterThanOrEqual(4_000);
    expect(server.askedMs[1]).toBeLessThan(4_100);
  });

  it("takes no offer that does not call itself one for HTTP, nor one without a URL", () => {
    const why = "failed dhcp: no offer of class HTTPClient with a URL";
    expect(boot({ file: URL, siaddr: SERVER }).verdict).toBe(why);
    expect(boot({ siaddr: SERVER, options: httpClient }).verdict).toBe(why);
    const name = boot({ file: "ipxe.efi", siaddr: SERVER, options: httpClient });
    expect(name.verdict).toBe("failed dhcp: not a URI: ipxe.efi");
  });

  it("gives up after 4, 8, 16 and 32 s without an offer", () => {
    const { verdict, atMs, server } = boot(undefined);
    expect(verdict).toBe("failed dhcp: no offer");
    expect(server.asked).toHaveLength(4);
    expect(atMs).toBe(60_000);
  });
});
