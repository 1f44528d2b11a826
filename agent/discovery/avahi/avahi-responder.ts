import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { instanceLabel } from "../mdns/names.ts";
import type { Service } from "../mdns/responder.ts";
import { txtRdata } from "../mdns/txt-strings.ts";

/** What we use of the `mdns` package, which has no types of its own. */
export interface MdnsModule {
  readonly Advertisement: new (
    type: unknown,
    port: number,
    options: { name: string; networkInterface: string; txtRecord: Buffer },
    registered: (error: Error | undefined, service: { readonly name: string }) => void,
  ) => Advertisement;
  makeServiceType(type: string): unknown;
}

interface Advertisement extends EventEmitter {
  start(): void;
  stop(): void;
  updateTXTRecord(octets: Buffer): void;
}

/** Loads the package: an optional dependency with a native part. Throws where it is not installed or was not built. */
export function loadMdns(): MdnsModule {
  // Without it Avahi's library prints a paragraph about being used.
  Object.assign(process.env, { AVAHI_COMPAT_NOWARN: "1" });
  return createRequire(import.meta.url)("mdns") as MdnsModule;
}

export interface AvahiResponderOptions {
  /** Names of the interfaces. */
  readonly interfaces: () => readonly string[];
  readonly renamed: (instance: string) => void;
  /** Avahi does not do it: what it says. The responder is of no use any more. */
  readonly failed: (why: string) => void;
  readonly mdns: MdnsModule;
}

/** Has Avahi announce a service, with one registration for each interface: Avahi says our words beside its own. */
export class AvahiResponder {
  private readonly options: AvahiResponderOptions;
  private readonly held = new Map<string, Advertisement>();
  private service: Service;
  private name: string;
  private stopped = false;

  constructor(service: Service, options: AvahiResponderOptions) {
    this.service = service;
    this.options = options;
    this.name = instanceLabel(service.name);
  }

  /** The instance name in use. */
  get instance(): string {
    return this.name;
  }

  /** Registers on the interfaces that are new, and takes back what those that are gone had. To be called when they may have changed. */
  refresh(): void {
    if (this.stopped) return;
    const wanted = this.options.interfaces();
    for (const name of [...this.held.keys()]) if (!wanted.includes(name)) this.drop(name);
    for (const name of wanted) if (!this.held.has(name) && !this.stopped) this.add(name);
  }

  update(service: Service): void {
    const { name, port } = this.service;
    this.service = service;
    if (service.name === name && service.port === port) {
      for (const [key, advertisement] of [...this.held]) {
        this.guard(key, () => advertisement.updateTXTRecord(txtRdata(service.txt)));
      }
      return;
    }
    this.name = instanceLabel(service.name);
    for (const key of [...this.held.keys()]) this.drop(key);
    this.refresh();
  }

  /** Avahi says goodbye for us. */
  stop(): void {
    this.stopped = true;
    for (const key of [...this.held.keys()]) this.drop(key);
  }

  private add(interfaceName: string): void {
    const { mdns } = this.options;
    const { type, port, txt } = this.service;
    this.guard(interfaceName, () => {
      // "_pilotlight._tcp": the package wants a dot at the end, or takes it for a name without protocol.
      const advertisement = new mdns.Advertisement(
        mdns.makeServiceType(`${type}.`),
        port,
        { name: this.name, networkInterface: interfaceName, txtRecord: txtRdata(txt) },
        (error, service) => this.registered(interfaceName, error, service.name),
      );
      // The callback has had it already; without a listener it would end the process.
      advertisement.on("error", () => undefined);
      this.held.set(interfaceName, advertisement);
      advertisement.start();
    });
  }

  private registered(interfaceName: string, error: Error | undefined, name: string): void {
    if (this.stopped || !this.held.has(interfaceName)) return;
    if (error) this.fail(error.message);
    else if (name !== this.name) {
      this.name = name;
      this.options.renamed(name);
    }
  }

  private guard(key: string, fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.held.delete(key);
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  private fail(why: string): void {
    if (this.stopped) return;
    this.stop();
    this.options.failed(why);
  }

  private drop(key: string): void {
    const advertisement = this.held.get(key);
    this.held.delete(key);
    try {
      advertisement?.stop();
    } catch {
      // Avahi is gone, and what it knew with it.
    }
  }
}
