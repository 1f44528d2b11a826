import { TftpError } from "../../../protocols/tftp/packet.ts";
import { errorCode, isFull } from "../../state/folder.ts";
import type { Refusal } from "./decide.ts";

/** What the system said, as TFTP says it. */
export function refusalOf(error: unknown): Refusal {
  const why = error instanceof Error ? error.message : String(error);
  if (errorCode(error) === "EEXIST")
    return { code: TftpError.FileExists, why: "it is there already" };
  return { code: isFull(error) ? TftpError.DiskFull : TftpError.NotDefined, why };
}

/** Nothing is ever written over. */
export function fileExists(name: string): Refusal {
  return { code: TftpError.FileExists, why: `"${name}" is there already` };
}
