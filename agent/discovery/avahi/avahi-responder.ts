import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { instanceLabel } from "../mdns/names.ts";
import type { Service } from "../mdns/responder.ts";
import { txtRdata } from "../mdns/txt-strings.ts";

/**
 * What we use of the `mdns` package, which has no types of its own: its bindings and its watcher of one registration. Its
 * `Advertisement` refuses types of more than 15 letters, such as "_pilotlight-config._tcp"; Avahi takes them.
 */
export interface MdnsModule {
  readonly MDNSService: new () => Registration;
  readonly dns_sd: {
    if_nametoindex(interfaceName: string): number;
    DNSServiceRegister(
      ref: unknown,
      flags: 0,
      interfaceIndex: number,
      name: string,
      type: string,
      domain: null,
      host: null,
      port: number,
      txt: Buffer,
      registered: (ref: unknown, flags: number, errorCode: number, name: string) => void,
      context: null,
    ): void;
    DNSServiceUpdateRecord(ref: unknown, record: null, flags: 0, txt: Buffer, ttl: 0): void;
  };
}

interface Registration extends EventEmitter {
  readonly serviceRef: unknown;
  start(): void;
  stop(): void;
}

/**
 * Loads the package: an optional dependency with a native part. Throws where it is not installed or was not built.
 *
 * Its main module tries something at once that Avahi's library complains about on standard error, so only what is used is loaded.
 */
export function loadMdns(): MdnsModule {
  // Without it Avahi's library prints a paragraph about being used.
  Object.assign(process.env, { AVAHI_COMPAT_NOWARN: "1" });
  const require = createRequire(import.meta.url);
  const { MDNSService } = require("mdns/lib/mdns_service.js") as Pick<MdnsModule, "MDNSService">;
  return { MDNSService, dns_sd: require("mdns/lib/dns_sd.js") as MdnsModule["dns_sd"] };
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
  private readonly held = new Map<string, Registration>();
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
      const { dns_sd } = this.options.mdns;
      const txt = txtRdata(service.txt);
      for (const [key, { serviceRef }] of [...this.held]) {
        this.guard(key, () => dns_sd.DNSServiceUpdateRecord(serviceRef, null, 0, txt, 0));
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
    const { MDNSService, dns_sd } = this.options.mdns;
    const { type, port, txt } = this.service;
    this.guard(interfaceName, () => {
      const registration = new MDNSService();
      registration.on("error", (error: Error) => {
        if (this.held.get(interfaceName) === registration) this.fail(error.message);
      });
      dns_sd.DNSServiceRegister(
        registration.serviceRef,
        0,
        // 0 would be all interfaces: it throws for a name that it does not know.
        dns_sd.if_nametoindex(interfaceName),
        this.name,
        `${type}.`,
        null,
        null,
        port,
        txtRdata(txt),
        (_ref, _flags, errorCode, name) => {
          if (this.held.get(interfaceName) === registration) this.registered(errorCode, name);
        },
        null,
      );
      this.held.set(interfaceName, registration);
      registration.start();
    });
  }

  private registered(errorCode: number, name: string): void {
    if (errorCode !== 0) this.fail(`error ${errorCode}`);
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
    const registration = this.held.get(key);
    this.held.delete(key);
    try {
      registration?.stop();
    } catch {
      // Avahi is gone, and what it knew with it.
    }
  }
}
