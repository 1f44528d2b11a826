import { readdirSync, readFileSync } from "node:fs";
import { AgentError } from "../errors.ts";

/** The value of `rp_filter` that RFC 3704 calls strict. */
const STRICT = 1;
/** Where the kernel keeps its settings for each interface of this network namespace. */
const CONF = "/proc/sys/net/ipv4/conf";
/** Entries of that folder that are not interfaces of a network. */
const NOT_INTERFACES: ReadonlySet<string> = new Set(["all", "default", "lo"]);

/** The kernel's settings: the interfaces there are, and the value of `rp_filter` of one of them or of "all". */
export interface ReversePathSettings {
  interfaces(): readonly string[];
  rpFilter(name: string): number;
}

const kernelSettings: ReversePathSettings = {
  interfaces: () => readdirSync(CONF).filter((name) => !NOT_INTERFACES.has(name)),
  rpFilter: (name) => Number(readFileSync(`${CONF}/${name}/rp_filter`, "utf8").trim()),
};

/**
 * Finds the ways by which another NIC could bring in packets with a forged rack address, as an E_RP_FILTER that says what to
 * type; undefined when there is none.
 *
 * The kernel takes the larger of `all` and the interface's own value, so that a loose 2 anywhere undoes a strict 1. Where the
 * rack's interface is the only one there is no other way in.
 */
export function reversePathProblem(
  rack: string,
  settings: ReversePathSettings = kernelSettings,
): AgentError | undefined {
  const names = settings.interfaces();
  if (!names.some((name) => name !== rack)) return undefined;
  const all = settings.rpFilter("all");
  const loose = names.filter((name) => Math.max(all, settings.rpFilter(name)) !== STRICT);
  if (loose.length === 0) return undefined;
  const mend = all > STRICT ? ["all", ...names] : loose;
  const words = mend.map((name) => `net/ipv4/conf/${name}/rp_filter=${STRICT}`).join(" ");
  return new AgentError(
    "E_RP_FILTER",
    `packets with forged rack addresses could come in by another interface: reverse path filtering is not strict on ${loose.join(", ")}`,
    { cure: `Type: sysctl -w ${words}` },
  );
}
