import type { Slot } from "../assets/slot.ts";

/** Longest name looked up, octets. */
const MAX_NAME = 1_024;

/** "C:" in front of a slash of either kind. */
const DRIVE = /^[A-Za-z]:(?=[/\\])/;

/**
 * The files of one machine by name. TFTP and HTTP serve the same table, so that a name means the same octets in both.
 *
 * What is behind a name may change while the agent runs: whoever is asked for it asks its slot.
 */
export class FileTable {
  private readonly files = new Map<string, Slot>();
  /** Lower-case names to names; of two that differ in case only, the first. */
  private readonly anyCase = new Map<string, string>();

  /** Adds a file; false when the name is taken. */
  add(name: string, slot: Slot): boolean {
    if (this.files.has(name)) return false;
    this.files.set(name, slot);
    const lower = name.toLowerCase();
    if (!this.anyCase.has(lower)) this.anyCase.set(lower, name);
    return true;
  }

  get(name: string): Slot | undefined {
    return this.files.get(name);
  }

  /** The name as the table has it, for one that is written in whatever case. */
  inAnyCase(name: string): string | undefined {
    return this.files.has(name) ? name : this.anyCase.get(name.toLowerCase());
  }

  get names(): readonly string[] {
    return [...this.files.keys()];
  }
}

/**
 * A file name as clients write it, brought to the form of the table: "//boot\\x" and "/boot/x" are "boot/x".
 *
 * shim asks for "//grubx64.efi" and GRUB for "/boot/grub/…"; a DOS-born PXE loader writes backslashes, and may
 * put a drive before them ("C:\\boot\\x"). Undefined for a name
 * that climbs (".."), holds a NUL or is too long: it cannot mean a file of the table.
 */
export function normaliseName(name: string): string | undefined {
  if (name.length > MAX_NAME || name.includes("\0")) return undefined;
  const parts = name
    .replace(DRIVE, "")
    .split(/[/\\]+/)
    .filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..")) return undefined;
  return parts.join("/");
}
