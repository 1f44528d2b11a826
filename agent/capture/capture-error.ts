import { AgentError } from "../errors.ts";

const CUT_OFF = "The frames before it were read. Copy the file again, or stop the capture cleanly.";
const DAMAGED =
  "The frames before it were read. Copy the file again; `tshark -r FILE -w NEW` saves what is readable.";

/** The file ends inside something. */
export function cutOff(offset: number, what: string): AgentError {
  return new AgentError("E_CAPTURE", `the capture ends inside ${what}, at octet ${offset}`, {
    cure: CUT_OFF,
  });
}

/** Something in the file cannot be. */
export function damaged(offset: number, what: string): AgentError {
  return new AgentError("E_CAPTURE", `the capture is damaged at octet ${offset}: ${what}`, {
    cure: DAMAGED,
  });
}

/** The file is not a capture, or one of a kind that is not read. */
export function notACapture(what: string, cure: string): AgentError {
  return new AgentError("E_CAPTURE", what, { cure });
}
