import type { Logger } from "pino";
import { FileSource } from "../assets/stores/file-source.ts";
import { type Watching, watchSources } from "../assets/stores/watch.ts";
import { AgentError, formatAgentError } from "../errors.ts";
import type { Health } from "../health.ts";
import { loadSite } from "../site/load.ts";
import type { Site } from "../site/site.ts";

/** What a site file is followed with. */
export interface SiteFileInput {
  readonly path: string;
  /** Serves a site. Rejects with AgentError when that cannot be; what was served before is served on then. */
  readonly serve: (site: Site) => Promise<void>;
  readonly health: Health;
  readonly log: Logger;
  readonly crash: (bug: unknown) => void;
}

/**
 * A site file of this host: read at start, and again whenever it or a template that it names has changed.
 *
 * It is read and checked as a whole before anything changes. With mistakes in it, what was served is served on, and the
 * operator is told each place.
 */
export class SiteFile {
  private readonly o: SiteFileInput;
  private watching: Watching | undefined;
  private watched = "";
  private turn: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(input: SiteFileInput) {
    this.o = input;
    this.watch([]);
  }

  /** Serves what was read of it. Rejects with AgentError when that cannot be. */
  async start(site: Site): Promise<void> {
    await this.o.serve(site);
    this.watch(templatesOf(site));
  }

  /** Reads it again, whether or not it has changed; what is wrong with it is told the operator. */
  reload(): Promise<void> {
    this.turn = this.turn.then(() => (this.closed ? undefined : this.again()));
    return this.turn;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.watching?.close();
    await this.turn;
  }

  private async again(): Promise<void> {
    const { path, serve, health, log, crash } = this.o;
    try {
      const site = await loadSite(path);
      await serve(site);
      this.watch(templatesOf(site));
      health.say("site-file");
      log.info(`reloaded ${path}: site ${site.name}`);
    } catch (error) {
      if (!(error instanceof AgentError)) {
        crash(error);
        return;
      }
      log.error(`not reloaded, what was served before is served on\n${formatAgentError(error)}`);
      health.say("site-file", `not reloaded: ${error.message.split("\n")[0]}`);
    }
  }

  private watch(templates: readonly string[]): void {
    const files = [this.o.path, ...templates];
    const key = files.join("\0");
    if (this.closed || key === this.watched) return;
    this.watched = key;
    const before = this.watching;
    this.watching = watchSources(
      files.map((file) => new FileSource(file)),
      () => void this.reload(),
    );
    before?.close();
  }
}

function templatesOf(site: Site): readonly string[] {
  const files = [...site.profiles.values()].flatMap((profile) => [...profile.files.values()]);
  return [...new Set(files.flatMap((f) => (f.kind === "template" ? [f.file] : [])))].sort();
}
