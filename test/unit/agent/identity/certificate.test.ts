import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type Certificate,
  certificateKey,
  makeCertificate,
} from "../../../../agent/identity/certificate.ts";
import { keyFromPem } from "../../../../agent/identity/ed25519.ts";
import { Authority } from "../../../support/certificates.ts";
import { AGENT, EVA } from "../../../support/operator-keys.ts";

let agent: Certificate;
let eva: Certificate;
beforeAll(async () => {
  [agent, eva] = await Promise.all([makeCertificate(AGENT), makeCertificate(EVA)]);
});

describe("makeCertificate", () => {
  it("makes one that is valid at any time that a clock may say", () => {
    const parsed = new X509Certificate(agent.certificate);
    expect(new Date(parsed.validFrom).toISOString()).toBe("1970-01-01T00:00:00.000Z");
    expect(new Date(parsed.validTo).toISOString()).toBe("9999-12-31T23:59:59.000Z");
    expect(parsed.subject).toBe(`CN=pilotlight-${AGENT.publicKey.fingerprint}`);
    expect(parsed.checkIssued(parsed)).toBe(true);
    expect(keyFromPem(agent.privateKey).publicKey).toEqual(AGENT.publicKey);
  });

  it("makes the same again of the same key", async () => {
    expect(await makeCertificate(AGENT)).toEqual(agent);
  });

  it("serves TLS 1.3 in both directions, and each side sees the other's key", async () => {
    const server = createServer({
      cert: agent.certificate,
      key: agent.privateKey,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: false,
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
    const { port } = server.address() as AddressInfo;
    const client = connect({
      port,
      host: "127.0.0.1",
      cert: eva.certificate,
      key: eva.privateKey,
      rejectUnauthorized: false,
    });
    onTestFinished(() => void client.destroy());
    await once(client, "secureConnect");
    expect(client.getProtocol()).toBe("TLSv1.3");
    expect(certificateKey(client.getPeerCertificate().raw)).toEqual(AGENT.publicKey);
    const [peer] = await accepted;
    expect(certificateKey(peer.getPeerCertificate().raw)).toEqual(EVA.publicKey);
    peer.destroy();
  });
});

describe("certificateKey", () => {
  it("reads PEM and DER", () => {
    expect(certificateKey(agent.certificate)).toEqual(AGENT.publicKey);
    expect(certificateKey(new X509Certificate(agent.certificate).raw)).toEqual(AGENT.publicKey);
  });

  it("gives none for what is changed, cut off, of another kind or signed by others", () => {
    const der = new X509Certificate(agent.certificate).raw;
    for (let at = 0; at < der.length; at++) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(certificateKey(changed), `octet ${at}`).toBeUndefined();
    }
    for (let len = 0; len < der.length; len++) {
      expect(certificateKey(der.subarray(0, len))).toBeUndefined();
    }
    expect(certificateKey("")).toBeUndefined();
    expect(certificateKey(readFileSync(new Authority().cert))).toBeUndefined();
  });
});
