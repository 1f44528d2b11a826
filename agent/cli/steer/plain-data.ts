/** A result as JSON has it: octets are base64url texts without padding, as the control protocol has them in JSON. */
export function plainData(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64url");
  if (Array.isArray(value)) return value.map(plainData);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plainData(member)]));
}
