import { describe, expect, it } from "vitest";
import {
  type PiEvidence,
  raspberryPiOf,
  raspberryPiSerial,
} from "../../../../agent/plan/raspberry-pi.ts";
import { bytes } from "../../../support/hex.ts";

const CLASS = "PXEClient:Arch:00000:UNDI:002001";
/** Type, "RPi4", revision, the lower half of the card's address, serial number. */
const IDENTIFIER: Uint8Array = bytes("00 52506934 1431c000 320136c2 effdfe9f");
const ROM_IDENTIFIER: Uint8Array = bytes(`00 ${"44".repeat(16)}`);

function pi(more: Partial<PiEvidence>): string | undefined {
  return raspberryPiOf({
    mac: "52:54:00:00:00:01",
    vendorClass: "",
    architecture: -1,
    identifier: new Uint8Array(),
    ...more,
  });
}

describe("a Raspberry Pi", () => {
  it("is known by its identifier, its architecture, or its class and card together", () => {
    expect(pi({ identifier: IDENTIFIER, vendorClass: CLASS })).toBe("eeprom");
    expect(pi({ architecture: 41 })).toBe("eeprom");
    expect(pi({ vendorClass: CLASS, mac: "b8:27:eb:01:02:03", identifier: ROM_IDENTIFIER })).toBe(
      "rom",
    );
    expect(pi({ vendorClass: CLASS, mac: "dc:a6:32:01:02:03", identifier: ROM_IDENTIFIER })).toBe(
      "eeprom",
    );
  });

  it("is not what only looks a little like it", () => {
    expect(pi({ vendorClass: CLASS })).toBeUndefined();
    expect(
      pi({ vendorClass: "PXEClient:Arch:00000:UNDI:003016", mac: "b8:27:eb:01:02:03" }),
    ).toBeUndefined();
    expect(pi({ mac: "b8:27:eb:01:02:03" })).toBeUndefined();
    expect(pi({ identifier: bytes("00 52506934") })).toBeUndefined();
  });

  it("tells its serial number as it begins the names that it asks for", () => {
    expect(raspberryPiSerial({ identifier: IDENTIFIER })).toBe("9ffefdef");
    expect(raspberryPiSerial({ identifier: ROM_IDENTIFIER })).toBe("");
  });
});
