import type { CommandHost } from "../host.ts";
import { wantsColour } from "../lab/paint.ts";
import { LiveLines } from "../progress-bar.ts";

const LONGEST_NAME = 24;

/** A line for each agent, drawn again in place on a terminal and nowhere else. */
export class ProgressLines {
  private readonly live: LiveLines;
  private readonly texts: Map<string, string>;

  constructor({ stderr, env }: CommandHost, agents: readonly string[]) {
    this.live = new LiveLines(stderr, wantsColour(stderr.isTTY === true, env));
    this.texts = new Map(agents.map((agent) => [agent, "waits"]));
  }

  say(agent: string, text: string): void {
    this.texts.set(agent, text);
    const width = Math.min(
      LONGEST_NAME,
      Math.max(...[...this.texts.keys()].map(({ length }) => length)),
    );
    this.live.draw(
      [...this.texts].map(([name, said]) => ({
        text: `${name.slice(0, width).padEnd(width)}  ${said}`,
        style: "plain",
      })),
    );
  }

  close(): void {
    this.live.close(true);
  }
}
