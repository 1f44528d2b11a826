/** A metric of an exposition: its type, its help, and its samples by their labels. */
export interface Exposed {
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/;
const VALUE = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]Inf)$/;

/**
 * Reads an exposition in the text format 0.0.4 of Prometheus, strictly: HELP and TYPE once and before the samples, all of a metric
 * together, no labels twice, a line end after the last line. Throws with the line that is wrong.
 */
export function parseExposition(text: string): ReadonlyMap<string, Exposed> {
  const metrics = new Map<string, Exposed>();
  if (!text.endsWith("\n")) throw new Error("no line end after the last line");
  let current = "";
  let help: { readonly name: string; readonly text: string } | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const wrong = (why: string): Error => new Error(`${why}: ${line}`);
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment) {
      const [, what, name = "", rest = ""] = comment;
      if (!NAME.test(name) || metrics.has(name)) throw wrong("a name that is none, or was there");
      if (what === "HELP") {
        help = { name, text: rest };
        continue;
      }
      if (help?.name !== name) throw wrong("TYPE without HELP before it");
      if (!["counter", "gauge"].includes(rest)) throw wrong("another type");
      metrics.set(name, { type: rest, help: help.text, samples: [] });
      current = name;
      continue;
    }
    const sample = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample) throw wrong("neither a comment nor a sample");
    const [, name = "", labelText = "", value = ""] = sample;
    const metric = metrics.get(name);
    if (!metric || name !== current) throw wrong("a sample that is not with its metric");
    if (!VALUE.test(value)) throw wrong("no value");
    const labels = parseLabels(labelText, wrong);
    const key = JSON.stringify(Object.entries(labels).sort());
    if (metric.samples.some((s) => JSON.stringify(Object.entries(s.labels).sort()) === key)) {
      throw wrong("the same labels twice");
    }
    metric.samples.push({ labels, value: Number(value) });
  }
  return metrics;
}

function parseLabels(text: string, wrong: (why: string) => Error): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ""; ) {
    const [whole, name = "", value = "", comma] = LABEL.exec(rest) ?? [];
    if (whole === undefined || name in labels) throw wrong("labels");
    labels[name] = value.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
    rest = rest.slice(whole.length);
    if (comma === "," && rest === "") throw wrong("labels");
  }
  return labels;
}
