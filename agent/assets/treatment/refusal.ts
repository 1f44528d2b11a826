/**
 * Octets that cannot be unpacked: damaged, cut short, or of a kind that is not supported. The message says which, without
 * the name of the asset, which `treat` puts in front when it makes an E_TREATMENT of it.
 */
export class Refusal extends Error {
  override readonly name: string = "Refusal";
}
