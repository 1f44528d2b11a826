import type { CacheUsage } from "../../assets/cache/cache.ts";
import { shortDigest } from "../../assets/cache/named-version.ts";
import type { AssetStatus, KeeperStatus } from "../../assets/fetch/status.ts";
import type { AgentAssets } from "../../control/asset-status.ts";
import { octetsText } from "../../log/timeline.ts";
import type { Cell } from "../lab/paint.ts";
import { bar, barLine } from "../progress-bar.ts";
import { count, durationText, timeText, wrapped } from "../words.ts";

const BAR_WIDTH = 24;
/** Assets that are named in each list; the rest is counted. */
const MOST = 12;

/** What is shown of a cache. `agent` is absent where none runs. */
export interface StatusView {
  readonly stateDir: string;
  readonly cache: CacheUsage;
  readonly assets: number;
  readonly agent?: AgentAssets | undefined;
}

/** The status as lines of at most `width` columns. */
export function statusCells(view: StatusView, width: number): readonly Cell[] {
  const { agent } = view;
  const cells: Cell[] = [...headCells(view, width)];
  if (!agent) return cells;
  const { assets } = agent;
  section(cells, "being fetched", fetching(assets), width, (a) => progressCells(a, width));
  const waiting = assets.filter((a) => a.state === "waiting" && !a.progress);
  section(cells, "waiting for their turn", waiting, width, (a) => plain(`  ${a.name}`, width));
  const failed = assets.filter((a) => a.state === "failed" || a.state === "refused");
  section(cells, "cannot be had", failed, width, (a) => failedCells(a, width));
  const stale = assets.filter((a) => a.stale);
  const title = "cannot be refreshed; what is cached goes on being served";
  section(cells, title, stale, width, (a) => staleCells(a, width));
  const refused = assets.filter((a) => a.refused && a.digest !== undefined);
  section(cells, "newer versions that were refused", refused, width, (a) => refusedCells(a, width));
  const next = assets.filter((a) => a.next !== undefined);
  section(cells, "newer versions that wait until no machine boots", next, width, (a) =>
    plain(`  ${a.name}  ${shortDigest(a.next ?? "")}`, width),
  );
  return cells;
}

/** The progress of what is being fetched, a bar each. */
export function progressCells(a: AssetStatus, width: number): readonly Cell[] {
  const p = a.progress;
  if (!p) return [];
  const { octets, total, rate } = p;
  return [
    { text: `  ${barLine({ name: a.name, octets, total, rate }, width - 2)}`, style: "bar" },
    { text: `    ${p.phase} ${p.from}`, style: "dim" },
  ];
}

function fetching(assets: KeeperStatus["assets"]): readonly AssetStatus[] {
  // Assets of one source share its transfer; the first one stands for it.
  const seen = new Set<string>();
  return assets.filter((a) => {
    if (!a.progress || seen.has(a.progress.from)) return false;
    seen.add(a.progress.from);
    return true;
  });
}

function headCells({ stateDir, cache, assets, agent }: StatusView, width: number): Cell[] {
  const { limit, used, evictable, diskFree, blobs, quarantined, partial } = cache;
  const share = limit > 0 ? used / limit : 0;
  const lines = [
    agent
      ? `agent     site ${agent.agent.site}, pilotlight ${agent.agent.version}, process ${agent.agent.pid}`
      : "agent     none runs here",
    ...(agent
      ? [
          `machines  ${agent.booting.length === 0 ? "none is booting" : `booting: ${agent.booting.join(", ")}`}`,
        ]
      : []),
    `cache     ${bar(share, BAR_WIDTH)}  ${octetsText(used)} of ${octetsText(limit)}`,
    `          ${stateDir}: ${count(assets, "asset")}, ${count(blobs, "blob")}`,
    `          can be evicted ${octetsText(evictable)}, half fetched ${octetsText(partial)}, quarantine ${octetsText(quarantined)}`,
    `disk      ${octetsText(diskFree)} free`,
  ];
  const cells = lines.flatMap((line) => plain(line, width, 10));
  if (agent && !agent.clock.plausible) {
    const text = `clock     says ${timeText(agent.clock.nowMs)}: it is wrong, and certificates may be refused for it; set it, the agent never does`;
    for (const line of wrapped(text, width, 10)) cells.push({ text: line, style: "bad" });
  }
  return cells;
}

function section(
  cells: Cell[],
  title: string,
  assets: readonly AssetStatus[],
  width: number,
  each: (asset: AssetStatus) => readonly Cell[],
): void {
  if (assets.length === 0) return;
  cells.push({ text: "", style: "plain" }, { text: title, style: "title" });
  for (const asset of assets.slice(0, MOST)) cells.push(...each(asset));
  if (assets.length > MOST)
    cells.push(...plain(`  and ${count(assets.length - MOST, "other")}`, width));
}

function failedCells(a: AssetStatus, width: number): readonly Cell[] {
  const { error, refused, retryInMs } = a;
  const again = retryInMs === undefined ? "" : `; tried again in ${durationText(retryInMs / 1000)}`;
  const why = error ? `${error.code}: ${error.message}` : (refused?.why ?? "");
  return [
    ...plain(`  ${a.name}  ${why}${again}`, width, 4),
    ...(error ? wrapped(`    ${error.cure}`, width, 4).map(dim) : []),
  ];
}

function staleCells(a: AssetStatus, width: number): readonly Cell[] {
  const { stale } = a;
  if (!stale) return [];
  return plain(
    `  ${a.name}  since ${timeText(stale.sinceMs)}: ${stale.code}: ${stale.message}`,
    width,
    4,
  );
}

function refusedCells(a: AssetStatus, width: number): readonly Cell[] {
  const { refused } = a;
  if (!refused) return [];
  const kept = refused.keptAs === undefined ? "" : `; kept as quarantine/${refused.keptAs}`;
  const text = `  ${a.name}  ${shortDigest(refused.sourceDigest)} since ${timeText(refused.sinceMs)}: ${refused.why}${kept}`;
  return plain(text, width, 4);
}

function plain(text: string, width: number, indent = 4): readonly Cell[] {
  return wrapped(text, width, indent).map((line) => ({ text: line, style: "plain" }));
}

function dim(text: string): Cell {
  return { text, style: "dim" };
}
