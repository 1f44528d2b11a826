import { printable } from "../../log/printable.ts";
import { paint } from "../lab/paint.ts";
import { wrapped } from "../words.ts";

const WIDTH = 80;

/** What would change at some agents. */
export interface AgentChanges {
  readonly agent: string;
  readonly changes: readonly string[];
}

/**
 * The changes, with agents that have the same ones together. Lines of a change begin with `+`, `-` or `~`.
 *
 *     rack7, rack8:
 *       + machine v100 added: mac 00:03:ba:5b:ae:b3, ip 172.24.42.51
 */
export function changesLines(all: readonly AgentChanges[], colour: boolean): readonly string[] {
  const groups = new Map<
    string,
    { readonly agents: string[]; readonly changes: readonly string[] }
  >();
  for (const { agent, changes } of all) {
    const group = groups.get(changes.join("\n"));
    if (group) group.agents.push(agent);
    else groups.set(changes.join("\n"), { agents: [agent], changes });
  }
  return [...groups.values()].flatMap(({ agents, changes }) => [
    ...wrapped(`${agents.join(", ")}:`, WIDTH, 2),
    ...changeLines(changes, colour),
  ]);
}

function changeLines(changes: readonly string[], colour: boolean): readonly string[] {
  if (changes.length === 0) return ["  nothing of what it serves changes"];
  return changes.flatMap((change) => {
    const mark = markOf(change);
    const style = mark === "+" ? "good" : mark === "-" ? "bad" : "plain";
    return wrapped(`  ${mark} ${printable(change)}`, WIDTH, 6).map((line) =>
      paint(line, style, colour),
    );
  });
}

function markOf(change: string): string {
  if (/^[^:]* added: /.test(change)) return "+";
  return /^[^:]* removed$/.test(change) ? "-" : "~";
}
