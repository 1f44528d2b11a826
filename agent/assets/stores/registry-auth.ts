import * as v from "valibot";
import { AgentError } from "../../errors.ts";
import { printableCut } from "../../log/printable.ts";
import type { StoreAccess } from "../../site/site.ts";
import { exchange, urlLabel } from "./http-exchange.ts";
import { type Challenge, parseChallenges } from "./registry-challenge.ts";
import { authorization } from "./secret.ts";
import type { StoreEnvironment } from "./store-environment.ts";

/** What a token server may answer with, octets. Tokens themselves are a few thousand. */
const ANSWER_LIMIT = 256 * 1024;
/** How long a token is good when its server does not say (distribution: "Token Authentication Specification", expires_in). */
const DEFAULT_LIFE_MS = 60_000;
/** No token is kept longer, whatever its server says: a credential that was taken back should stop working. */
const LONGEST_LIFE_MS = 3_600_000;
/** Tokens are not used in their last moments: the request that carries one takes its time, and clocks differ. */
const MARGIN_MS = 10_000;
/** Scopes whose tokens are kept; a source has one, a push two. */
const SCOPES = 8;

const TokenSchema = v.object({
  token: v.optional(v.nullable(v.string())),
  access_token: v.optional(v.nullable(v.string())),
  expires_in: v.optional(v.nullable(v.number())),
});

interface Token {
  readonly text: string;
  readonly untilMs: number;
}

/**
 * How one registry wants to be asked: not at all, by Basic authentication, by a token that its token server gives (with our user
 * name or anonymously), or by a token of the site's own.
 *
 * Nothing is sent before the registry asks for it, but for a token of the site's own. User name and password go to the registry or
 * to the token server that it names, tokens to the registry; the caller sees to it that redirects get neither.
 */
export class RegistryAuth {
  private readonly env: StoreEnvironment;
  private readonly access: StoreAccess;
  private readonly registry: string;
  private readonly plainHttp: boolean;
  private basic = false;
  private readonly tokens = new Map<string, Token>();

  /** `registry`: for messages. */
  constructor(env: StoreEnvironment, access: StoreAccess, registry: string, plainHttp: boolean) {
    this.env = env;
    this.access = access;
    this.registry = registry;
    this.plainHttp = plainHttp;
  }

  /** Headers for a request within a scope, from what is known so far. Rejects with E_SECRET. */
  async headers(scope: string): Promise<Readonly<Record<string, string>>> {
    if (this.access.token !== undefined || this.basic) {
      const value = await authorization(this.access, this.env);
      return value === undefined ? {} : { authorization: value };
    }
    const token = this.tokens.get(scope);
    if (token === undefined) return {};
    if (this.env.now() < token.untilMs) return { authorization: `Bearer ${token.text}` };
    this.tokens.delete(scope);
    return {};
  }

  /**
   * Does what the WWW-Authenticate of a 401 asks for; afterwards `headers` has something new to try.
   *
   * Rejects with E_STORE_REFUSED when the registry wants something that we do not have, E_STORE_BROKEN when it or its token server
   * talks nonsense, and with whatever the exchange with the token server does.
   */
  async answer(header: string | undefined, scope: string, signal: AbortSignal): Promise<void> {
    if (this.access.token !== undefined) throw this.refused("it does not take the token");
    const challenges = parseChallenges(header ?? "");
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) {
      this.keep(scope, await this.token(bearer, scope, signal));
      return;
    }
    if (!challenges.some(({ scheme }) => scheme === "basic")) {
      const schemes = challenges.map(({ scheme }) => scheme).join(", ") || "nothing";
      throw this.refused(`it refuses us and offers no way that is known: ${schemes.slice(0, 100)}`);
    }
    if (this.access.username === undefined) throw this.refused("it wants a user name and password");
    if (this.basic) throw this.refused(`it does not take the password of ${this.user()}`);
    this.basic = true;
  }

  /** An error that says that we were turned away. */
  refused(why: string): AgentError {
    return new AgentError("E_STORE_REFUSED", `${this.registry}: ${why}`);
  }

  private user(): string {
    return `user "${this.access.username ?? ""}"`;
  }

  private async token(challenge: Challenge, scope: string, signal: AbortSignal): Promise<Token> {
    const url = this.tokenUrl(challenge, scope);
    const basic = await authorization(this.access, this.env);
    const response = await exchange(this.env, {
      method: "GET",
      url: url.href,
      headers: { accept: "application/json" },
      authorize: ({ sameOrigin }) =>
        basic !== undefined && sameOrigin ? { authorization: basic } : {},
      ...(this.access.ca === undefined ? {} : { ca: this.access.ca }),
      signal,
    });
    const asked = this.env.now();
    return this.parseToken(await response.text(ANSWER_LIMIT), urlLabel(url), asked);
  }

  private tokenUrl({ params }: Challenge, scope: string): URL {
    const realm = params.get("realm") ?? "";
    if (!URL.canParse(realm)) {
      const shown = printableCut(realm, 100);
      throw this.broken(`its token server has no usable address: "${shown}"`);
    }
    const url = new URL(realm);
    if (url.protocol !== "https:" && !(this.plainHttp && url.protocol === "http:")) {
      throw this.broken(`its token server is not reached by https: ${url.protocol}//${url.host}`);
    }
    url.username = "";
    url.password = "";
    const service = params.get("service");
    if (service !== undefined) url.searchParams.set("service", service);
    // Ours and not the one of the challenge: a registry must not get tokens for repositories that nobody asked for.
    url.searchParams.set("scope", scope);
    if (this.access.username !== undefined) url.searchParams.set("account", this.access.username);
    return url;
  }

  private parseToken(text: string, label: string, askedMs: number): Token {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw this.broken(`its token server ${label} does not answer with JSON`);
    }
    const parsed = v.safeParse(TokenSchema, json);
    const token = parsed.success
      ? parsed.output.token || parsed.output.access_token || undefined
      : undefined;
    if (!parsed.success || token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
      throw this.broken(`its token server ${label} gives no token`);
    }
    const said = (parsed.output.expires_in ?? 0) * 1_000;
    const life = said > 0 ? Math.min(said, LONGEST_LIFE_MS) : DEFAULT_LIFE_MS;
    return { text: token, untilMs: askedMs + life - Math.min(MARGIN_MS, life / 2) };
  }

  private keep(scope: string, token: Token): void {
    this.tokens.delete(scope);
    const [oldest] = this.tokens.keys();
    if (this.tokens.size >= SCOPES && oldest !== undefined) this.tokens.delete(oldest);
    this.tokens.set(scope, token);
  }

  private broken(why: string): AgentError {
    return new AgentError("E_STORE_BROKEN", `${this.registry}: ${why}`);
  }
}
