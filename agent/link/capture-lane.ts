import { checkFilter } from "./filter-check.ts";
import { type FrameLane, openFrameLane, WHOLE_FRAME_LEN } from "./frame-lane.ts";

/** Kernel buffer of a capture, octets: frames wait there while the agent does something else. */
const KERNEL_BUFFER: number = 4 * 1024 * 1024;

/**
 * Another lane of an interface, for a capture: whole frames, ours among them.
 *
 * Rejects with E_USAGE when libpcap does not take the filter, else as `openFrameLane`.
 */
export async function openCaptureLane(interfaceName: string, filter: string): Promise<FrameLane> {
  if (filter !== "") await checkFilter(interfaceName, filter);
  return openFrameLane(interfaceName, filter, () => {}, KERNEL_BUFFER, WHOLE_FRAME_LEN);
}
