import type { X509Certificate } from "node:crypto";
import { Agent, type RequestOptions } from "node:http";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { AgentError } from "../errors.ts";
import { publicKeyOfObject } from "../identity/ed25519.ts";
import type { PublicKey } from "../identity/keys.ts";

/** TCP and TLS together, ms. On a LAN both take a few. */
const CONNECT_MS = 5_000;
/** The agent closes idle connections after 5 s: ours go before, ms. */
const IDLE_MS = 2_000;
const MAX_SOCKETS = 8;

/** What a link is opened with. */
export interface SecureLinkInput {
  /** An IP address, with its zone where it has one. */
  readonly address: string;
  readonly port: number;
  /** Fingerprint that the agent's key has to have; absent: the first one is believed, and must not change. */
  readonly expect?: string | undefined;
  readonly connectMs?: number;
}

/**
 * Connections to one agent over TLS 1.3, for Node's HTTP client.
 *
 * Nobody certifies agents: what counts is that the certificate's Ed25519 key is the pinned one, which the handshake proves
 * (RFC 8446 section 4.4.3). Nothing is sent before that.
 */
export class SecureLink extends Agent {
  private readonly input: SecureLinkInput;
  private peerKey: PublicKey | undefined;

  constructor(input: SecureLinkInput) {
    super({ keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS });
    this.input = input;
  }

  /** The agent's key, proven. Undefined before the first connection. */
  get peer(): PublicKey | undefined {
    return this.peerKey;
  }

  /** How a request goes over this link. */
  get way(): RequestOptions {
    const { address, port } = this.input;
    return { agent: this, host: address, port, setHost: false };
  }

  override createConnection(
    _options: unknown,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex {
    const { address, port, connectMs = CONNECT_MS } = this.input;
    const socket = connect({
      host: address,
      port,
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
      // A resumed session would show no certificate.
      session: undefined,
    });
    let open = true;
    const end = (error: Error): void => {
      if (!open) return;
      open = false;
      clearTimeout(late);
      socket.destroy();
      done?.(error, socket);
    };
    const late = setTimeout(() => {
      end(Object.assign(new Error("the connection was not made in time"), { code: "ETIMEDOUT" }));
    }, connectMs);
    socket.on("error", end);
    socket.on("close", () =>
      end(Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" })),
    );
    socket.on("secureConnect", () => {
      try {
        this.check(socket.getPeerX509Certificate());
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      open = false;
      clearTimeout(late);
      socket.setTimeout(0);
      done?.(null, socket);
    });
    // Handed over by the callback alone, when it is proven whose it is.
    return undefined as unknown as Duplex;
  }

  private check(certificate: X509Certificate | undefined): void {
    const peer = certificate && publicKeyOfObject(certificate.publicKey);
    if (!peer) {
      throw new AgentError("E_PROTOCOL", "its certificate has no Ed25519 key", {
        cure: "This is no pilotlight agent; check the address and the port.",
      });
    }
    const expected = this.peerKey?.fingerprint ?? this.input.expect;
    if (expected !== undefined && expected !== peer.fingerprint) {
      throw new OtherKey(peer.fingerprint, expected);
    }
    this.peerKey = peer;
  }
}

/** Who answers has another key than the one that was expected. */
export class OtherKey extends AgentError {
  /** The key that it has. */
  readonly fingerprint: string;

  constructor(fingerprint: string, expected: string) {
    super("E_IDENTITY", `it has the identity key ${fingerprint}, and not ${expected}`);
    this.fingerprint = fingerprint;
  }
}
