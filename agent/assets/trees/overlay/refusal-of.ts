import { AgentError } from "../../../errors.ts";
import { errorCode, isFull } from "../../../state/folder.ts";
import type { TreeRefusal } from "../tree.ts";

/** What a failure of the disk, or of the lower tree, means to a client. Throws what is a bug of ours. */
export function refusalOf(error: unknown): TreeRefusal {
  if (error instanceof AgentError) return isFull(error.cause) ? "no-space" : "io";
  if (isFull(error)) return "no-space";
  const code = errorCode(error);
  if (code === "EFBIG" || code === "EINVAL") return "too-large";
  if (code === undefined) throw error;
  return "io";
}
