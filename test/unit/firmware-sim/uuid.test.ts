import { expect, it } from "vitest";
import { formatUuid, parseUuid } from "../../../firmware-sim/pxe/uuid.ts";
import { Octets } from "../../../protocols/wire/octets.ts";
import { toHex } from "../../support/hex.ts";

it("sends a UUID as QEMU's iPXE does", () => {
  const uuid = parseUuid("11223344-5566-7788-99aa-bbccddeeff00") ?? new Uint8Array(0);
  expect(toHex(new Octets(uuid))).toBe("443322116655887799aabbccddeeff00");
  expect(formatUuid(uuid)).toBe("11223344-5566-7788-99aa-bbccddeeff00");
});

it.each(["", "11223344-5566-7788-99aa-bbccddeeff0", "1122334455667788-99aa-bbccddeeff00"])(
  "refuses %j",
  (text) => expect(parseUuid(text)).toBeUndefined(),
);
