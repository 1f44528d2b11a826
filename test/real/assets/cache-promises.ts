/** Files under `ingest/` and `blobs/` that crashes may leave until they are old enough to be collected. */
const MOST_LEFT = 150;

/** What the worker of `power-worker.mjs` was told is durable when its power was cut. */
export interface Promises {
  /** By asset: "CURRENT HELD", "- -" when it was removed; more than one where a change was under way. */
  readonly served: ReadonlyMap<string, readonly string[]>;
  /** A blob that no record named yet. */
  readonly kept?: string;
  /** By asset: the transfer that was suspended, and at how many octets. */
  readonly suspended: ReadonlyMap<string, { readonly text: string; readonly at: number }>;
  /** What was put aside: file and digest, until something may have taken its place. */
  readonly aside?: readonly [file: string, digest: string];
}

/** Reads the lines that a worker printed until its power was cut, its check first. */
export function promisesOf(lines: readonly string[]): Promises {
  const served = new Map<string, readonly string[]>();
  const suspended = new Map<string, { text: string; at: number }>();
  let kept: string | undefined;
  let aside: [string, string] | undefined;
  for (const line of lines) {
    const [what, name = "", first = "", second = "", third = ""] = line.split(" ");
    if (what === "asset") served.set(name, [`${first} ${second}`]);
    else if (what === "updating") {
      served.set(name, [...(served.get(name) ?? ["- -"]), `${first} ${second}`]);
    } else if (what === "updated") {
      served.set(name, [`${first} ${second}`]);
      kept = undefined;
    } else if (what === "kept") kept = name;
    else if (what === "partial" || what === "suspended") {
      // The text is two words.
      suspended.set(name, { text: `${first} ${second}`, at: Number(third) });
    } else if (what === "starting") {
      suspended.delete(name);
      aside = undefined;
    } else if (what === "full") suspended.clear();
    else if (what === "quarantined") aside = [name, first];
    else if (what === "evicting" || what === "quarantining") aside = undefined;
  }
  return { served, suspended, ...(kept ? { kept } : {}), ...(aside ? { aside } : {}) };
}

/** What the check of the next boot did not find, in words. */
export function brokenPromises(promises: Promises, lines: readonly string[]): string[] {
  const broken: string[] = [];
  const check = lines.slice(
    0,
    lines.findIndex((line) => line.startsWith("CHECK OK")),
  );
  const found = promisesOf(check);
  for (const [name, allowed] of promises.served) {
    const now = found.served.get(name)?.[0] ?? "- -";
    if (!allowed.includes(now)) broken.push(`${name} is ${now}, not ${allowed.join(" or ")}`);
  }
  const { kept, aside } = promises;
  if (kept && !check.includes(`blob ${kept}`)) broken.push(`the blob ${kept} is gone`);
  for (const [name, { text, at }] of promises.suspended) {
    const now = found.suspended.get(name);
    if (at > 0 && (now?.text !== text || now.at < at)) {
      broken.push(`${name}'s transfer of ${text} at ${at} is ${now?.text} at ${now?.at}`);
    }
  }
  if (aside && !check.includes(`aside ${aside[0]} ${aside[1]}`)) {
    broken.push(`${aside[0]} is not in quarantine as it was put there`);
  }
  const [, files, strays] = check.find((line) => line.startsWith("left "))?.split(" ") ?? [];
  if (!(Number(files) <= MOST_LEFT && Number(strays) <= MOST_LEFT)) {
    broken.push(`${files} files in ingest/ and ${strays} stray blobs are left over`);
  }
  return broken;
}
