import { createHash } from "node:crypto";
import { AgentError } from "../../errors.ts";
import type { Descriptor } from "./oci-manifest.ts";

/** A layer that is read once, from its first octet to its last, and verified on the way. */
export class VerifiedLayer {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private readonly hash = createHash("sha256");
  private readonly layer: Descriptor;
  private readonly label: string;
  private readonly heard: ((octets: number) => void) | undefined;
  private ended = false;

  /** `label`: of the repository, for errors. `heard`: told of each piece that comes. */
  constructor(
    octets: AsyncIterable<Uint8Array>,
    layer: Descriptor,
    label: string,
    heard?: (octets: number) => void,
  ) {
    this.iterator = octets[Symbol.asyncIterator]();
    this.layer = layer;
    this.label = label;
    this.heard = heard;
  }

  /** Octets not read yet. Who stops listening can have the rest read by `finish`. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    while (!this.ended) {
      const { value, done } = await this.iterator.next();
      if (done === true) {
        this.ended = true;
        return;
      }
      this.hash.update(value);
      this.heard?.(value.length);
      yield value;
    }
  }

  /** Reads what is left. Rejects with E_STORE_BROKEN when the layer was not the one that its digest names. */
  async finish(): Promise<void> {
    for await (const _ of this.pieces());
    const digest = `sha256:${this.hash.digest("hex")}`;
    if (digest === this.layer.digest) return;
    const message = `${this.label}: layer ${this.layer.digest} has the digest ${digest}`;
    throw new AgentError("E_STORE_BROKEN", message);
  }

  /** Lets go of a layer that was not read to its end. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.iterator.return?.();
  }
}
