/** How somebody reached the agent: plain HTTP, TLS, or the socket on its own host. */
export type Channel = "plain" | "tls" | "local";

/** One HTTP request, whatever carried it. */
export interface ControlRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly channel: Channel;
  /** The asker's address; empty for `local`. */
  readonly address: string;
  /** Aborted when the asker is gone. */
  readonly signal: AbortSignal;
  /** The value of a header by its name in lower case. */
  header(name: string): string | undefined;
  /** The whole body. Rejects with an AgentError when it is longer than `maxOctets`. */
  body(maxOctets: number): Promise<Uint8Array>;
}

/** What goes back. A body that comes in pieces is pulled as the asker takes it. */
export interface ControlReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** The most that a body may have, octets: for anything, and for signed requests that bring a bundle. */
export const MAX_BODY_OCTETS: number = 64 * 1024;
export const MAX_CALL_OCTETS: number = 5 * 1024 * 1024;
