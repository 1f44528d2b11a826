import { createGunzip } from "node:zlib";
import { Refusal } from "../refusal.ts";

/** Octets that come out at once. */
const PIECE_LEN = 64 * 1024;

/**
 * RFC 1952: every member, its CRC-32 and length checked by zlib, which works in a thread of its own.
 *
 * zlib passes over what follows zeros behind the last member. Here only zeros may follow, which tapes and disks leave.
 */
export async function* gunzip(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const engine = createGunzip({ chunkSize: PIECE_LEN });
  // What was handed to zlib and is not used yet: it ends before all of it when the last member does.
  const handed: { readonly end: number; readonly piece: Uint8Array }[] = [];
  const pieces = input[Symbol.asyncIterator]();
  let fed = 0;
  let isOver = false;
  let inputError: unknown;
  let wake = (): void => {};
  for (const event of ["drain", "end", "close"]) engine.on(event, () => wake());

  const feeding = (async (): Promise<void> => {
    try {
      while (!isOver) {
        const { done, value } = await pieces.next();
        if (done === true) {
          engine.end();
          return;
        }
        fed += value.length;
        handed.push({ end: fed, piece: value });
        while ((handed[0]?.end ?? Number.POSITIVE_INFINITY) <= engine.bytesWritten) handed.shift();
        if (isOver || engine.write(value)) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } catch (error) {
      inputError = error;
      engine.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();

  try {
    for await (const piece of engine) yield piece as Uint8Array;
    isOver = true;
    engine.destroy();
    wake();
    await feeding;
    const used = engine.bytesWritten;
    for (const { end, piece } of handed) {
      const from = Math.max(0, piece.length - (end - used));
      refuseAllButZeros(piece.subarray(from));
    }
    for (;;) {
      const { done, value } = await pieces.next();
      if (done === true) return;
      refuseAllButZeros(value);
    }
  } catch (error) {
    if (error instanceof Refusal || (inputError !== undefined && inputError === error)) throw error;
    throw new Refusal(`is cut short or damaged: ${(error as Error).message}`, { cause: error });
  } finally {
    isOver = true;
    engine.destroy();
    wake();
    await feeding;
    await pieces.return?.();
  }
}

function refuseAllButZeros(octets: Uint8Array): void {
  if (octets.some((octet) => octet !== 0)) throw new Refusal("has something else behind its end");
}
