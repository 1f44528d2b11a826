// What perfdhcp of Kea 2.2 is told, and what it says.

/** Half of an exchange of four messages, as it went. */
export interface Half {
  readonly sent: number;
  /** Answered within the time that perfdhcp waits: a later answer is an orphan. A DHCPNAK is no answer. */
  readonly received: number;
  /** NaN when nothing was answered. */
  readonly averageMs: number;
  /** One for each answer, in no particular order; empty unless `delays` was asked for. */
  readonly delaysMs: readonly number[];
}

/** What a run came to: DISCOVER to OFFER, and REQUEST to ACK. */
export interface LoadResult {
  readonly offer: Half;
  readonly ack: Half;
}

/** A run of perfdhcp as a relay. */
export interface Load {
  /** Exchanges begun a second. */
  readonly perSecond: number;
  readonly seconds: number;
  /** The hardware address of its first client; the next `CLIENTS` ones are counted up from there, then it begins again. */
  readonly firstMac: string;
  /** Whether each exchange's delay is wanted. */
  readonly delays?: boolean;
  /** Addresses given back a second. */
  readonly releasesPerSecond?: number;
}

/** As many as there are addresses. */
export const CLIENTS = 65_000;
/** An answer that comes later than this is none, s. What is under way when a run ends is waited for as long. */
const PATIENCE_S = 1;
/**
 * One thread. With two, an answer may be read before its question is stamped as sent, and perfdhcp then ends with "Sent packet's
 * timestamp must not be greater than received packet's timestamp": any server that answers within 40 us does that to it.
 */
export const RELAY: readonly string[] = ["-4", "-g", "single"];

/** Its arguments. It exits with 3 when a question was not answered. */
export function perfdhcpArgs(load: Load, server: string): readonly string[] {
  const { perSecond, seconds, firstMac, delays = false, releasesPerSecond = 0 } = load;
  return [
    ...RELAY,
    ...["-r", String(perSecond), "-p", String(seconds)],
    ...["-R", String(CLIENTS), "-b", `mac=${firstMac}`],
    ...["-d", String(PATIENCE_S), "-W", String(PATIENCE_S * 1_000_000)],
    ...(releasesPerSecond > 0 ? ["-F", String(releasesPerSecond)] : []),
    ...(delays ? ["-x", "t"] : []),
    server,
  ];
}

/** Reads its report. Throws when it is none, or half of one. */
export function parsePerfdhcp(report: string): LoadResult {
  const sections = new Map<string, string>();
  // "***Statistics for: REQUEST-ACK***", then what belongs to it.
  const [, ...parts] = report.split(/^\*\*\*(.+)\*\*\*$/m);
  for (let k = 0; k + 1 < parts.length; k += 2) sections.set(parts[k] ?? "", parts[k + 1] ?? "");
  const half = (name: string): Half => {
    const statistics = sections.get(`Statistics for: ${name}`);
    if (statistics === undefined) {
      throw new Error(`perfdhcp said nothing of ${name}: ${report.slice(-500)}`);
    }
    return {
      sent: count(statistics, "sent packets"),
      received: count(statistics, "received packets"),
      averageMs: Number(/^avg delay: ([\d.]+) ms$/m.exec(statistics)?.[1]),
      delaysMs: delaysIn(sections.get(`Timestamps for packets: ${name}`) ?? ""),
    };
  };
  return { offer: half("DISCOVER-OFFER"), ack: half("REQUEST-ACK") };
}

/** The share of exchanges that did not come to an ACK; 1 when there was none. */
export function dropShare({ offer, ack }: LoadResult): number {
  return offer.sent === 0 ? 1 : 1 - ack.received / offer.sent;
}

function count(statistics: string, what: string): number {
  const found = new RegExp(`^${what}: (\\d+)$`, "m").exec(statistics)?.[1];
  if (found === undefined) throw new Error(`perfdhcp did not count its ${what}`);
  return Number(found);
}

function delaysIn(timestamps: string): readonly number[] {
  return [...timestamps.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm)].map(
    ([, sent = "", received = ""]) => sinceStartMs(received) - sinceStartMs(sent),
  );
}

/** "000102.500000" is a minute and two and a half seconds after its start. */
function sinceStartMs(stamp: string): number {
  const hours = Number(stamp.slice(0, 2));
  const minutes = Number(stamp.slice(2, 4));
  return ((hours * 60 + minutes) * 60 + Number(stamp.slice(4))) * 1_000;
}
