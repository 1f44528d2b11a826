import type { Content } from "../../assets/content.ts";
import { fill } from "../../assets/loan.ts";
import { isWait } from "../../assets/slot.ts";
import { AgentError } from "../../errors.ts";
import { type BootPlan, decideFile } from "../../plan/boot-plan.ts";
import { chooseRange, isFresh, preconditionHolds } from "./range.ts";

/** Media types that UEFI's HTTP boot wants to see (UEFI 2.10 section 24.7); for the rest octets are octets. */
const TYPES: readonly (readonly [string, string])[] = [
  [".efi", "application/efi"],
  [".iso", "application/vnd.efi-iso"],
  [".img", "application/vnd.efi-img"],
  [".ipxe", "text/plain; charset=utf-8"],
  [".cfg", "text/plain; charset=utf-8"],
];

/** When to ask again for what is being fetched, seconds. */
const RETRY_AFTER_S = 5;

/** The octets of a content that follow the headers. */
export interface HttpBody {
  readonly content: Content;
  readonly at: number;
  readonly len: number;
}

/** What a request gets, and the words for the journal. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A text for people who ask by hand, the file, or nothing. */
  readonly body: string | HttpBody | undefined;
  readonly event: string;
  readonly why: string;
  /** What was sent, in words. */
  readonly reply: string;
}

/** Decides a GET or HEAD by a machine. The first chunk is read here, so that a file that cannot be read is an honest 503. */
export async function answerHttp(
  plan: BootPlan,
  method: string,
  asked: string,
  request: Headers,
): Promise<HttpAnswer> {
  const { state, why } = decideFile(plan, asked);
  const event = `${method} ${asked}`;
  if (!state) return refusal(404, event, why, "no such file for this machine\n");
  if (isWait(state)) return later(event, `still ${state.why}`);
  if (state instanceof AgentError) {
    return state.code === "E_ASSET_PENDING"
      ? later(event, state.message)
      : refusal(503, event, state.message, "not available now\n");
  }
  const headers = headersOf(state);
  if (!preconditionHolds(request, state)) {
    return { ...refusal(412, event, "it has another version of this file"), headers };
  }
  if (isFresh(request, state)) {
    const reply = "status 304";
    return { status: 304, headers, body: undefined, event, why: "it has this file already", reply };
  }
  // HEAD describes the whole (RFC 9110 section 14.2: a range is for GET only).
  const range = method === "GET" ? chooseRange(request, state) : undefined;
  if (range === "unsatisfiable") {
    const why416 = `it asks for octets behind the end: ${request.get("range")}`;
    const headers416 = { ...headers, "Content-Range": `bytes */${state.size}` };
    return { ...refusal(416, event, why416), headers: headers416 };
  }
  const { at, len } = range ?? { at: 0, len: state.size };
  headers["Content-Length"] = String(len);
  if (range) headers["Content-Range"] = `bytes ${at}-${at + len - 1}/${state.size}`;
  const part = range ? `${event} from octet ${at}` : event;
  const reply = `${len} octets`;
  const answer = { status: range ? 206 : 200, headers, event: part, why, reply };
  if (method === "HEAD") return { ...answer, body: undefined };
  try {
    if (len > 0) await fill(state, Math.floor(at / state.chunkLen));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return refusal(503, part, message, "not available now\n");
  }
  return { ...answer, body: { content: state, at, len } };
}

/** The refusal after which a client is to ask again; iPXE and many installers do it by themselves. */
function later(event: string, why: string): HttpAnswer {
  const answer = refusal(503, event, why, "not available yet\n");
  return { ...answer, headers: { ...answer.headers, "Retry-After": String(RETRY_AFTER_S) } };
}

function refusal(status: number, event: string, why: string, body?: string): HttpAnswer {
  const headers: Record<string, string> =
    body === undefined
      ? {}
      : { "Content-Type": "text/plain", "Content-Length": String(body.length) };
  return { status, headers, body, event, why, reply: `status ${status}` };
}

function headersOf(content: Content): Record<string, string> {
  // An asset may have any name; EDK2 boots nothing that neither its URL nor its type says is a boot program.
  const names = [content.name, content.fileName ?? ""];
  const type = TYPES.find(([suffix]) => names.some((name) => name.endsWith(suffix)))?.[1];
  return {
    "Accept-Ranges": "bytes",
    "Content-Type": type ?? "application/octet-stream",
    ETag: `"${content.etag}"`,
    "Last-Modified": new Date(content.mtimeMs).toUTCString(),
  };
}
