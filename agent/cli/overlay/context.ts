import { existsSync } from "node:fs";
import path from "node:path";
import { keyOf, type LayerOwner, Overlays, ownerOf } from "../../assets/trees/overlay/overlays.ts";
import type { LayerRecord } from "../../assets/trees/overlay/records.ts";
import { AgentError } from "../../errors.ts";
import { suggest } from "../../site/suggest.ts";
import { stateFolderOfAgent } from "../../state/state-folder.ts";
import type { CommandHost } from "../host.ts";

/** What all commands of `overlay` take. */
export interface OverlayOptions {
  readonly state?: string;
  readonly json?: true;
  readonly profile?: string;
}

/** Whose overlays a command is about. */
export interface OverlayContext {
  readonly host: CommandHost;
  readonly stateDir: string;
}

/** A layer that a command is about. */
export interface Chosen {
  readonly key: string;
  readonly owner: LayerOwner;
  readonly record: LayerRecord;
}

/** Finds the state folder. Throws E_USAGE when it is not clear which one is meant. */
export function overlayContext(host: CommandHost, { state }: OverlayOptions): OverlayContext {
  const { STATE_DIRECTORY } = host.env;
  return { host, stateDir: stateFolderOfAgent({ option: state, fromSystemd: STATE_DIRECTORY }) };
}

/** Opens the overlays for `use`, and closes them afterwards. An agent may have them open at the same time. */
export async function withOverlays<T>(
  { stateDir }: OverlayContext,
  use: (overlays: Overlays) => Promise<T>,
): Promise<T | undefined> {
  if (!existsSync(path.join(stateDir, "overlays", "db"))) return undefined;
  const overlays = Overlays.open(stateDir);
  try {
    return await use(overlays);
  } finally {
    await overlays.close();
  }
}

/** As `withOverlays`, for the overlay of one machine. Rejects with E_NOT_FOUND, or E_USAGE when it has several. */
export async function withOverlay<T>(
  context: OverlayContext,
  machine: string,
  { profile }: OverlayOptions,
  use: (overlays: Overlays, chosen: Chosen) => Promise<T>,
): Promise<T> {
  const done = await withOverlays(context, async (overlays) => ({
    value: await use(overlays, choose(overlays, machine, profile)),
  }));
  if (done) return done.value;
  throw new AgentError("E_NOT_FOUND", `no machine has an overlay in ${context.stateDir}`, {
    cure: "Name the folder that `pilotlight serve` was given with --state.",
  });
}

/** All overlays, by machine and profile. */
export function all(overlays: Overlays): readonly Chosen[] {
  return [...overlays.store.all()]
    .map(({ key, record }) => ({ key, record, owner: ownerOf(key) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function choose(overlays: Overlays, machine: string, profile: string | undefined): Chosen {
  const every = all(overlays);
  const own = every.filter(({ owner }) => owner.machine === machine);
  const meant =
    profile === undefined ? own : own.filter(({ key }) => key === keyOf({ machine, profile }));
  const [first, ...more] = meant;
  if (first && more.length === 0) return first;
  if (first) {
    throw new AgentError("E_USAGE", `${machine} has overlays of several profiles`, {
      cure: `Choose one with --profile: ${own.map(({ owner }) => owner.profile).join(", ")}`,
    });
  }
  const near = suggest(machine, new Set(every.map(({ owner }) => owner.machine)));
  throw new AgentError(
    "E_NOT_FOUND",
    `${machine} has no overlay${profile === undefined ? "" : ` of ${profile}`}`,
    {
      cure: near === undefined ? "`pilotlight overlay ls` lists them." : `Did you mean ${near}?`,
    },
  );
}
