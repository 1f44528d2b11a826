import { cborItemEnd, walkCbor, walkCborSequence } from "../../../../protocols/cbor/walk.ts";
import { hex } from "../../../support/hex.ts";
import { type CodecOperation, encode } from "./operation.ts";

const LIMITS = {
  octets: 4_096,
  items: 64,
  depth: 4,
  mapEntries: 8,
  intKeys: true,
  tags: [18],
  floats: true,
};
const message = hex(
  "d2 a4 6161 83 01 f4 fb3ff199999999999a 6162 4401020304 20 a1 6164 65 68656c6c6f 04 1b000000e8d4a51000",
);
const len = message.u8.length;

export const CBOR_OPERATIONS: readonly CodecOperation[] = [
  encode(walkCbor, () => walkCbor(message, 0, len, LIMITS)),
  encode(walkCborSequence, () => walkCborSequence(message, 0, len, LIMITS)),
  encode(cborItemEnd, () => cborItemEnd(message, 0, len, LIMITS)),
];
