import type { Bundle } from "../../bundle/bundle.ts";
import type { PackedSite } from "../../bundle/pack-site.ts";
import type { PrivateKey } from "../../identity/ed25519.ts";
import type { SigningKey } from "../../identity/keys.ts";
import type { Clock } from "../../link/clock.ts";
import type { AgentConnection } from "../../operator/connection.ts";
import type { CommandHost } from "../host.ts";
import type { SteerOptions } from "./context.ts";

/** An agent that the operator has met before. */
export interface MetAgent {
  readonly name: string;
  /** Of its identity key: 52 characters. */
  readonly fingerprint: string;
}

/** What steering an agent takes of the operator's own host. Every promise rejects with AgentError. */
export interface Steering {
  readonly host: CommandHost;
  /** For probations and progress. */
  readonly clock: Clock;
  /** Milliseconds since 1970: serial numbers and dates come from it. */
  readonly wallMs: () => number;
  /** The operator's key, asked for its passphrase once. */
  readonly key: () => Promise<PrivateKey>;
  /** Agents whose keys are pinned. */
  readonly met: () => readonly MetAgent[];
  /** `agent`: an instance name, an address with or without a port, or the beginning of a fingerprint; undefined: on this host. */
  readonly connect: (agent: string | undefined) => Promise<AgentConnection>;
  readonly packSite: (file: string) => Promise<PackedSite>;
  readonly sealBundle: (bundle: Bundle, key: SigningKey) => Uint8Array;
  /** Asks for a yes on the terminal; undefined when there is none. */
  readonly ask: (question: string) => Promise<boolean | undefined>;
}

/** Made when a command runs, and not for every `pilotlight`. */
export type OpenSteering = (host: CommandHost, options: SteerOptions) => Promise<Steering>;
