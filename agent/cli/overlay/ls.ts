import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import { octetsText } from "../../log/timeline.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { all, type OverlayContext, type OverlayOptions, withOverlays } from "./context.ts";

const STAT_BLOCK = 512;
const COLUMNS = 80;
const TABLE = [
  { title: "MACHINE", least: 8 },
  { title: "PROFILE", least: 8 },
  { title: "FILES", right: true },
  { title: "ON DISK", right: true },
  { title: "RECORDS", right: true },
] as const;

/** `pilotlight overlay ls`: the overlays, and what they take. */
export async function listOverlays(
  context: OverlayContext,
  options: OverlayOptions,
): Promise<void> {
  const rows =
    (await withOverlays(context, (overlays) =>
      Promise.all(
        all(overlays).map(async ({ key, owner, record: { generation, records } }) => {
          const { files, octets } = await sizeOf(overlays.filesOf(key, generation));
          return { ...owner, files, octets, records };
        }),
      ),
    )) ?? [];
  if (options.json) for (const row of rows) printJson(context, row);
  else if (rows.length === 0) print(context, [`No machine has an overlay in ${context.stateDir}.`]);
  else {
    const cells = rows.map(({ machine, profile, files, octets, records }) => [
      machine,
      profile,
      String(files),
      octetsText(octets),
      String(records),
    ]);
    print(context, tableLines(TABLE, cells, COLUMNS));
  }
}

/** What is allocated, not how long the files are. */
async function sizeOf(dir: string): Promise<{ readonly files: number; readonly octets: number }> {
  let octets = 0;
  let files = 0;
  for (const name of await readdir(dir).catch(() => [])) {
    const stat = await lstat(path.join(dir, name)).catch(() => undefined);
    if (!stat) continue;
    octets += stat.blocks * STAT_BLOCK;
    files += 1;
  }
  return { files, octets };
}
