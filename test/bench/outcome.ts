/** What a bench found: figures in words, and what had to hold. */
export interface Outcome {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly targets: readonly { readonly text: string; readonly met: boolean }[];
}

/** The middle of a list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** The value that the given share of a list does not exceed (nearest rank); NaN of an empty one. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** A target that a figure has to stay below. */
export function below(
  what: string,
  figure: number,
  limit: number,
  unit = "",
): Outcome["targets"][number] {
  return { text: `${what}: ${shown(figure)}${unit}, below ${limit}${unit}`, met: figure < limit };
}

/** A target that a figure has to reach. */
export function atLeast(
  what: string,
  figure: number,
  limit: number,
  unit = "",
): Outcome["targets"][number] {
  return {
    text: `${what}: ${shown(figure)}${unit}, at least ${limit}${unit}`,
    met: figure >= limit,
  };
}

function shown(figure: number): string {
  return Math.abs(figure) >= 100 ? figure.toFixed(0) : figure.toFixed(2);
}
