import type { Logger } from "pino";
import type { Control, RunningAgent } from "./compose.ts";
import { AgentError } from "./errors.ts";
import type { Health } from "./health.ts";
import { shortFingerprint } from "./identity/fingerprint.ts";
import type { Clock } from "./link/clock.ts";
import { endpoint } from "./link/endpoint.ts";
import {
  type ManagementAddress,
  type ManagementChoice,
  ManagementWatch,
} from "./link/management-interfaces.ts";

/** What a door is made of. */
export interface DoorInput {
  readonly control: Control | undefined;
  readonly agent: RunningAgent;
  readonly choice: () => ManagementChoice;
  readonly clock: Clock;
  readonly health: Health;
  readonly log: Logger;
  readonly crash: (bug: unknown) => void;
}

/** Where the agent is steered from: listens on the management interfaces as they come and go, and says on the console where. */
export class Door {
  private readonly o: DoorInput;
  private readonly watch: ManagementWatch;
  private listening: Promise<void> = Promise.resolve();
  /** Why an address is not listened on, and whether anybody was told. */
  private fault: { readonly message: string; readonly said: boolean } | undefined;
  /** What the console said last of how the agent is steered. */
  private shown = "";

  constructor(input: DoorInput) {
    this.o = input;
    const { clock, choice } = input;
    this.watch = new ManagementWatch(clock, choice, (addresses) => this.listen(addresses));
  }

  /** Names of the interfaces that have an address to be steered by. */
  get interfaces(): readonly string[] {
    return [...new Set(this.watch.addresses.map((a) => a.interface))];
  }

  /** Looks where to listen; resolves when it listens there, or cannot. */
  async look(): Promise<void> {
    this.watch.look();
    await this.listening;
  }

  /** Looks no more. What listens is the control server's to close. */
  async stop(): Promise<void> {
    this.watch.stop();
    await this.listening;
  }

  private listen(addresses: readonly ManagementAddress[]): void {
    const { control, health, crash } = this.o;
    if (!control) return;
    this.listening = this.listening
      .then(() => control.listen(addresses))
      .then(
        () => {
          this.fault = undefined;
          health.say("control");
        },
        (error: unknown) => {
          if (!(error instanceof AgentError)) throw error;
          this.cannotListen(error);
        },
      )
      .then(() => this.announce(addresses, control))
      .catch(crash);
  }

  /**
   * The next look tries again. The kernel lets nobody listen on an IPv6 address before it has asked for a second or two whether
   * others have it: what an address is in the way of is told of only when it is so twice.
   */
  private cannotListen({ code, message, cure }: AgentError): void {
    const { health, log } = this.o;
    this.watch.repeat();
    const isNew = this.fault?.message !== message;
    const wasSaid = !isNew && this.fault?.said === true;
    const mayPass = isNew && code === "E_INTERFACE";
    this.fault = { message, said: !mayPass };
    if (mayPass || wasSaid) return;
    log.error(`control: ${message}. ${cure}`);
    health.say("control", message);
  }

  private announce(addresses: readonly ManagementAddress[], { port }: Control): void {
    const { log, agent, choice } = this.o;
    if (choice().names?.length === 0) return;
    const { name, identity, claim } = agent;
    const key = shortFingerprint(identity.key.publicKey.fingerprint);
    const where = addresses.map(({ address }) => `https://${endpoint(address, port)}`).join(" ");
    const text = `steered as ${name.current}, ${key}, at ${where || "no address yet"}`;
    if (text === this.shown) return;
    this.shown = text;
    log.info(text);
    const code = claim?.code;
    if (code !== undefined) log.info(claimLine(code, name.current));
  }
}

/** For the console. */
export function claimLine(code: string, name: string): string {
  return `nobody is trusted yet; claim code ${code}: pilotlight claim ${name} ${code}`;
}
