import { createHash, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const ISSUER = "test issuer";
const SERVICE = "test registry";

/**
 * A token server for docker-registry (distribution: "Token Authentication Implementation"): one user may pull and push `boot`,
 * anybody may pull `public`.
 */
export class TokenServer {
  /** Queries that it was asked, in order. */
  readonly asked: URLSearchParams[] = [];
  private readonly server: Server;
  private readonly tls: { readonly certificate: string; readonly key: string };

  private constructor(tls: { readonly certificate: string; readonly key: string }) {
    this.tls = tls;
    this.server = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? "", "http://x");
      this.asked.push(searchParams);
      const { authorization } = request.headers;
      const isUser = authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      if (authorization !== undefined && !isUser) {
        response.writeHead(401).end();
        return;
      }
      const [type = "", name = "", actions = ""] = (searchParams.get("scope") ?? "").split(":");
      const granted =
        isUser && name === "boot" ? actions.split(",") : name === "public" ? ["pull"] : [];
      const token = this.token(granted.length === 0 ? [] : [{ type, name, actions: granted }]);
      response.end(JSON.stringify({ token, expires_in: 300 }));
    });
  }

  /** `tls`: with what tokens are signed. */
  static async start(tls: {
    readonly certificate: string;
    readonly key: string;
  }): Promise<TokenServer> {
    const server = new TokenServer(tls);
    server.server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    return server;
  }

  /** The value of `auth` of the registry's configuration. */
  get auth(): object {
    const { port } = this.server.address() as AddressInfo;
    const realm = `http://127.0.0.1:${port}/token`;
    const rootcertbundle = this.tls.certificate;
    return { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle } };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private token(access: readonly object[]): string {
    const pem = readFileSync(this.tls.certificate, "utf8");
    const der = pem.replace(/-----[A-Z ]+-----|\s/g, "");
    const now = Math.floor(Date.now() / 1_000);
    const head = { typ: "JWT", alg: "ES256", x5c: [der] };
    const id = createHash("sha256").update(randomUUID()).digest("hex");
    const times = { iat: now - 5, nbf: now - 5, exp: now + 300 };
    const claims = { iss: ISSUER, aud: SERVICE, sub: "me", jti: id, access, ...times };
    const encode = (part: object): string =>
      Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode(head)}.${encode(claims)}`;
    const key = readFileSync(this.tls.key, "utf8");
    const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }
}
