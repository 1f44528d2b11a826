import { EventEmitter } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openAnnouncer, openConfigAnnouncer } from "../../../../agent/discovery/announcer.ts";
import type { MdnsModule } from "../../../../agent/discovery/avahi/avahi-responder.ts";
import type { Announcement, Announcer } from "../../../../agent/discovery/services.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { tempDir } from "../../../support/temp-dir.ts";
import { VirtualMdnsHost, VirtualSegment } from "../../../support/virtual-mdns.ts";

const ANNOUNCEMENT: Announcement = {
  name: "rack7",
  board: "rpi4",
  version: "0.1.0",
  site: "cellar",
  state: "serving",
  port: 7458,
  fingerprint: "k7xq".padEnd(52, "a"),
};

/** Avahi's library as the package binds it: registrations by interface index, which a test answers. */
class FakeMdns {
  readonly calls: string[] = [];
  /** Of the registrations that are there, by interface index. */
  readonly registered = new Map<number, (errorCode: number, name: string) => void>();
  refuse = false;
  private readonly refs = new Map<unknown, number>();

  readonly module: MdnsModule = {
    MDNSService: this.serviceClass(),
    dns_sd: {
      if_nametoindex: (name) => Number(name.replace("eth", "")) + 1,
      DNSServiceRegister: (ref, _flags, index, name, type, _domain, _host, port, txt, done) => {
        if (this.refuse) throw new Error("dns service error: unknown");
        this.calls.push(`register ${index} ${name} ${type} ${port} ${txt.length > 0}`);
        this.refs.set(ref, index);
        this.registered.set(index, (code, n) => done(ref, 0, code, n));
      },
      DNSServiceUpdateRecord: (ref) => {
        this.calls.push(`update ${this.refs.get(ref)}`);
      },
    },
  };

  private serviceClass(): MdnsModule["MDNSService"] {
    const fake = this;
    return class extends EventEmitter {
      readonly serviceRef = {};
      start(): void {}
      stop(): void {
        const index = fake.refs.get(this.serviceRef) ?? 0;
        fake.calls.push(`stop ${index}`);
        fake.registered.delete(index);
      }
    };
  }
}

/** A daemon that accepts, as Avahi does on its socket for simple questions. */
class FakeDaemon {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  readonly path: string = join(tempDir(), "socket");

  start(): Promise<void> {
    this.server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => undefined);
    });
    return new Promise((resolve) => this.server?.listen(this.path, resolve));
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => {
      if (this.server) this.server.close(() => resolve());
      else resolve();
    });
  }
}

interface Rig {
  readonly segment: VirtualSegment;
  readonly host: VirtualMdnsHost;
  readonly daemon: FakeDaemon;
  readonly mdns: FakeMdns;
  readonly log: string[];
  open(): Promise<Announcer>;
  /** Lets virtual time pass until it holds. */
  until(condition: () => boolean): Promise<void>;
}

function rig(interfaces: readonly string[] = ["eth0"]): Rig {
  const segment = new VirtualSegment(new FakeClock());
  const host = new VirtualMdnsHost(segment.clock).plug("eth0", segment, "10.9.0.1/24");
  const daemon = new FakeDaemon();
  const mdns = new FakeMdns();
  const log: string[] = [];
  onTestFinished(() => daemon.stop());
  const opened: Announcer[] = [];
  onTestFinished(async () => {
    const stopped = Promise.all(opened.map((a) => a.stop()));
    await segment.run(50);
    await stopped;
  });
  return {
    segment,
    host,
    daemon,
    mdns,
    log,
    async open() {
      const avahi = { socket: daemon.path, load: () => mdns.module };
      const log_ = (line: string): void => void log.push(line);
      const a = await openAnnouncer(ANNOUNCEMENT, {
        ...host,
        interfaces: () => interfaces,
        log: log_,
        avahi,
      });
      opened.push(a);
      return a;
    },
    async until(condition) {
      for (let i = 0; i < 400 && !condition(); i++) await segment.run(100);
      expect(condition()).toBe(true);
    },
  };
}

