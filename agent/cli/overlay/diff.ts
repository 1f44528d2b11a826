import { lstat } from "node:fs/promises";
import path from "node:path";
import { changesOf, type LayerChange } from "../../assets/trees/overlay/layer-report.ts";
import { hex8 } from "../../assets/trees/overlay/records.ts";
import { octetsText } from "../../log/timeline.ts";
import { print, printJson } from "../print.ts";
import { type OverlayContext, type OverlayOptions, withOverlay } from "./context.ts";

const LETTERS: Readonly<Record<LayerChange["change"], string>> = {
  added: "A",
  modified: "M",
  deleted: "D",
};

/** `pilotlight overlay diff`: one line a path. */
export async function showChanges(
  context: OverlayContext,
  machine: string,
  options: OverlayOptions,
): Promise<void> {
  await withOverlay(context, machine, options, async (overlays, { key, record }) => {
    const { generation } = record;
    const dir = overlays.filesOf(key, generation);
    const changes = changesOf(overlays.store, generation);
    if (!options.json && changes.length === 0) print(context, [`${machine} changed nothing.`]);
    for (const change of changes) {
      const size = await sizeOf(dir, change);
      if (options.json) {
        const { id: _, own: __, ...told } = change;
        printJson(context, size === undefined ? told : { ...told, size });
      } else print(context, [lineOf(change, size)]);
    }
  });
}

/** Octets of a file; undefined where they are those of the shared root. */
async function sizeOf(dir: string, { kind, id, own }: LayerChange): Promise<number | undefined> {
  if (kind !== "file" || id === undefined) return undefined;
  const stat = await lstat(path.join(dir, hex8(id))).catch(() => undefined);
  return stat?.size ?? (own ? 0 : undefined);
}

/** Names are a client's: what a terminal would take for orders is escaped. */
function lineOf({ change, path: name, kind, from }: LayerChange, size: number | undefined): string {
  const slash = kind === "directory" ? "/" : "";
  const octets = size === undefined ? "" : octetsText(size);
  const was = from === undefined ? "" : `  (was ${plain(from)})`;
  return `${LETTERS[change]} ${octets.padStart(8)}  ${plain(name)}${slash}${was}`;
}

function plain(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
