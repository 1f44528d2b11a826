import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { objectUrl, type S3Target } from "../../../../../agent/assets/stores/s3-address.ts";
import {
  EMPTY_SHA256,
  sha256Hex,
  signatureHeaders,
} from "../../../../../agent/assets/stores/s3-signature.ts";

/** Of the examples in "Signature Calculations for the Authorization Header" of the S3 API reference. */
const KEYS = {
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const NOW_MS = Date.UTC(2013, 4, 24);
const SCOPE = "20130524/us-east-1/s3/aws4_request";

describe("AWS' examples", () => {
  it.each([
    ["?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"],
    ["?max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"],
  ])("GET %s", async (query, signature) => {
    const headers = await signatureHeaders(
      {
        method: "GET",
        url: new URL(`https://examplebucket.s3.amazonaws.com/${query}`),
        headers: {},
        payload: EMPTY_SHA256,
        region: "us-east-1",
        nowMs: NOW_MS,
      },
      KEYS,
    );
    expect(headers).toEqual({
      "x-amz-date": "20130524T000000Z",
      "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      authorization: `AWS4-HMAC-SHA256 Credential=${KEYS.accessKey}/${SCOPE}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    });
  });
});

/** The algorithm once more, from the text of the S3 API reference, over what goes over the wire. */
function expected(method: string, url: string, amz: Readonly<Record<string, string>>): string {
  const { host } = new URL(url);
  const [, path = "", query = ""] = /^https?:\/\/[^/]+([^?]*)\??(.*)$/.exec(url) ?? [];
  const headers = Object.entries({ host, ...amz }).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const names = headers.map(([name]) => name).join(";");
  const canonical = [
    method,
    path,
    query.split("&").toSorted().join("&"),
    ...headers.map(([name, value]) => `${name}:${value}`),
    "",
    names,
    amz["x-amz-content-sha256"],
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", amz["x-amz-date"], SCOPE, hash(canonical)].join("\n");
  const key = SCOPE.split("/").reduce<string | Buffer>(hmac, `AWS4${KEYS.secretKey}`);
  return `SignedHeaders=${names}, Signature=${hmac(key, toSign).toString("hex")}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

describe("names that a URL has its own meaning for", () => {
  it.each([
    "plain/name.bin",
    "sp ace",
    "pl+us",
    "per%20cent%2F",
    "dou//ble",
    "/leading",
    "trailing/",
    "ünï/日本/🔥",
    "we'ird!*()~@:=&$,;?#[]^`{|}\\\"<>",
    "…/...",
  ])("%s is signed as it is sent", async (key) => {
    for (const pathStyle of [true, false]) {
      const url = objectUrl({ ...TARGET, key, pathStyle }, { uploadId: "a/b+c=", partNumber: "1" });
      // What a client makes of the URL is what goes over the wire.
      expect(new URL(url).href).toBe(url);
      const payload = sha256Hex(new TextEncoder().encode("body"));
      const headers = await signatureHeaders(
        {
          method: "PUT",
          url: new URL(url),
          headers: { "x-amz-meta-sha256": "00" },
          payload,
          region: "us-east-1",
          nowMs: NOW_MS,
        },
        KEYS,
      );
      const { authorization, ...amz } = headers;
      expect(amz).toEqual({
        "x-amz-content-sha256": payload,
        "x-amz-date": "20130524T000000Z",
        "x-amz-meta-sha256": "00",
      });
      expect(authorization).toContain(expected("PUT", url, amz));
    }
  });
});

const TARGET: S3Target = {
  kind: "s3",
  bucket: "boot",
  key: "",
  endpoint: "https://s3.example.com:9000/base/",
  region: "us-east-1",
  pathStyle: true,
};
