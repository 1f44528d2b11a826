/**
 * Reads a UUID as people write it into the sixteen octets of SMBIOS order: the first three fields are little-endian there.
 *
 * Undefined for anything that is not 32 hex digits with dashes in their places.
 */
export function parseUuid(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return undefined;
  const octets = Array.from(text.replaceAll("-", "").matchAll(/../g), ([pair]) =>
    Number.parseInt(pair, 16),
  );
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return Uint8Array.from(order, (i) => octets[i] ?? 0);
}

/** The text of sixteen octets in SMBIOS order, lower case. */
export function formatUuid(uuid: Uint8Array): string {
  const hex = Array.from(uuid, (b) => b.toString(16).padStart(2, "0"));
  const part = (...at: number[]): string => at.map((i) => hex[i] ?? "00").join("");
  const node = part(10, 11, 12, 13, 14, 15);
  return `${part(3, 2, 1, 0)}-${part(5, 4)}-${part(7, 6)}-${part(8, 9)}-${node}`;
}
