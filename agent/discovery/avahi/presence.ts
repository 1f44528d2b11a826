import { connect, type Socket } from "node:net";
import type { Clock } from "../../link/clock.ts";

/** Avahi's socket for simple questions: it accepts while the daemon runs. */
const SOCKET = "/run/avahi-daemon/socket";
/** How often it is looked for while it is not there, ms. */
const POLL_MS = 10_000;
/** A daemon that does not accept in this time is stuck. */
const CONNECT_MS = 1_000;

/** Whether Avahi runs on this host, now and later. */
export interface AvahiPresence {
  readonly running: boolean;
  /** Resolves when it was looked for once. */
  readonly known: Promise<void>;
  stop(): void;
}

/** Watches Avahi: a connection is held open, whose end is its end. `changed` is called at every change. */
export function watchAvahi(
  clock: Clock,
  changed: (running: boolean) => void,
  path: string = SOCKET,
): AvahiPresence {
  let running = false;
  let stopped = false;
  let socket: Socket | undefined;
  let cancel: () => void = () => {};
  let settle: () => void = () => {};
  const known = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const turn = (now: boolean): void => {
    settle();
    if (now === running || stopped) return;
    running = now;
    changed(now);
  };
  const look = (): void => {
    const s = connect(path);
    socket = s;
    cancel = clock.after(CONNECT_MS, () => s.destroy());
    s.on("connect", () => {
      cancel();
      turn(true);
    });
    // It says nothing unasked.
    s.on("data", () => undefined);
    s.on("error", () => undefined);
    s.on("close", () => {
      cancel();
      turn(false);
      if (!stopped) cancel = clock.after(POLL_MS, look);
    });
  };
  look();
  return {
    get running() {
      return running;
    },
    known,
    stop() {
      stopped = true;
      cancel();
      socket?.destroy();
      settle();
    },
  };
}
