import type { KeeperStatus } from "../assets/fetch/status.ts";
import type { AgentState } from "../discovery/services.ts";
import type { JournalEntry } from "../log/journal.ts";
import type { LogLevel } from "../log/logger.ts";
import type { Conduct } from "../services/dhcp/mode.ts";
import type { DhcpMode } from "../site/site.ts";

/*
 * What goes over the control protocol, in CBOR and in JSON alike. docs/control.md has the same shapes in CDDL, and a test
 * holds the two together. Times are ISO 8601 in UTC, `…Ms` milliseconds, `…S` seconds. Who reads ignores fields it does not know.
 */

/** The version of the protocol: the first part of every path. */
export const PROTOCOL_VERSION = 1;
/** Where an agent listens, for HTTP and TLS alike. */
export const CONTROL_PORT = 7458;

export interface AgentIdentity {
  readonly name: string;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  readonly fingerprint: string;
  readonly version: string;
  readonly board: string;
  readonly protocol: number;
  /** Nobody is trusted yet: a claim code is accepted. */
  readonly claimable: boolean;
}

export interface InterfaceStatus {
  readonly name: string;
  readonly role: "rack" | "management";
  readonly up: boolean;
  readonly addresses: readonly string[];
}

/** A bundle is being tried: unless an operator confirms it in time, the agent goes back to `previous`. */
export interface ProbationState {
  readonly serial: number;
  /** 0: to none, the agent would be unconfigured again. */
  readonly previous: number;
  readonly endsInMs: number;
}

/** A bundle of the history. */
export interface BundleRecord {
  readonly serial: number;
  readonly site: string;
  /** SHA-256 of the signed bundle, hex. */
  readonly digest: string;
  /** Fingerprint of the key that signed it. */
  readonly signer: string;
  /** Name of that operator. */
  readonly operator: string;
  /** "push by eva@laptop", "fetched from …", "rollback by …". */
  readonly source: string;
  readonly appliedAt: string;
  readonly state: "probation" | "running" | "kept" | "returned";
  /** Why the agent went back from it. */
  readonly reason?: string;
  /** Against the one before it, a line each. */
  readonly changes: readonly string[];
  readonly notBefore?: string;
  readonly expires?: string;
}

export interface SiteStatus {
  readonly name: string;
  /** `file`: given on the command line, so that nothing can be pushed. */
  readonly source: "file" | "bundle";
  readonly file?: string;
  readonly bundle?: BundleRecord;
  readonly probation?: ProbationState;
}

/** How the agent looks for its configuration. */
export interface ConfigSearch {
  /** "mDNS", "DNS-SD of example.org", a URL, a file. */
  readonly where: readonly string[];
  readonly lastTryAt?: string;
  readonly lastFoundAt?: string;
  readonly problem?: string;
}

export interface AgentStatus {
  readonly identity: AgentIdentity;
  readonly state: AgentState;
  /** Why it is unconfigured or degraded, a sentence each. */
  readonly reasons: readonly string[];
  readonly site?: SiteStatus;
  readonly search?: ConfigSearch;
  readonly interfaces: readonly InterfaceStatus[];
  /** Names of the machines that boot just now. */
  readonly booting: readonly string[];
  readonly machines: number;
  readonly assets?: {
    readonly all: number;
    readonly cached: number;
    readonly fetching: number;
    readonly failed: number;
    readonly usedOctets: number;
    readonly limitOctets: number;
  };
  /** Absent without a site. */
  readonly dhcp?: DhcpStatus;
  readonly clock: { readonly time: string; readonly plausible: boolean };
  readonly startedAt: string;
  readonly residentOctets: number;
  readonly logLevel: LogLevel;
  /** Rubbish by "protocol status". */
  readonly counters: Readonly<Record<string, number>>;
}

export interface SiteDocument {
  readonly site: string;
  /** 0: a local file. */
  readonly serial: number;
  readonly main: string;
  /** Names to texts or octets. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface SiteVerdict {
  readonly site: string;
  readonly serial: number;
  /** What would change, a line each. */
  readonly changes: readonly string[];
}

export type MachineOverride =
  | {
      readonly kind: "boot";
      readonly profile: string;
      readonly by: string;
      readonly since: string;
      readonly taken: boolean;
    }
  | { readonly kind: "hold"; readonly by: string; readonly since: string };

