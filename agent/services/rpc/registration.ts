import type { PmapMapping } from "../../../protocols/sunrpc/portmap.ts";
import type { Clock } from "../../link/clock.ts";
import type { RpcbindClient } from "./rpcbind-client.ts";

/** How often it is looked whether rpcbind still knows us, ms: it may have been restarted. */
export const LOOK_MS = 15_000;
/** Looks in a row without an answer until rpcbind counts as gone: a restart is shorter. */
const LOOKS_UNTIL_GONE = 3;

/** How our programs stand with the host's rpcbind. */
export interface RegistrationState {
  /** Whether it answered the last time. */
  readonly answers: boolean;
  /** Ours that it has by other ports: another server of this host has them. */
  readonly taken: readonly PmapMapping[];
}

/** What a registration needs. */
export interface RegistrationInput {
  readonly client: RpcbindClient;
  readonly clock: Clock;
  /** All that is ours. */
  readonly mappings: readonly PmapMapping[];
  /** Told of each state that is another than before. */
  readonly changed: (state: RegistrationState) => void;
  /** It has been silent for so long that it will not come back by itself. May be told again and again. */
  readonly gone: () => void;
}

/**
 * Our programs in the host's rpcbind, kept there while we run.
 *
 * What it has by our ports is ours, left behind or not. What it has by other ports belongs to another server, and stays: whoever
 * wants us to be found stops that one.
 */
export class Registration {
  private readonly o: RegistrationInput;
  private cancel: () => void = () => {};
  private missed = 0;
  private told = "";
  private stopped = false;
  /** The look that is under way. */
  private looking: Promise<void> = Promise.resolve();

  constructor(input: RegistrationInput) {
    this.o = input;
  }

  /** Registers, and looks after it from now on. */
  async start(): Promise<void> {
    await this.look();
  }

  /** Takes away what is ours. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.cancel();
    await this.looking;
    const { client } = this.o;
    const listed = await client.dump();
    for (const mapping of ownAlone(listed ?? [], this.o.mappings)) await client.unset(mapping);
  }

  private async look(): Promise<void> {
    if (this.stopped) return;
    this.looking = this.register();
    await this.looking;
    if (this.stopped) return;
    this.cancel = this.o.clock.after(LOOK_MS, () => void this.look());
    if (this.missed >= LOOKS_UNTIL_GONE) this.o.gone();
  }

  private async register(): Promise<void> {
    const { client, mappings } = this.o;
    const listed = await client.dump();
    if (!listed) {
      this.missed += 1;
      this.tell({ answers: false, taken: [] });
      return;
    }
    this.missed = 0;
    const taken: PmapMapping[] = [];
    for (const own of mappings) {
      const there = listed.find((m) => isOfSame(m, own));
      if (there?.port === own.port) continue;
      if (there || (await client.set(own)) === false) taken.push(there ?? own);
    }
    this.tell({ answers: true, taken });
  }

  private tell(state: RegistrationState): void {
    const text = JSON.stringify(state);
    if (text === this.told) return;
    this.told = text;
    this.o.changed(state);
  }
}

function isOfSame(a: PmapMapping, b: PmapMapping): boolean {
  return a.prog === b.prog && a.vers === b.vers && a.prot === b.prot;
}

function isSame(a: PmapMapping, b: PmapMapping): boolean {
  return isOfSame(a, b) && a.port === b.port;
}

/** One mapping of each version that is ours alone: UNSET takes away all protocols of a version at once. */
function ownAlone(
  listed: readonly PmapMapping[],
  own: readonly PmapMapping[],
): readonly PmapMapping[] {
  const versions = new Map<string, PmapMapping>();
  for (const m of own) versions.set(`${m.prog} ${m.vers}`, m);
  return [...versions.values()].filter(({ prog, vers }) => {
    const there = listed.filter((m) => m.prog === prog && m.vers === vers);
    return there.length > 0 && there.every((m) => own.some((o) => isSame(o, m)));
  });
}
