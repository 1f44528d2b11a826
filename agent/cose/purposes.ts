/*
 * What is signed for what. The content type stands in the protected header, and the purpose's octets go into what is signed
 * (external_aad, RFC 9052 section 4.3): so nothing that was signed for one purpose is valid for another.
 */

/** What a message is signed for. */
export interface Purpose {
  readonly contentType: string;
  /** Both sides have to give the same octets; none without it. */
  readonly externalAad?: Uint8Array;
}

/** A configuration that an operator gives to agents. */
export const BUNDLE: Purpose = purpose("bundle");
/** What an operator asks of one agent. */
export const REQUEST: Purpose = purpose("request");
/** What an agent answers. */
export const ANSWER: Purpose = purpose("answer");

function purpose(name: string): Purpose {
  return {
    contentType: `application/vnd.pilotlight.${name}+cbor`,
    externalAad: Buffer.from(`pilotlight ${name} 1`, "latin1"),
  };
}