describe("where Avahi runs", () => {
  it("it announces for us, on the interfaces that are given and there", async () => {
    const { daemon, mdns, open, segment } = rig(["eth0", "eth9"]);
    await daemon.start();
    const announcer = await open();
    expect(announcer.responder).toBe("avahi");
    expect(mdns.calls).toEqual(["register 1 rack7 _pilotlight._tcp. 7458 true"]);
    await segment.run(3_000);
    expect(segment.heard).toEqual([]);
  });

  it("changed texts are updated; another name is registered anew", async () => {
    const { daemon, mdns, open } = rig();
    await daemon.start();
    const announcer = await open();
    announcer.update({ ...ANNOUNCEMENT, state: "degraded" });
    announcer.update({ ...ANNOUNCEMENT, state: "degraded" });
    announcer.update({ ...ANNOUNCEMENT, name: "rack8" });
    expect(mdns.calls.slice(1)).toEqual([
      "update 1",
      "stop 1",
      "register 1 rack8 _pilotlight._tcp. 7458 true",
    ]);
    expect(announcer.instance).toBe("rack8");
  });

  it("a name that Avahi had to change is ours then", async () => {
    const { daemon, mdns, open, log } = rig();
    await daemon.start();
    const announcer = await open();
    mdns.registered.get(1)?.(0, "rack7 #2");
    expect(announcer.instance).toBe("rack7 #2");
    expect(log).toEqual(['another host is called "rack7": announced as "rack7 #2"']);
  });

  it("an interface that comes is registered, one that goes is not any more", async () => {
    const { daemon, mdns, open, host, segment } = rig(["eth0", "eth1"]);
    await daemon.start();
    await open();
    host.plug("eth1", segment, "10.8.0.1/24");
    await segment.run(6_000);
    host.plug("eth0", segment);
    await segment.run(6_000);
    expect(mdns.calls.slice(1)).toEqual(["register 2 rack7 _pilotlight._tcp. 7458 true", "stop 1"]);
  });

  it("when it ends we announce ourselves, and leave it to Avahi when it is back", async () => {
    const { daemon, mdns, open, until, segment, log } = rig();
    await daemon.start();
    const announcer = await open();
    await daemon.stop();
    await until(() => announcer.responder === "in process");
    await until(() => segment.heard.some(({ packet }) => packet.type === "response"));
    expect(mdns.calls.at(-1)).toBe("stop 1");
    await daemon.start();
    await until(() => announcer.responder === "avahi");
    const goodbye = segment.heard.at(-1)?.packet.answers?.[0];
    expect(goodbye).toMatchObject({ type: "PTR", ttl: 0 });
    expect(log).toEqual(["announced in process now", "announced by Avahi now"]);
  });

  it("when it refuses we do it ourselves, and try it again after a minute", async () => {
    const { daemon, mdns, open, until, segment, log } = rig();
    await daemon.start();
    mdns.refuse = true;
    const announcer = await open();
    expect(announcer.responder).toBe("in process");
    expect(log[0]).toContain("Avahi runs here, but cannot announce for us");
    mdns.refuse = false;
    await segment.run(50_000);
    expect(announcer.responder).toBe("in process");
    await until(() => announcer.responder === "avahi");
  });

  it("an error after the registration is a refusal as well", async () => {
    const { daemon, mdns, open, until } = rig();
    await daemon.start();
    const announcer = await open();
    mdns.registered.get(1)?.(-65_537, "");
    await until(() => announcer.responder === "in process");
  });
});

describe("where it does not", () => {
  it("we announce ourselves, and say so to nobody", async () => {
    const { open, segment, log } = rig();
    const announcer = await open();
    expect(announcer.responder).toBe("in process");
    await segment.run(3_000);
    expect(segment.heard.at(-1)?.packet.type).toBe("response");
    expect(log).toEqual([]);
  });

  it("only on the interfaces that are given", async () => {
    const { open, segment } = rig(["eth1"]);
    await open();
    await segment.run(3_000);
    expect(segment.heard).toEqual([]);
  });

  it("a configuration server is announced by the same machinery", async () => {
    const { host, segment } = rig();
    const config = { name: "eva", port: 7459, path: "/v1/bundle", fingerprint: "b".repeat(52) };
    const options = {
      ...host,
      interfaces: () => ["eth0"],
      log: () => undefined,
      avahi: false as const,
    };
    const announcer = await openConfigAnnouncer(config, options);
    await segment.run(3_000);
    const srv = segment.heard.at(-1)?.packet.answers?.find((r) => r.type === "SRV");
    expect(srv).toMatchObject({ name: "eva._pilotlight-config._tcp.local", data: { port: 7459 } });
    const stopped = announcer.stop();
    await segment.run(50);
    await stopped;
    expect(segment.clock.pending).toBe(0);
  });
});
