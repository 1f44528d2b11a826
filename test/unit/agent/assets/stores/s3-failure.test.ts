import { describe, expect, it } from "vitest";
import type { S3Target } from "../../../../../agent/assets/stores/s3-address.ts";
import type { S3Answer } from "../../../../../agent/assets/stores/s3-answer.ts";
import {
  type S3Error,
  type S3Refusal,
  s3Failure,
} from "../../../../../agent/assets/stores/s3-failure.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const KEYS = { accessKey: "AKIDEXAMPLE", secretKey: "not-for-anyone" };
const TARGET: S3Target = {
  kind: "s3",
  bucket: "boot",
  key: "vmlinuz",
  endpoint: "https://s3.example.com",
  region: "eu-central-1",
  pathStyle: true,
};

function failure(
  status: number,
  answer: Partial<S3Answer>,
  rest: Partial<Pick<S3Refusal, "headers" | "keys" | "doing">> = {},
): S3Error {
  return s3Failure({
    target: TARGET,
    status,
    headers: { date: new Date(NOW_MS).toUTCString() },
    answer: { code: "", message: "", region: "", endpoint: "", ...answer },
    keys: KEYS,
    doing: "read",
    nowMs: NOW_MS,
    ...rest,
  });
}

describe("an answer becomes an error that says what to mend", () => {
  it.each([
    [403, "SignatureDoesNotMatch", "E_STORE_REFUSED", /secret key/, /secretKey/],
    [403, "InvalidAccessKeyId", "E_STORE_REFUSED", /does not know the access key/, /accessKey/],
    [400, "ExpiredToken", "E_STORE_REFUSED", /expired/, /do not expire/],
    [403, "AccessDenied", "E_STORE_REFUSED", /may not read/, /s3:GetObject/],
    [403, "", "E_STORE_REFUSED", /may not read/, /s3:GetObject/],
    [403, "AccountProblem", "E_STORE_REFUSED", /status 403.*AccountProblem/, /accessKey/],
    [403, "InvalidObjectState", "E_STORE_REFUSED", /archive/, /[Rr]estore/],
    [404, "NoSuchKey", "E_STORE_MISSING", /no such object/, /./],
    [404, "NoSuchBucket", "E_STORE_MISSING", /no such bucket/, /create the bucket/],
    [404, "", "E_STORE_MISSING", /not there/, /./],
    [400, "RequestTimeout", "E_STORE_UNREACHABLE", /too slowly/, /uplink/],
    [400, "BadDigest", "E_STORE_BROKEN", /not what was sent/, /./],
    [400, "EntityTooLarge", "E_STORE_BROKEN", /400.*EntityTooLarge/, /./],
    [403, "toString", "E_STORE_REFUSED", /toString/, /./],
  ])("%i %s", (status, code, ours, message, cure) => {
    const error = failure(status, { code });
    expect(error).toMatchObject({ code: ours, status, s3Code: code });
    expect(error.message).toMatch(/^s3:\/\/boot\/vmlinuz at s3\.example\.com: /);
    expect(error.message).toMatch(message);
    expect(error.cure).toMatch(cure);
  });

  it.each([400, 401, 403])("%i to a request without a signature", (status) => {
    const error = failure(status, { code: "AccessDenied" }, { keys: undefined });
    expect(error.code).toBe("E_STORE_REFUSED");
    expect(error.message).toContain("does not let everybody read it");
    expect(error.cure).toContain("accessKey");
  });

  it("names the right that a writer lacks", () => {
    expect(failure(403, { code: "AccessDenied" }, { doing: "write" }).cure).toContain(
      "s3:PutObject",
    );
  });

  it("never has the keys in it", () => {
    const message = `The key ${KEYS.accessKey} with ${KEYS.secretKey} is no good`;
    for (const code of ["AccessDenied", "Odd", "SignatureDoesNotMatch"]) {
      const error = failure(403, { code, message });
      const said = JSON.stringify([error.message, error.cure, error]);
      expect(said).not.toContain(KEYS.accessKey);
      expect(said).not.toContain(KEYS.secretKey);
    }
  });

  it("is short whatever the store says", () => {
    expect(failure(400, { code: "Odd", message: "x".repeat(1024) }).message.length).toBeLessThan(
      400,
    );
  });
});

describe("a bucket elsewhere", () => {
  it.each([
    [
      "AWS, for the wrong region",
      400,
      { code: "AuthorizationHeaderMalformed", region: "eu-west-1" },
      {},
    ],
    [
      "a message alone",
      400,
      {
        code: "AuthorizationHeaderMalformed",
        message: "the region 'eu-central-1' is wrong; expecting 'eu-west-1'",
      },
      {},
    ],
    ["the header of HEAD", 301, {}, { "x-amz-bucket-region": "eu-west-1" }],
    [
      "both",
      301,
      { code: "PermanentRedirect", endpoint: "boot.s3.eu-west-1.amazonaws.com" },
      { "x-amz-bucket-region": "eu-west-1" },
    ],
  ])("is named by its region: %s", (_, status, answer, headers) => {
    const error = failure(status, answer, { headers });
    expect(error.code).toBe("E_STORE_REFUSED");
    expect(error.message).toMatch(/region eu-west-1.*eu-central-1/);
    expect(error.cure).toContain("`region: eu-west-1`");
  });

  it("is named by its address where there is no region", () => {
    const endpoint = "boot.s3.eu-west-1.amazonaws.com";
    expect(failure(301, { code: "PermanentRedirect", endpoint }).cure).toContain(endpoint);
    const headers = { location: "https://other.example/boot/vmlinuz?X-Amz-Signature=1" };
    const error = failure(301, {}, { headers });
    expect(error.message).toMatch(/the bucket is at other\.example$/);
  });

  it("is not believed to be anywhere", () => {
    const region = "x`; rm -rf / #";
    const error = failure(400, { code: "AuthorizationHeaderMalformed", region, endpoint: "a b" });
    expect(error.code).toBe("E_STORE_BROKEN");
    expect(`${error.message}${error.cure}`).not.toContain("rm -rf");
  });
});

describe("a clock that is off", () => {
  const late = { date: new Date(NOW_MS + 20 * 60_000).toUTCString() };

  it("is said with both times", () => {
    const error = failure(403, { code: "RequestTimeTooSkewed" }, { headers: late });
    expect(error.code).toBe("E_CLOCK");
    expect(error.message).toContain("2026-01-01T12:20:00.000Z");
    expect(error.message).toContain("2026-01-01T12:00:00.000Z");
  });

  it("is recognised where the store has no code for it", () => {
    expect(failure(400, { code: "InvalidRequest" }, { headers: late }).code).toBe("E_CLOCK");
    expect(failure(403, {}, { headers: late }).code).toBe("E_CLOCK");
  });

  it("is not blamed for what it has nothing to do with", () => {
    expect(failure(404, { code: "NoSuchKey" }, { headers: late }).code).toBe("E_STORE_MISSING");
    expect(failure(403, { code: "SignatureDoesNotMatch" }, { headers: late }).code).toBe(
      "E_STORE_REFUSED",
    );
    expect(failure(403, {}, { headers: late, keys: undefined }).code).toBe("E_STORE_REFUSED");
    expect(failure(403, {}, { headers: {} }).code).toBe("E_STORE_REFUSED");
    expect(failure(404, {}, { headers: late }).code).toBe("E_STORE_MISSING");
  });

  it("needs no Date header when the store says so", () => {
    expect(failure(403, { code: "RequestTimeTooSkewed" }, { headers: {} }).code).toBe("E_CLOCK");
  });
});