export interface MachineStatus {
  readonly name: string;
  readonly mac: string;
  readonly ip: string;
  readonly profile: string | null;
  readonly family: string | null;
  readonly booting: boolean;
  /** The last step, as the journal has it. */
  readonly last?: { readonly time: string; readonly event: string; readonly outcome: string };
  readonly overrides: readonly MachineOverride[];
}

export interface MachinePlan {
  readonly machine: MachineStatus;
  readonly server: string;
  /** What each firmware family would be offered. */
  readonly offers: readonly {
    readonly family: string;
    readonly bootFile: string | null;
    readonly why: string;
  }[];
  readonly files: readonly {
    readonly name: string;
    readonly octets: number | null;
    readonly state: string;
  }[];
  readonly root: { readonly path: string } | null;
  readonly bootparams: Readonly<Record<string, string>>;
}

/** Who has which address, or had it last. */
export interface LeaseStatus {
  readonly address: string;
  /** Of the site's networks. */
  readonly network: string;
  /** "" where nobody is known that has it. */
  readonly mac: string;
  /** Option 61 in hex digits, its type octet first. */
  readonly id?: string;
  /** Of the site. */
  readonly machine?: string;
  /** As the machine calls itself. */
  readonly hostname?: string;
  /** `over`: it is free, and kept for this machine until somebody else gets it. `declined`: somebody else is there. */
  readonly state: "offered" | "bound" | "over" | "declined";
  /** Whether the site gives this address to this machine; else it is of a pool. */
  readonly reserved: boolean;
  /** null: for ever, as BOOTP knows no leases. */
  readonly leftS: number | null;
  readonly since?: string;
}

/** The addresses that a network has for machines without a reservation. */
export interface PoolStatus {
  readonly network: string;
  readonly size: number;
  readonly free: number;
}

/** Another DHCP server on the rack's link. */
export interface ServerStatus {
  readonly address: string;
  /** Else it only offers something to boot. */
  readonly givesAddresses: boolean;
  /** The agent gives no addresses for its sake, also after a restart, until it is told to forget it. */
  readonly kept: boolean;
  /** Absent: the agent's clock was wrong then. */
  readonly since?: string;
  /** Absent: not of late. */
  readonly last?: string;
}

/** What an agent does about addresses. */
export interface DhcpStatus {
  /** As the site has it. */
  readonly mode: DhcpMode;
  /** What that comes to: `all` is reservations and pools, `proxy` only what to boot. */
  readonly conduct: Conduct;
  /** Servers heard of late that give addresses. */
  readonly otherServers: number;
}

/** The same with who the others are. */
export interface DhcpServers extends Omit<DhcpStatus, "otherServers"> {
  /** A sentence. */
  readonly why: string;
  readonly servers: readonly ServerStatus[];
}

export interface CaptureStatus {
  readonly id: string;
  readonly interface: string;
  readonly filter: string;
  readonly startedAt: string;
  readonly running: boolean;
  readonly packets: number;
  readonly octets: number;
  /** It ended since it reached its bound. */
  readonly full: boolean;
}

/** What a stream of events carries. */
export type AgentEvent =
  | { readonly type: "journal"; readonly entry: JournalEntry }
  | {
      readonly type: "state";
      readonly time: string;
      readonly state: AgentState;
      readonly reasons: readonly string[];
    }
  | { readonly type: "site"; readonly time: string; readonly bundle: BundleRecord }
  /** Sent every 15 s, so that a dead connection is noticed. */
  | { readonly type: "alive"; readonly time: string }
  /** This many were left out, since the reader was too slow. */
  | { readonly type: "missed"; readonly time: string; readonly events: number };

export interface OperatorRecord {
  readonly name: string;
  readonly fingerprint: string;
  readonly publicKey: Uint8Array;
  readonly since: string;
  /** "claim", "medium", "local", or the fingerprint of the operator who added it. */
  readonly origin: string;
  readonly revoked?: string;
}

