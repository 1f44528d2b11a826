import { decodeCbor, encodeCbor } from "../../../agent/control/cbor.ts";
import { AgentError } from "../../../agent/errors.ts";
import {
  type CborLimits,
  cborItemEnd,
  walkCbor,
  walkCborSequence,
} from "../../../protocols/cbor/walk.ts";
import { Status } from "../../../protocols/wire/status.ts";
import { bytes } from "../../support/hex.ts";
import { ascii, type Target } from "../engine/target.ts";

const LIMITS: CborLimits = {
  octets: 512,
  items: 64,
  depth: 6,
  mapEntries: 12,
  intKeys: false,
  tags: [],
  floats: true,
};
const COSE: CborLimits = { ...LIMITS, intKeys: true, tags: [18] };

const SEEDS = [
  "a2646e616d656172 646172677381a0",
  "d28444a101270aa0 4401020304 4100",
  "83 01 20 fb3ff199999999999a",
  "a3 6161 83 01 f4 f6 6162 4401020304 6163 a1 6164 65 68656c6c6f",
  "1b001fffffffffffff 3b001ffffffffffffe f93e00 fa47c35000",
  "98 19 0102030405060708090a0b0c0d0e0f101112131415161718181819",
].map(bytes);

/** Messages in CBOR: the walk, and what is decoded after it. */
export const cbor: Target = {
  name: "cbor",
  sources: ["/protocols/cbor/", "/protocols/wire/utf8"],
  maxLen: 512,
  dictionary: [
    ...[
      "1818",
      "190100",
      "1a00010000",
      "1b0000000100000000",
      "f5",
      "f6",
      "f93c00",
      "d2",
      "a0",
      "81",
    ].map(bytes),
    ascii("\x61a"),
    ascii("\x64verb"),
    ascii("\x69__proto__"),
    ascii("\x62\xc3\xbc"),
  ],
  seeds: SEEDS,
  run(o, at, len, t) {
    const status = walkCbor(o, at, len, LIMITS);
    t.add(status, walkCbor(o, at, len, COSE), walkCborSequence(o, at, len, LIMITS));
    const end = cborItemEnd(o, at, len, LIMITS);
    t.check(end <= 0 || (end > at && end <= at + len), "an item leaves the window");
    if (status === Status.Ok) t.check(end === at + len, "a whole message has another end");
    t.add(end > 0 ? end - at : end);
  },
};

/** What is decoded is plain data whose own encoding decodes to the same. */
export const cborValues: Target = {
  name: "cbor-values",
  sources: ["/agent/control/cbor"],
  maxLen: 512,
  dictionary: cbor.dictionary,
  seeds: SEEDS,
  run(o, at, len, t) {
    let value: unknown;
    try {
      value = decodeCbor(o.u8.slice(at, at + len), LIMITS);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      t.add(error.message);
      return;
    }
    const again = encodeCbor(value);
    // A float that is whole becomes an integer, which may take more octets.
    t.check(again.length <= 2 * len, "the deterministic encoding is far longer than another one");
    const twice = encodeCbor(decodeCbor(again, LIMITS));
    t.check(Buffer.compare(again, twice) === 0, "an encoding that is not stable");
    t.add(Buffer.from(again).toString("hex"));
  },
  limits: { guarded: false, inPlace: false, allocatedOctets: 256 * 1024 },
};
