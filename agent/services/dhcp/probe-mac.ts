import { MAC_LEN } from "../../../protocols/wire/mac-address.ts";

/**
 * The hardware address by which an agent asks whether there are other DHCP servers: its own with the bit that says that no maker
 * gave it, and another last octet. It is the same after a restart, so that no server's pool is used up by it.
 */
export function probeMacOf(mac: Uint8Array): Uint8Array {
  const probe = Uint8Array.from(mac);
  probe[0] = ((mac[0] ?? 0) | 2) & ~1;
  probe[MAC_LEN - 1] = (mac[MAC_LEN - 1] ?? 0) ^ 0x80;
  return probe;
}
