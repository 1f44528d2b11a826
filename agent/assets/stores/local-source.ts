import type { Source } from "./source.ts";

/** A source on this host, which can be watched. Its errors are E_ASSET_MISSING and E_ASSET_READ beside those of a Source. */
export interface LocalSource extends Source {
  readonly local: true;
  /** The folder in which changes show. */
  readonly directory: string;
  /** Whether a file of this name in `directory` has to do with it. */
  concerns(name: string): boolean;
}