/** Arguments and results of every verb. */
export interface Verbs {
  "identity.get": { readonly args: Nothing; readonly result: AgentIdentity };
  "identity.rename": { readonly args: { readonly name: string }; readonly result: AgentIdentity };
  "status.get": { readonly args: Nothing; readonly result: AgentStatus };
  "site.get": { readonly args: { readonly serial?: number }; readonly result: SiteDocument };
  "site.history": {
    readonly args: Nothing;
    readonly result: { readonly bundles: readonly BundleRecord[] };
  };
  "site.validate": { readonly args: { readonly bundle: Uint8Array }; readonly result: SiteVerdict };
  "site.diff": {
    readonly args: { readonly from: number; readonly to: number };
    readonly result: { readonly changes: readonly string[] };
  };
  "site.put": {
    readonly args: { readonly bundle: Uint8Array; readonly probationS?: number };
    readonly result: BundleRecord;
  };
  "site.confirm": { readonly args: { readonly serial: number }; readonly result: Nothing };
  "site.rollback": { readonly args: { readonly serial?: number }; readonly result: BundleRecord };
  "machines.list": {
    readonly args: Nothing;
    readonly result: { readonly machines: readonly MachineStatus[] };
  };
  "machines.plan": { readonly args: { readonly machine: string }; readonly result: MachinePlan };
  "machines.boot": {
    readonly args: { readonly machine: string; readonly profile: string };
    readonly result: MachineStatus;
  };
  "machines.hold": { readonly args: { readonly machine: string }; readonly result: MachineStatus };
  /** Takes away all overrides. */
  "machines.release": {
    readonly args: { readonly machine: string };
    readonly result: MachineStatus;
  };
  "machines.wake": { readonly args: { readonly machine: string }; readonly result: MachineStatus };
  /** By address. `more`: so many are left out. */
  "leases.list": {
    readonly args: Nothing;
    readonly result: {
      readonly leases: readonly LeaseStatus[];
      readonly pools: readonly PoolStatus[];
      readonly more: number;
    };
  };
  /** `lease`: an address, a MAC address, a machine of the site, or what a machine calls itself. As it is then. */
  "leases.release": { readonly args: { readonly lease: string }; readonly result: LeaseStatus };
  "servers.list": { readonly args: Nothing; readonly result: DhcpServers };
  /** The server that is kept is gone for good. As it was then. */
  "servers.forget": { readonly args: Nothing; readonly result: ServerStatus };
  "cache.list": { readonly args: Nothing; readonly result: KeeperStatus };
  /** No names: all. */
  "cache.prefetch": {
    readonly args: AssetNames;
    readonly result: { readonly names: readonly string[] };
  };
  "cache.refresh": {
    readonly args: AssetNames;
    readonly result: { readonly names: readonly string[] };
  };
  /** `digest`: of a version that is there; the one served now without it. */
  "cache.pin": {
    readonly args: { readonly name: string; readonly digest?: string };
    readonly result: PinnedAsset;
  };
  "cache.rollback": {
    readonly args: { readonly name: string; readonly digest?: string };
    readonly result: PinnedAsset;
  };
  "journal.get": {
    readonly args: { readonly machine?: string; readonly limit?: number };
    readonly result: { readonly entries: readonly JournalEntry[] };
  };
  "events.follow": { readonly args: { readonly machine?: string }; readonly result: AgentEvent };
  "capture.list": {
    readonly args: Nothing;
    readonly result: { readonly captures: readonly CaptureStatus[] };
  };
  /** `filter`: of pcap-filter(7); all packets of the rack interface without it. */
  "capture.start": {
    readonly args: {
      readonly filter?: string;
      readonly maxOctets?: number;
      readonly maxS?: number;
    };
    readonly result: CaptureStatus;
  };
  "capture.stop": { readonly args: { readonly id: string }; readonly result: CaptureStatus };
  /** A stream of the octets of the pcap file, in pieces. */
  "capture.get": { readonly args: { readonly id: string }; readonly result: Uint8Array };
  "log.level": {
    readonly args: { readonly level: LogLevel };
    readonly result: { readonly level: LogLevel };
  };
  "trust.list": {
    readonly args: Nothing;
    readonly result: { readonly operators: readonly OperatorRecord[] };
  };
  "trust.add": {
    readonly args: { readonly name: string; readonly publicKey: Uint8Array };
    readonly result: OperatorRecord;
  };
  "trust.revoke": {
    readonly args: { readonly fingerprint: string };
    readonly result: OperatorRecord;
  };
  "agent.restart": { readonly args: Nothing; readonly result: Nothing };
}

export type VerbName = keyof Verbs;
export type Nothing = Readonly<Record<string, never>>;

export interface AssetNames {
  readonly names?: readonly string[];
}

export interface PinnedAsset {
  readonly name: string;
  readonly digest: string;
}
