import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { AgentError } from "../errors.ts";

/** Longest filter that is tried. */
const MAX_FILTER = 2_000;
/** A filter that libpcap still works on after this is refused, ms. */
const PATIENCE_MS = 15_000;
const MAX_WORDS = 1_000;

/** Opens the interface without the filter, then with it, and prints what libpcap says to either. */
const SCRIPT = `
const { writeSync } = require("node:fs");
const { Cap } = require(process.argv[1]);
const keep = [];
for (const filter of ["", process.argv[3]]) {
  try {
    keep.push(new Cap());
    keep[keep.length - 1].open(process.argv[2], filter, 65536, Buffer.alloc(64));
  } catch (error) {
    writeSync(1, (filter === "" ? "interface " : "filter ") + error.message);
    process.kill(process.pid, "SIGKILL");
  }
}
writeSync(1, "good ");
process.kill(process.pid, "SIGKILL");
`;

/**
 * Asks libpcap whether it takes a filter (pcap-filter(7)) on this interface, in a process that is gone afterwards.
 *
 * Rejects with E_USAGE and libpcap's words, E_CAPABILITY or E_INTERFACE.
 */
export async function checkFilter(interfaceName: string, filter: string): Promise<void> {
  if (filter.length > MAX_FILTER) {
    throw new AgentError("E_USAGE", `a capture filter has at most ${MAX_FILTER} characters`);
  }
  if (filter.includes("\0")) throw new AgentError("E_USAGE", "a capture filter has no NUL in it");
  const said = await run(interfaceName, filter);
  const at = said.indexOf(" ");
  const [what, words] = [said.slice(0, at), said.slice(at + 1)];
  if (what === "good") return;
  if (what === "filter") {
    throw new AgentError("E_USAGE", `libpcap does not take the filter "${filter}": ${words}`, {
      cure: "pcap-filter(7) has the words; `tcpdump -d 'FILTER'` tries one.",
    });
  }
  if (/permi/i.test(words)) {
    throw new AgentError("E_CAPABILITY", `raw frames on ${interfaceName}: ${words}`);
  }
  throw new AgentError("E_INTERFACE", `cannot open ${interfaceName} for raw frames: ${words}`);
}

function run(interfaceName: string, filter: string): Promise<string> {
  const cap = createRequire(import.meta.url).resolve("cap");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", SCRIPT, cap, interfaceName, filter], {
      stdio: ["ignore", "pipe", "ignore"],
      env: {},
    });
    let said = "";
    const timer = setTimeout(() => {
      said = `filter it is still at it after ${PATIENCE_MS / 1000} s`;
      child.kill("SIGKILL");
    }, PATIENCE_MS);
    child.stdout.on("data", (piece: Buffer) => {
      if (said.length < MAX_WORDS) said += piece.toString("utf8").slice(0, MAX_WORDS);
    });
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(
        new AgentError("E_BUSY", `the filter could not be tried: ${cause.message}`, { cause }),
      );
    });
    child.on("close", () => {
      clearTimeout(timer);
      if (said.includes(" ")) resolve(said);
      else reject(new AgentError("E_BUSY", "the filter could not be tried: no process for it"));
    });
  });
}
