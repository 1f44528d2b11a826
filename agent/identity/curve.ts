/*
 * What makes 32 octets a public key of Ed25519 (RFC 8032 section 5.1.3). OpenSSL takes any; of a key of small order anybody
 * can make signatures that are valid for most messages.
 */

const P = 2n ** 255n - 19n;
/** -121665/121666, RFC 8032 section 5.1. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
/** y of the points whose order is 1, 2, 4 and 8: all that the curve's cofactor leaves. */
const Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
const SMALL_ORDER: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, Y8, P - Y8]);

/** Why 32 octets are no public key that can be trusted, in words. Undefined: they are one. */
export function publicKeyFault(octets: Uint8Array): string | undefined {
  if (octets.length !== 32) return `it has ${octets.length} octets and not 32`;
  const y = littleEndian(octets) & ((1n << 255n) - 1n);
  if (y >= P) return "it is not a point of the curve in its one encoding";
  if (SMALL_ORDER.has(y)) return "it is a point of small order, which anybody can sign for";
  return isOnCurve(y) ? undefined : "it is not a point of the curve";
}

/** x² = (y² - 1) / (dy² + 1) has a root: Euler's criterion. The product has one exactly when the quotient has. */
function isOnCurve(y: bigint): boolean {
  const square = (y * y) % P;
  const product = ((square - 1n + P) * (D * square + 1n)) % P;
  return power(product, (P - 1n) / 2n) === 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) {
    if ((e & 1n) === 1n) result = (result * b) % P;
  }
  return result;
}

function littleEndian(octets: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(octets).reverse().toString("hex")}`);
}
