import type { Site } from "../site/site.ts";

/** "1 machine", "2 machines". */
export function machinesText({ machines: { length } }: Site): string {
  return length === 1 ? "1 machine" : `${length} machines`;
}
