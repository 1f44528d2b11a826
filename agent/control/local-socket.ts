import { chmodSync, linkSync, renameSync, statSync, unlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { AgentError, type ErrorCode } from "../errors.ts";
import { errorCode, keepOwner, whyNot } from "../state/folder.ts";
import { LOCAL_BODY_OCTETS, LOCAL_ROUTES } from "./local-routes.ts";

/** The socket's name in a state folder. */
const SOCKET = "agent.sock";
/** unix(7): sun_path has 108 octets, the last of which is NUL. */
const MAX_PATH_LEN = 107;
const MAX_BODY_OCTETS: number = 64 * 1024;
const MAX_HEADER_OCTETS = 16 * 1024;
const MAX_CONNECTIONS = 32;
/** A client that has not sent its whole request within this is cut off, ms. */
const REQUEST_MS = 10_000;
/** How long an agent on the other side may take to accept, ms. It is the kernel that does. */
const PROBE_MS = 2_000;
/** Agents that can be found dead in one start: each failed try is another process that starts just now. */
const TRIES = 8;

/** What an error is told as. */
export interface ErrorAnswer {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cure: string;
}

/** What a socket is opened with. */
export interface LocalSocketInput {
  /** The agent's state folder, which is there. */
  readonly stateDir: string;
  /** What is answered, each under its own first segment. */
  readonly routes: Readonly<Record<string, Hono>>;
  /** Told of whatever a route threw that no operator can mend: a bug of ours. */
  readonly crash: (bug: unknown) => void;
}

/** A socket that commands of this host reach the agent by. */
export interface LocalSocket {
  readonly path: string;
  /** Takes it away; requests that are being answered are cut off. */
  close(): Promise<void>;
}

/** Where the agent with this state folder listens. */
export function socketPath(stateDir: string): string {
  return path.join(stateDir, SOCKET);
}

/**
 * Listens in a state folder. One agent has a folder at a time: this is also what finds out that another one has it.
 *
 * Rejects with E_CACHE when another agent runs there, or when the socket cannot be made.
 */
export async function openLocalSocket(input: LocalSocketInput): Promise<LocalSocket> {
  const file = socketPath(input.stateDir);
  if (Buffer.byteLength(file) > MAX_PATH_LEN - 16) {
    throw new AgentError("E_CACHE", `${file}: a socket's path has at most ${MAX_PATH_LEN} octets`, {
      cure: "Choose a state folder with a shorter path.",
    });
  }
  const server = serverOf(input);
  const draft = `${file}.${process.pid}`;
  try {
    remove(draft);
    await listen(server, draft);
    chmodSync(draft, 0o600);
    keepOwner(draft);
    await take(draft, file);
  } catch (error) {
    remove(draft);
    await closed(server);
    if (error instanceof AgentError) throw error;
    throw new AgentError("E_CACHE", `cannot listen on ${file}: ${whyNot(file, error)}`, {
      cause: error,
    });
  }
  const { ino } = statSync(draft);
  remove(draft);
  return {
    path: file,
    async close() {
      if (statSync(file, { throwIfNoEntry: false })?.ino === ino) remove(file);
      await closed(server);
    },
  };
}

function serverOf({ routes, crash }: LocalSocketInput): Server {
  const app = new Hono();
  // The adapter's requests cannot be counted while they come in (hono's bodyLimit throws on them): what they announce counts,
  // and Node holds them to it.
  app.use(async (c, next) => {
    if (c.req.header("transfer-encoding") !== undefined) {
      return c.json(usage("a request says how long it is (Content-Length)"), 411);
    }
    const isControl = c.req.path.startsWith(`/${LOCAL_ROUTES}/`);
    const limit = isControl ? LOCAL_BODY_OCTETS : MAX_BODY_OCTETS;
    if (Number(c.req.header("content-length") ?? 0) > limit) {
      return c.json(usage(`a request has at most ${limit} octets`), 413);
    }
    return await next();
  });
  for (const [name, route] of Object.entries(routes)) app.route(`/${name}`, route);
  app.notFound((c) => c.json(usage(`there is no ${c.req.method} ${c.req.path} here`), 404));
  app.onError((error, c) => {
    if (!(error instanceof AgentError)) {
      crash(error);
      return c.json({ code: "E_CACHE", message: "a bug of the agent", cure: "See its log." }, 500);
    }
    const { code, message, cure } = error;
    return c.json({ code, message, cure } satisfies ErrorAnswer, code === "E_USAGE" ? 400 : 409);
  });
  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
  });
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_OCTETS, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
    (request, response) => {
      // The adapter makes a URL of it, and a socket has no host.
      request.headers.host = "agent";
      void listener(request, response);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

function usage(message: string): ErrorAnswer {
  return { code: "E_USAGE", message, cure: "Use `pilotlight cache` of the agent's own version." };
}

/** Gives the socket its name. What an agent left behind that is gone is put away. */
async function take(draft: string, file: string): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    try {
      linkSync(draft, file);
      return;
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    if (await isAccepting(file)) throw taken(file);
    // Another agent that starts just now may have put its own in place meanwhile: what is moved away is asked again.
    const aside = `${file}.old.${process.pid}`;
    try {
      renameSync(file, aside);
    } catch (error) {
      if (errorCode(error) === "ENOENT") continue;
      throw error;
    }
    const alive = await isAccepting(aside);
    if (alive) linkSync(aside, file);
    remove(aside);
    if (alive) throw taken(file);
  }
  throw taken(file);
}

function taken(file: string): AgentError {
  return new AgentError("E_CACHE", `another agent runs with ${path.dirname(file)}`, {
    cure: "Stop that one, or give this one a folder of its own with --state.",
  });
}

/** Whether a process accepts connections there. One that is not allowed to be asked is taken for one that does. */
function isAccepting(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    const done = (accepting: boolean): void => {
      socket.destroy();
      resolve(accepting);
    };
    socket.setTimeout(PROBE_MS, () => done(true));
    socket.once("connect", () => done(true));
    socket.once("error", (error) => {
      const code = errorCode(error);
      // ENOTSOCK, EPROTOTYPE: an ordinary file of that name.
      done(code !== "ECONNREFUSED" && code !== "ENOENT" && code !== "ENOTSOCK");
    });
  });
}

function listen(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(file, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function remove(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
