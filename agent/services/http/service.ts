import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { formatIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import { isWait } from "../../assets/slot.ts";
import { type BootPlan, decideFile } from "../../plan/boot-plan.ts";
import { patienceOf } from "../../plan/patience.ts";
import { heldBack, type ServiceContext, signOfLife, UNKNOWN_MACHINE, whoIs } from "../context.ts";
import { HeldQuestions, heldBecause, heldFor } from "../hold.ts";
import { answerHttp, type HttpAnswer, type HttpBody } from "./answer.ts";
import { sendBody } from "./send.ts";

const PROGRESS_MS = 250;
/** A client that says nothing for this long is cut off, ms. */
const HEADERS_TIMEOUT_MS = 30_000;
const MAX_HEADER_OCTETS = 16 * 1024;

type Env = { Bindings: HttpBindings };

/**
 * HTTP for firmware: GET and HEAD of the machine's own files, with Range, a strong ETag and a stable Last-Modified, since
 * UEFI resumes a broken download by them.
 *
 * Which machine asks follows from its address; nobody else gets a byte. U-Boot's wget sends HTTP/1.0 without a Host.
 *
 * A request for what is being fetched is held without headers for as long as the firmware waits for them, then refused.
 */
export class HttpService {
  private readonly context: ServiceContext;
  private readonly app = new Hono<Env>();
  private readonly held: HeldQuestions;
  private asked = 0;

  constructor(context: ServiceContext) {
    this.context = context;
    this.held = new HeldQuestions(context.clock);
    this.app.on(["GET", "HEAD"], "*", (c) => this.get(c));
    this.app.all("*", (c) => c.text("only GET and HEAD are served\n", 405, { Allow: "GET, HEAD" }));
  }

  /** A server for the app; the caller makes it listen. */
  createServer(): Server {
    const listener = getRequestListener((request, env) => this.app.fetch(request, env), {
      overrideGlobalObjects: false,
    });
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      if (!this.admit(request)) return;
      // `new URL` inside the adapter needs a good host; clients send none or a bad one, and we need none.
      request.headers.host = "agent";
      void listener(request, response);
    };
    const server = createServer(
      {
        maxHeaderSize: MAX_HEADER_OCTETS,
        requireHostHeader: false,
        headersTimeout: HEADERS_TIMEOUT_MS,
      },
      handle,
    );
    // Without these Node answers such requests by itself, before anybody has looked at who asks.
    server.on("checkContinue", handle);
    server.on("checkExpectation", handle);
    server.on("clientError", (_error, socket) => socket.destroy());
    return server;
  }

  private async get(c: Context<Env>): Promise<Response> {
    const { incoming, outgoing } = c.env;
    const plan = this.admit(incoming);
    if (!plan) return RESPONSE_ALREADY_SENT;
    const asked = pathOf(incoming.url ?? "");
    const { method } = c.req;
    const heldMs = await this.hold(plan, method, asked, outgoing);
    if (heldMs === undefined) return RESPONSE_ALREADY_SENT;
    // An operator may have held it back meanwhile.
    if (!this.admit(incoming)) return RESPONSE_ALREADY_SENT;
    const decided = await answerHttp(plan, method, asked, c.req.raw.headers);
    const answer = { ...decided, why: decided.why + heldFor(heldMs) };
    const { status, headers, body } = answer;
    if (body !== undefined && typeof body !== "string") {
      outgoing.writeHead(status, headers);
      await this.transfer(plan, answer, body, outgoing);
      return RESPONSE_ALREADY_SENT;
    }
    this.note(plan, answer);
    const text = method === "HEAD" ? null : (body ?? null);
    return new Response(text, { status, headers });
  }

  /** How long a request was held, ms: 0 when what it asks for is not on its way; undefined when its client went away. */
  private hold(
    plan: BootPlan,
    method: string,
    asked: string,
    outgoing: ServerResponse,
  ): Promise<number | undefined> | 0 {
    const { slot, state } = decideFile(plan, asked);
    if (!slot || !isWait(state)) return 0;
    const who = whoIs(plan, this.context);
    this.context.journal.note({
      ...who,
      protocol: "http",
      event: `${method} ${asked}`,
      decision: heldBecause(state.why),
      outcome: "silent",
    });
    this.asked += 1;
    const key = String(this.asked);
    return new Promise((resolve) => {
      const gone = (): void => {
        this.held.drop(key);
        resolve(undefined);
      };
      outgoing.once("close", gone);
      const release = (heldMs: number): void => {
        outgoing.off("close", gone);
        resolve(heldMs);
      };
      const patienceMs = patienceOf(who.family).httpMs;
      this.held.hold(key, { what: asked, slots: [slot], patienceMs, release });
    });
  }

  /** Sends a file; the journal learns how far the client got. */
  private async transfer(
    plan: BootPlan,
    { event, why }: HttpAnswer,
    body: HttpBody,
    outgoing: ServerResponse,
  ): Promise<void> {
    const { clock, journal } = this.context;
    const startMs = clock.now();
    let toldMs = startMs;
    const tell = (
      outcome: "progress" | "done" | "failed",
      decision: string,
      octets: number,
    ): void =>
      journal.note({
        ...whoIs(plan, this.context),
        protocol: "http",
        event,
        decision,
        outcome,
        octets,
        ms: clock.now() - startMs,
        file: body.content.name,
        total: body.len,
      });
    const over = this.context.needs.lend(body.content.etag);
    const sent = await sendBody(outgoing, body, (octets) => {
      if (clock.now() - toldMs < PROGRESS_MS) return;
      toldMs = clock.now();
      tell("progress", why, octets);
    }).finally(over);
    tell(sent.why === "" ? "done" : "failed", sent.why || why, sent.octets);
  }

  /** The plan of the machine that asks. Where the site names none, the connection is dropped without a byte. */
  private admit(request: HttpBindings["incoming"]): BootPlan | undefined {
    const src = parseIpv4(request.socket.remoteAddress ?? "");
    const plan = src === undefined ? undefined : this.context.planner.byIp(src);
    const held = plan && heldBack(plan, this.context);
    if (plan && held === undefined) {
      signOfLife(plan, this.context);
      return this.context.planner.asks(plan, { by: "http" });
    }
    const event = `${request.method} ${pathOf(request.url ?? "")}`;
    if (plan && held !== undefined) {
      const who = whoIs(plan, this.context);
      this.context.journal.note({
        ...who,
        protocol: "http",
        event,
        decision: held,
        outcome: "silent",
      });
      request.socket.destroy();
      return undefined;
    }
    const by = src === undefined ? "a peer without IPv4" : formatIpv4(src);
    this.context.journal.note({
      protocol: "http",
      address: src,
      event: `${event} by ${by}`,
      decision: UNKNOWN_MACHINE,
      outcome: "silent",
    });
    request.socket.destroy();
    return undefined;
  }

  private note(plan: BootPlan, { event, why, reply, status }: HttpAnswer): void {
    this.context.journal.note({
      ...whoIs(plan, this.context),
      protocol: "http",
      event,
      decision: why,
      reply,
      outcome: status < 400 ? "answered" : "refused",
    });
  }
}

/** The path of a URL, decoded; a malformed escape is taken literally. */
function pathOf(url: string): string {
  const path = url.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(/[?#].*$/s, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
