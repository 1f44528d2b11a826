import type { DhcpWriter } from "../../../protocols/dhcp/message.ts";
import { DhcpOption } from "../../../protocols/dhcp/options.ts";
import type { DhcpView } from "../../../protocols/dhcp/packet.ts";
import {
  encodePxeVendor,
  RASPBERRY_PI_3B_BOOT,
  RASPBERRY_PI_BOOT,
  writePxeVendor,
} from "../../../protocols/dhcp/pxe.ts";
import type { Octets } from "../../../protocols/wire/octets.ts";
import type { Offer } from "../../plan/boot-plan.ts";
import type { RaspberryPi } from "../../plan/raspberry-pi.ts";
import type { Family } from "../../site/families.ts";

/** What of a reply the options of boot firmware depend on. */
export interface PxeReply {
  readonly offer: Offer;
  readonly family: Family;
  readonly pi: RaspberryPi | undefined;
  /** Another server gives the address. */
  readonly proxy: boolean;
  /** An option 43 with a menu, or with the item that was chosen; a Raspberry Pi gets its own. */
  readonly vendor?: Octets | undefined;
}

const PI_ROM: Octets | undefined = encodePxeVendor(RASPBERRY_PI_3B_BOOT);
const PI_EEPROM: Octets | undefined = encodePxeVendor(RASPBERRY_PI_BOOT);

/**
 * Options 60, 43 and 97, without which some firmware takes an offer for one that is not meant for it.
 *
 * - UEFI takes an offer for HTTP boot only if it calls itself one.
 * - A ProxyDHCP offer has class "PXEClient", and no option 43 unless it is a menu: a ROM then asks the boot server on port 4011
 *   for its file, and so does EDK2 (PxeBcDhcp4.c). Without the class iPXE does not look at it.
 * - A menu makes an offer with an address one for PXE as well: who shows it asks the boot server for the item that was chosen.
 * - A Raspberry Pi wants to read "Raspberry Pi Boot" in a menu of option 43, and boots nothing else.
 * - Option 97 is what the client sent (PXE specification 2.1, section 2.2.3).
 */
export function writePxeOptions(
  r: PxeReply,
  request: DhcpView,
  from: Octets,
  writer: DhcpWriter,
): void {
  if (r.offer.bootFile === undefined) return;
  if (r.family.startsWith("uefi-http-")) {
    writer.text(DhcpOption.VendorClassIdentifier, "HTTPClient");
    return;
  }
  if (!r.proxy && r.pi === undefined && !r.vendor) return;
  writer.text(DhcpOption.VendorClassIdentifier, "PXEClient");
  const vendor = r.pi === undefined ? r.vendor : r.pi === "rom" ? PI_ROM : PI_EEPROM;
  if (vendor) writePxeVendor(writer, vendor);
  const at = request.optionAt(DhcpOption.ClientMachineIdentifier);
  if (at < 0) return;
  const len = request.optionLen(DhcpOption.ClientMachineIdentifier);
  writer.octets(DhcpOption.ClientMachineIdentifier, from, at, len);
}
