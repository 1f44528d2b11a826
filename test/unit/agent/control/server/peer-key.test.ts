import { expect, it } from "vitest";
import { peerKey } from "../../../../../agent/control/server/peer-key.ts";

it.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::1", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fd00::1", "fd00:0:0:0::/64"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["fe80::2%eth0", "fe80::2%eth0"],
  ["", ""],
])("%s counts as %s", (address, key) => {
  expect(peerKey(address)).toBe(key);
});
