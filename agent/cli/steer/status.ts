import type { AgentStatus } from "../../control/messages.ts";
import { paint, type Style, wantsColour } from "../lab/paint.ts";
import { print, printJson } from "../print.ts";
import { tableLines } from "../table.ts";
import { wrapped } from "../words.ts";
import { COLUMNS, type SteerContext, type SteerOptions } from "./context.ts";
import { eachAgent, targetsOf, tellFailures } from "./many.ts";
import { plainData } from "./plain-data.ts";
import { statusLines, styleOfState } from "./status-lines.ts";

const TABLE = [
  { title: "AGENT", least: 10 },
  { title: "STATE" },
  { title: "SITE", least: 8 },
  { title: "BUNDLE" },
  { title: "MACHINES", right: true },
  { title: "BOOTING", least: 7 },
] as const;

/** `pilotlight status`: of one agent all there is to know, of several a row each. */
export async function showStatus(
  context: SteerContext,
  names: readonly string[],
  options: SteerOptions,
): Promise<void> {
  const targets = await targetsOf(context, names, options);
  const outcomes = await eachAgent(targets, async (agent, { stranger }) => ({
    status: await agent.get("status.get", {}),
    stranger,
  }));
  const answered = outcomes.flatMap((outcome) => ("value" in outcome ? [outcome.value] : []));
  const { stdout, env } = context.host;
  const colour = wantsColour(stdout.isTTY === true, env);
  if (options.json) for (const { status } of answered) printJson(context, plainData(status));
  else if (answered.length === 1 && targets.length === 1) {
    for (const { status } of answered) print(context, statusLines(status, Date.now(), colour));
  } else if (answered.length > 0) print(context, rows(answered, colour));
  tellFailures(context, outcomes, options);
}

interface Answered {
  readonly status: AgentStatus;
  readonly stranger: boolean;
}

function rows(answered: readonly Answered[], colour: boolean): readonly string[] {
  const [head = "", ...lines] = tableLines(
    TABLE,
    answered.map(({ status: s }) => [
      s.identity.name,
      s.state,
      s.site?.name ?? "-",
      s.site?.bundle === undefined ? (s.site ? "file" : "-") : String(s.site.bundle.serial),
      String(s.machines),
      s.booting.length > 0 ? s.booting.join(" ") : "-",
    ]),
    COLUMNS,
  );
  return [
    head,
    ...lines.flatMap((line, i) => {
      const { status, stranger } = answered[i] ?? {};
      if (!status) return [];
      const notes = [
        ...status.reasons,
        ...(stranger ? ["not met before: name it to believe its key"] : []),
      ];
      const style: Style = styleOfState(status.state);
      return [
        line.replace(status.state, paint(status.state, style, colour)),
        ...notes.flatMap((note) => wrapped(`  ${note}`, COLUMNS, 4)),
      ];
    }),
  ];
}
