import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errorCode } from "../../state/folder.ts";

/** Linux's O_NOATIME; 0 elsewhere. */
const NO_ATIME: number = constants.O_NOATIME ?? 0;

/** Opens a file of the cache to read, without a write of its access time where the kernel allows that (to the owner and to root). */
export async function openToRead(file: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  try {
    return await open(file, flags | NO_ATIME);
  } catch (error) {
    if (errorCode(error) !== "EPERM") throw error;
    return await open(file, flags);
  }
}
