import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { formatIpv4, parseIpv4 } from "../../../protocols/wire/ipv4-address.ts";
import type { BootPlan } from "../../plan/boot-plan.ts";
import { type ServiceContext, UNKNOWN_MACHINE, whoIs } from "../context.ts";
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
 */
export class HttpService {
  private readonly context: ServiceContext;
  private readonly app = new Hono<Env>();

  constructor(context: ServiceContext) {
    this.context = context;
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
    const answer = await answerHttp(plan, c.req.method, asked, c.req.raw.headers);
    const { status, headers, body } = answer;
    if (body !== undefined && typeof body !== "string") {
      outgoing.writeHead(status, headers);
      await this.transfer(plan, answer, body, outgoing);
      return RESPONSE_ALREADY_SENT;
    }
    this.note(plan, answer);
    const text = c.req.method === "HEAD" ? null : (body ?? null);
    return new Response(text, { status, headers });
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
    const sent = await sendBody(outgoing, body, (octets) => {
      if (clock.now() - toldMs < PROGRESS_MS) return;
      toldMs = clock.now();
      tell("progress", why, octets);
    });
    tell(sent.why === "" ? "done" : "failed", sent.why || why, sent.octets);
  }

  /** The plan of the machine that asks. Where the site names none, the connection is dropped without a byte. */
  private admit(request: HttpBindings["incoming"]): BootPlan | undefined {
    const src = parseIpv4(request.socket.remoteAddress ?? "");
    const plan = src === undefined ? undefined : this.context.planner.byIp(src);
    if (plan) return plan;
    const by = src === undefined ? "a peer without IPv4" : formatIpv4(src);
    this.context.journal.note({
      protocol: "http",
      address: src,
      event: `${request.method} ${pathOf(request.url ?? "")} by ${by}`,
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
