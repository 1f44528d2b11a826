import { AvahiResponder, loadMdns, type MdnsModule } from "./avahi/avahi-responder.ts";
import { type AvahiPresence, watchAvahi } from "./avahi/presence.ts";
import type { Link } from "./mdns/links.ts";
import { Responder, type ResponderOptions, type Service } from "./mdns/responder.ts";
import { AGENT_SERVICE, type Announcement, type Announcer, CONFIG_SERVICE } from "./services.ts";
import { agentTxt, type ConfigAnnouncement, configTxt } from "./txt.ts";

/** How often Avahi's registrations are compared with the interfaces, ms; our own responder does that itself. */
const REFRESH_MS = 5_000;
/** How long Avahi is left alone after it refused, ms. */
const AVAHI_REST_MS = 60_000;

/** What an announcer does not do by itself. */
export interface AnnouncerOptions
  extends Pick<ResponderOptions, "links" | "openLane" | "clock" | "random" | "counters"> {
  /** Names of the interfaces to be announced on; asked again every few seconds. */
  readonly interfaces: () => readonly string[];
  /** One line for the operator. */
  readonly log: (line: string) => void;
  /** The instance name changed, or the responder. */
  readonly changed?: () => void;
  /** For tests; `avahi: false` never looks for one. */
  readonly avahi?: false | { readonly socket?: string; readonly load?: () => MdnsModule };
}

/** Announces an agent: by Avahi where it runs, else by a responder of our own, and changes over when Avahi comes or goes. */
export function openAnnouncer(
  announcement: Announcement,
  options: AnnouncerOptions,
): Promise<Announcer> {
  const announcing = new Announcing(agentService(announcement), options);
  return announcing.open((a: Announcement) => agentService(a));
}

/** What keeps the announcement of a configuration server alive. */
export interface ConfigAnnouncer extends Omit<Announcer, "update"> {
  update(announcement: ConfigAnnouncement): void;
}

/** The same for an operator's tool that gives configuration away. */
export function openConfigAnnouncer(
  announcement: ConfigAnnouncement,
  options: AnnouncerOptions,
): Promise<ConfigAnnouncer> {
  const announcing = new Announcing(configService(announcement), options);
  return announcing.open((a: ConfigAnnouncement) => configService(a));
}

function agentService(a: Announcement): Service {
  const { name, port, fingerprint } = a;
  return { type: AGENT_SERVICE, name, port, fingerprint, txt: agentTxt(a) };
}

function configService(a: ConfigAnnouncement): Service {
  const { name, port, fingerprint } = a;
  return { type: CONFIG_SERVICE, name, port, fingerprint, txt: configTxt(a) };
}

type Backend =
  | { readonly kind: "avahi"; readonly responder: AvahiResponder }
  | { readonly kind: "in process"; readonly responder: Responder };

class Announcing {
  private service: Service;
  private readonly options: AnnouncerOptions;
  private backend: Backend | undefined;
  private presence: AvahiPresence | undefined;
  private avahiRestsUntilMs = 0;
  private cancelRefresh: () => void = () => {};
  /** Changes of responder happen one after the other. */
  private changing: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(service: Service, options: AnnouncerOptions) {
    this.service = service;
    this.options = options;
  }

  async open<A>(
    toService: (a: A) => Service,
  ): Promise<Omit<Announcer, "update"> & { update(a: A): void }> {
    const { avahi, clock } = this.options;
    if (avahi !== false) {
      this.presence = watchAvahi(clock, () => void this.choose(), avahi?.socket);
      await this.presence.known;
    }
    await this.choose();
    this.refresh();
    const instance = (): string => this.backend?.responder.instance ?? this.service.name;
    const responder = (): string => this.backend?.kind ?? "in process";
    return {
      get responder() {
        return responder();
      },
      get instance() {
        return instance();
      },
      update: (a) => this.update(toService(a)),
      stop: () => this.stop(),
    };
  }

  private update(service: Service): void {
    if (same(service, this.service)) return;
    this.service = service;
    this.backend?.responder.update(service);
  }

  private async stop(): Promise<void> {
    this.stopped = true;
    this.presence?.stop();
    this.cancelRefresh();
    await this.changing;
    await this.close();
  }

  /** Avahi where it runs and does it, else our own. */
  private choose(): Promise<void> {
    this.changing = this.changing.then(async () => {
      if (this.stopped) return;
      const rests = this.options.clock.now() < this.avahiRestsUntilMs;
      const kind = this.presence?.running && !rests ? "avahi" : "in process";
      if (this.backend?.kind === kind) return;
      const before = this.backend;
      await this.close();
      this.backend = (kind === "avahi" ? this.openAvahi() : undefined) ?? this.openOwn();
      if (before?.kind === this.backend.kind) return;
      const how = this.backend.kind === "avahi" ? "by Avahi" : "in process";
      if (before) this.options.log(`announced ${how} now`);
      this.options.changed?.();
    });
    return this.changing;
  }

  private async close(): Promise<void> {
    const { backend } = this;
    this.backend = undefined;
    await backend?.responder.stop();
  }

  private openAvahi(): Backend | undefined {
    const { avahi, interfaces } = this.options;
    let alive = true;
    let failedAtOnce = false;
    const refused = (why: string): void => {
      this.avahiRestsUntilMs = this.options.clock.now() + AVAHI_REST_MS;
      this.options.log(
        `Avahi runs here, but cannot announce for us (${why}): announcing in process`,
      );
      failedAtOnce = true;
      if (alive) return;
      void this.choose();
    };
    try {
      const mdns = (avahi !== false && avahi?.load ? avahi.load : loadMdns)();
      const responder = new AvahiResponder(this.service, {
        mdns,
        interfaces: () => this.present(interfaces()),
        renamed: (instance) => this.renamed(instance),
        failed: refused,
      });
      responder.refresh();
      alive = false;
      return failedAtOnce ? undefined : { kind: "avahi", responder };
    } catch (error) {
      refused(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  private openOwn(): Backend {
    const { links, interfaces, openLane, clock, random, counters, log } = this.options;
    const responder = new Responder(this.service, {
      links,
      interfaces,
      openLane,
      clock,
      random,
      counters,
      renamed: (instance) => this.renamed(instance),
      failed: (name, why) => log(`cannot announce on ${name}: ${why}`),
    });
    responder.start();
    return { kind: "in process", responder };
  }

  private renamed(instance: string): void {
    this.options.log(`another host is called "${this.service.name}": announced as "${instance}"`);
    this.options.changed?.();
  }

  /** Those of the interfaces that there are: Avahi takes a name that is not there for all of them. */
  private present(names: readonly string[]): readonly string[] {
    const there = new Set(this.options.links().map(({ name }: Link) => name));
    return names.filter((name) => there.has(name));
  }

  private refresh(): void {
    this.cancelRefresh = this.options.clock.after(REFRESH_MS, () => {
      if (this.backend?.kind === "avahi") this.backend.responder.refresh();
      else void this.choose();
      this.refresh();
    });
  }
}

function same(a: Service, b: Service): boolean {
  const text = ({ txt, ...rest }: Service): string =>
    JSON.stringify([rest, txt.map((s) => Buffer.from(s).toString("latin1"))]);
  return text(a) === text(b);
}
