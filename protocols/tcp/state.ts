/** Both ends of a connection and its limits. */
export interface TcpConfig {
  readonly localAddress: number;
  readonly localPort: number;
  readonly remoteAddress: number;
  readonly remotePort: number;
  /** Initial send sequence number: randomness is the caller's. */
  readonly iss: number;
  /** Octets of payload a segment, to be offered to the peer: 1460 on Ethernet. */
  readonly mss: number;
  /** The receive window, 1 to 65535. It never shrinks: payload is handed out as it arrives. */
  readonly window: number;
  /** Octets that wait for an ACK or for the peer's window, at most. */
  readonly sendQueue: number;
}

/** Connection states (RFC 9293 section 3.3.2). */
export type TcpState =
  | "listen"
  | "syn-sent"
  | "syn-received"
  | "established"
  | "fin-wait-1"
  | "fin-wait-2"
  | "close-wait"
  | "closing"
  | "last-ack"
  | "time-wait"
  | "closed";

/** Why a connection was lost; "" when it was not. */
export type TcpFailure = "" | "refused" | "reset" | "timeout" | "aborted";
