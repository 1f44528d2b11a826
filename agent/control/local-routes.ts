import { Hono } from "hono";
import { AgentError } from "../errors.ts";
import { PROTOCOL_VERSION } from "./messages.ts";
import type { Dispatcher } from "./server/dispatcher.ts";
import { HttpRefusal } from "./server/http-refusal.ts";
import { type ControlReply, type ControlRequest, MAX_CALL_OCTETS } from "./server/message.ts";

/** The control protocol on the socket of the agent's own host: the same paths and verbs, and nothing has to be signed. */
export function localRoutes(dispatcher: Dispatcher): Hono {
  const app = new Hono();
  app.all("/*", async (c) => {
    const gone = new AbortController();
    return responseOf(await dispatcher.answer(requestOf(c.req.raw, gone.signal)), gone);
  });
  return app;
}

/** The name of these routes: the first segment of their paths. */
export const LOCAL_ROUTES: string = `v${PROTOCOL_VERSION}`;
/** The path beside them that is answered by the same. */
export const LOCAL_METRICS = "metrics";
/** What bodies below it may have. */
export const LOCAL_BODY_OCTETS: number = MAX_CALL_OCTETS;

function requestOf(request: Request, signal: AbortSignal): ControlRequest {
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    target: pathname + search,
    channel: "local",
    address: "",
    signal,
    header: (name) => request.headers.get(name) ?? undefined,
    async body(maxOctets) {
      const octets = new Uint8Array(await request.arrayBuffer().catch(cutOff));
      if (octets.length <= maxOctets) return octets;
      throw new HttpRefusal(413, "E_PROTOCOL", `a request has at most ${maxOctets} octets`);
    },
  };
}

function cutOff(cause: unknown): never {
  throw new AgentError("E_PROTOCOL", "the request was cut off", { cause });
}

/** `gone` is aborted when nobody takes the answer any more. */
function responseOf({ status, headers, body }: ControlReply, gone: AbortController): Response {
  if (body instanceof Uint8Array) {
    return new Response(new Uint8Array(body), { status, headers });
  }
  const pieces = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel() {
      gone.abort();
      void pieces.return?.();
    },
  });
  return new Response(stream, { status, headers });
}
