import { shortDigest } from "../../assets/cache/named-version.ts";
import { octetsText } from "../../log/timeline.ts";
import { paint, type Style, wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { ageText, timeText, wrapped } from "../words.ts";
import { type CacheContext, type CacheOptions, withCache } from "./context.ts";
import { type Row, rowsOf } from "./rows.ts";

const COLUMNS = 80;
const LONGEST_NAME = 34;

/** `pilotlight cache ls`: the assets; those that are named with all their versions. */
export async function listAssets(
  context: CacheContext,
  names: readonly string[],
  options: CacheOptions,
): Promise<void> {
  const agent = await context.agent.status();
  const rows = await withCache(context, (cache) => Promise.resolve(rowsOf(cache, agent, names)));
  if (options.json) {
    for (const row of rows) printJson(context, row);
    return;
  }
  const { stdout, env } = context.host;
  const colour = wantsColour(stdout.isTTY === true, env);
  if (rows.length === 0) print(context, [`The cache in ${context.stateDir} is empty.`]);
  else print(context, rowLines(rows, Date.now(), colour, names.length > 0));
}

/**
 * The rows as a table of 80 columns; with `details`, the versions and what is wrong below each.
 *
 *     NAME          VERSION        SIZE  KEPT    AGE  STATE
 *     netbsd        9f86d081884c  6 MB     2   3 h    served
 */
export function rowLines(
  rows: readonly Row[],
  nowMs: number,
  colour: boolean,
  details: boolean,
): readonly string[] {
  const width = Math.min(LONGEST_NAME, Math.max(4, ...rows.map(({ name }) => name.length)));
  const lines = [`${"NAME".padEnd(width)}  VERSION          SIZE  KEPT     AGE  STATE`];
  for (const row of rows) {
    const { name, digest, size, fetchedMs, versions, state } = row;
    const cells = [
      name.padEnd(width),
      (digest === undefined ? "-" : shortDigest(digest)).padEnd(12),
      (size === undefined ? "-" : octetsText(size)).padStart(7),
      String(versions.length).padStart(4),
      (fetchedMs === undefined ? "-" : ageText(fetchedMs, nowMs)).padStart(6),
    ];
    const note = row.refused && (state === "served" || state === "held") ? ", newer refused" : "";
    const text = `${state}${note}${row.stale ? ", stale" : ""}`;
    lines.push(`${cells.join("  ")}  ${paint(text, styleOf(state), colour)}`);
    if (details) lines.push(...detailLines(row));
  }
  return lines;
}

function detailLines(row: Row): readonly string[] {
  const lines: string[] = [];
  for (const v of row.versions) {
    const notes = [
      ...(v.served ? ["served"] : []),
      ...(v.held ? ["held"] : []),
      ...(v.there ? [] : ["octets lost"]),
    ];
    lines.push(
      `  ${shortDigest(v.digest)}  ${octetsText(v.size).padStart(7)}  ${timeText(v.fetchedMs)}  ${notes.join(", ")}`.trimEnd(),
    );
    if (v.sourceDigest !== v.digest) lines.push(`    made of sha256 ${v.sourceDigest}`);
  }
  const { refused, error, stale } = row;
  const say = (text: string): void => {
    lines.push(...wrapped(`  ${text}`, COLUMNS, 4));
  };
  if (refused) {
    const kept = refused.keptAs === undefined ? "" : `; kept as quarantine/${refused.keptAs}`;
    say(
      `refused since ${timeText(refused.sinceMs)}: ${shortDigest(refused.sourceDigest)}: ${refused.why}${kept}`,
    );
  }
  if (error) say(`${error.code} since ${timeText(error.sinceMs)}: ${error.message}. ${error.cure}`);
  if (stale) say(`stale since ${timeText(stale.sinceMs)}: ${stale.code}: ${stale.message}`);
  return lines;
}

/** How a state of an asset is painted. */
function styleOf(state: string): Style {
  if (state === "served" || state === "held") return "good";
  if (state === "refused" || state === "failed" || state === "lost") return "bad";
  return "dim";
}
