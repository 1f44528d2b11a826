/**
 * readers.mjs URL FILE COUNT SPAN TOGETHER
 *
 * COUNT readers of one URL, whose octets are those of FILE. Each asks for SPAN octets, all from different places on, by a
 * connection of its own; one that is turned away tries again. Nobody reads a body before TOGETHER of them have an answer.
 * Prints what came of it, as JSON.
 */
import { readFileSync } from "node:fs";
import { get } from "node:http";

const [url = "", file = "", ...numbers] = process.argv.slice(2);
const [count = 0, span = 0, together = 0] = numbers.map(Number);
const AGAIN_MS = 20;

const octets = readFileSync(file);
const result = { right: 0, wrong: 0, turnedAway: 0, most: 0 };
let answered = 0;
let open = () => {};
const enough = new Promise((resolve) => {
  open = resolve;
});

/** True: all octets came and are right; false: some are wrong; undefined: turned away. */
function read(from) {
  const until = from + span - 1;
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, headers: { Range: `bytes=${from}-${until}` } });
    asked.on("error", () => resolve(undefined));
    asked.on("response", async (response) => {
      answered += 1;
      result.most = Math.max(result.most, answered);
      if (answered >= together) open();
      let at = from;
      let right = response.statusCode === 206;
      try {
        await enough;
        for await (const piece of response) {
          right &&= octets.subarray(at, at + piece.length).equals(piece);
          at += piece.length;
        }
      } catch {
        right = false;
      }
      answered -= 1;
      resolve(right && at === from + span);
    });
  });
}

async function reader(n) {
  const from = Math.floor((n * (octets.length - span)) / Math.max(1, count - 1));
  for (;;) {
    const right = await read(from);
    if (right !== undefined) {
      result[right ? "right" : "wrong"] += 1;
      return;
    }
    result.turnedAway += 1;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

await Promise.all(Array.from({ length: count }, (_, n) => reader(n)));
process.stdout.write(JSON.stringify(result));
