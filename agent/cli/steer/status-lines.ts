import type { AgentStatus, BundleRecord, DhcpStatus, SiteStatus } from "../../control/messages.ts";
import type { AgentState } from "../../discovery/services.ts";
import { shortFingerprint } from "../../identity/fingerprint.ts";
import { octetsText } from "../../log/timeline.ts";
import { paint, type Style } from "../lab/paint.ts";
import { ageText, durationText, timeText, wrapped } from "../words.ts";
import { COLUMNS } from "./context.ts";

const LABEL = 13;
/** Counters of rubbish that are shown; the largest. */
const MOST_COUNTERS = 6;

/** How a state is painted. */
export function styleOfState(state: AgentState): Style {
  return state === "serving" ? "good" : state === "degraded" ? "bad" : "dim";
}

/** All that an agent tells of itself, as lines of 80 columns. */
export function statusLines(s: AgentStatus, nowMs: number, colour: boolean): readonly string[] {
  const { identity, site, search, clock } = s;
  const lines: string[] = [
    `${paint(identity.name, "title", colour)}  ${paint(s.state, styleOfState(s.state), colour)}`,
  ];
  const say = (label: string, text: string, style: Style = "plain"): void => {
    for (const line of wrapped(`  ${label.padEnd(LABEL - 2)}${text}`, COLUMNS, LABEL)) {
      lines.push(paint(line, style, colour));
    }
  };
  for (const reason of s.reasons) say("because", reason, s.state === "degraded" ? "bad" : "plain");
  say("key", shortFingerprint(identity.fingerprint));
  say("software", `pilotlight ${identity.version} on ${identity.board}`);
  if (identity.claimable) say("operators", "none yet: claim it with the code on its console");
  if (site) siteLines(site, nowMs, say);
  if (search) {
    const found =
      search.lastFoundAt === undefined ? "" : `; found ${age(search.lastFoundAt, nowMs)} ago`;
    say("looks for", `a configuration by ${search.where.join(", ")}${found}`);
    if (search.problem !== undefined) say("", search.problem, "bad");
  }
  for (const { name, role, up, addresses } of s.interfaces) {
    const where = addresses.length === 0 ? "no address" : addresses.join(", ");
    say(role, `${name} ${up ? "up" : "down"}, ${where}`, up ? "plain" : "bad");
  }
  const booting = s.booting.length === 0 ? "none is booting" : `booting: ${s.booting.join(", ")}`;
  say("machines", `${s.machines}, ${booting}`);
  if (s.assets) {
    const { all, cached, fetching, failed, usedOctets, limitOctets } = s.assets;
    const rest = [
      ...(fetching > 0 ? [`${fetching} being fetched`] : []),
      ...(failed > 0 ? [`${failed} cannot be had`] : []),
    ];
    const room = `${octetsText(usedOctets)} of ${octetsText(limitOctets)}`;
    say(
      "assets",
      [`${cached} of ${all} cached`, ...rest, room].join(", "),
      failed > 0 ? "bad" : "plain",
    );
  }
  if (s.dhcp) say("dhcp", ...dhcpText(s.dhcp));
  if (!clock.plausible) say("clock", `says ${clock.time}: it is wrong`, "bad");
  const memory = octetsText(s.residentOctets);
  say("running", `for ${age(s.startedAt, nowMs)}, ${memory} of memory, log level ${s.logLevel}`);
  const counters = Object.entries(s.counters)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a);
  if (counters.length > 0) {
    const shown = counters.slice(0, MOST_COUNTERS).map(([what, n]) => `${what} ${n}`);
    say("rubbish", `${shown.join(", ")}${counters.length > MOST_COUNTERS ? " …" : ""}`, "dim");
  }
  return lines;
}

/** "auto (proxy), 1 other server gives addresses"; two that give addresses are a fault. */
function dhcpText({ mode, conduct, otherServers: n }: DhcpStatus): [text: string, style: Style] {
  const does = mode === "auto" ? `${mode} (${conduct})` : mode;
  if (n === 0) return [does, "plain"];
  const others = n === 1 ? "1 other server gives" : `${n} other servers give`;
  return [`${does}, ${others} addresses`, conduct === "all" ? "bad" : "plain"];
}

function siteLines(
  site: SiteStatus,
  nowMs: number,
  say: (label: string, text: string, style?: Style) => void,
): void {
  const { bundle, probation } = site;
  if (!bundle) {
    say("site", `${site.name}, from ${site.file ?? "a file"}: nothing can be pushed`);
    return;
  }
  say("site", `${site.name}, ${bundleText(bundle, nowMs)}`);
  if (probation) {
    const before = probation.previous === 0 ? "being unconfigured" : `bundle ${probation.previous}`;
    say(
      "on probation",
      `goes back to ${before} in ${durationText(Math.max(0, probation.endsInMs) / 1000)} unless it is confirmed`,
      "bad",
    );
  }
  if (bundle.expires !== undefined) {
    const endsMs = Date.parse(bundle.expires);
    if (endsMs < nowMs) say("", `expired ${timeText(endsMs)}; it goes on being served`);
  }
}

/** "bundle 1763730000 by eva, applied 3 h ago (push by eva@laptop)". */
function bundleText(b: BundleRecord, nowMs: number): string {
  return `bundle ${b.serial} by ${b.operator}, applied ${age(b.appliedAt, nowMs)} ago (${b.source})`;
}

/** How long ago; "?" for what is no time. */
function age(time: string, nowMs: number): string {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? "?" : ageText(ms, nowMs);
}
