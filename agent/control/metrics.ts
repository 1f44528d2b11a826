import type { AgentStatus } from "./messages.ts";

/** What goes with `metricsText`: the text format of Prometheus, which its other readers take as well. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [value: number, labels?: Labels];

/** A metric with its samples; no samples: it is left out. */
interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const STATES: readonly AgentStatus["state"][] = ["unconfigured", "serving", "degraded"];
const CONDUCTS = ["all", "reservations", "proxy", "off"] as const;

/** The status of an agent as metrics, and by how much its event loop was late, in seconds by quantile. docs/operations.md has what each means, and a test holds the two together. */
export function metricsText(
  status: AgentStatus,
  lag: ReadonlyMap<number, number> = new Map(),
): string {
  return metricsOf(status, lag)
    .filter(({ samples }) => samples.length > 0)
    .map(metricText)
    .join("");
}

function metricsOf(s: AgentStatus, lag: ReadonlyMap<number, number>): readonly Metric[] {
  const { identity, site, assets, dhcp } = s;
  const { name, version, board } = identity;
  const gauge = (suffix: string, help: string, ...samples: readonly Sample[]): Metric => {
    return { name: `pilotlight_${suffix}`, type: "gauge", help, samples };
  };
  const about = { name, version, board, site: site?.name ?? "" };
  return [
    gauge("info", "Who the agent is.", [1, about]),
    gauge("state", "1 for the state that it is in.", ...oneOf("state", STATES, s.state)),
    gauge("start_time_seconds", "When it was started, seconds since 1970.", [
      Date.parse(s.startedAt) / 1000,
    ]),
    gauge("resident_memory_bytes", "Memory of its process.", [s.residentOctets]),
    gauge(
      "event_loop_lag_seconds",
      "By how much it was late since it was last asked.",
      ...[...lag].map(([quantile, s]): Sample => [s, { quantile: String(quantile) }]),
    ),
    gauge("clock_plausible", "0: its clock cannot be right.", [Number(s.clock.plausible)]),
    gauge(
      "interface_up",
      "1: the interface has an address.",
      ...s.interfaces.map((i): Sample => [Number(i.up), { interface: i.name, role: i.role }]),
    ),
    gauge("machines", "Machines of the site.", [s.machines]),
    gauge("machines_booting", "Machines that boot just now.", [s.booting.length]),
    ...(assets
      ? [
          gauge(
            "assets",
            "Assets of the site by what became of them.",
            [assets.cached, { state: "cached" }],
            [assets.fetching, { state: "fetching" }],
            [assets.failed, { state: "failed" }],
          ),
          gauge("cache_used_bytes", "What the cache holds.", [assets.usedOctets]),
          gauge("cache_limit_bytes", "What the cache may hold.", [assets.limitOctets]),
        ]
      : []),
    ...(dhcp
      ? [
          gauge(
            "dhcp_conduct",
            "1 for what it does about addresses.",
            ...oneOf("conduct", CONDUCTS, dhcp.conduct),
          ),
          gauge("dhcp_other_servers", "Other DHCP servers of late that give addresses.", [
            dhcp.otherServers,
          ]),
        ]
      : []),
    {
      name: "pilotlight_rejected_total",
      type: "counter",
      help: "What came and was not worked on: rubbish, and too much.",
      samples: Object.entries(s.counters).map(rejected),
    },
  ];
}

function oneOf(label: string, all: readonly string[], now: string): readonly Sample[] {
  return all.map((value) => [Number(value === now), { [label]: value }]);
}

/** A counter of the status: "dhcp truncated" is what was truncated in DHCP. */
function rejected([key, n]: readonly [string, number]): Sample {
  const [protocol = "", ...reason] = key.split(" ");
  return [n, { protocol, reason: reason.join(" ") }];
}

/** Whoever reads takes no text that says something of the same labels twice: the last word counts. */
function metricText({ name, type, help, samples }: Metric): string {
  const lines = new Map(samples.map(([value, labels]) => [labelsText(labels ?? {}), value]));
  const each = [...lines].map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${each.join("")}`;
}

function labelsText(labels: Labels): string {
  const each = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return each.length === 0 ? "" : `{${each.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
