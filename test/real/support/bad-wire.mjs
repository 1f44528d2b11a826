// node bad-wire.mjs INTERFACE INTERFACE LOSS-PERCENT DELAY-MS JITTER-MS
//
// A cable between two interfaces that loses, delays and reorders frames, for kernels without sch_netem. Prints "up" when it carries,
// and at SIGTERM how many frames it carried and lost.
import { createRequire } from "node:module";

const [left, right, lossText, delayText, jitterText] = process.argv.slice(2);
const [loss, delayMs, jitterMs] = [Number(lossText) / 100, Number(delayText), Number(jitterText)];
const BUFFER = 8 * 1_024 * 1_024;
const MAX_FRAME = 65_535;
const { Cap } = createRequire(import.meta.url)("cap");

/** mulberry32. */
let state = 11;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

let carried = 0;
let lost = 0;
let refused = 0;

function open(name) {
  const end = { cap: new Cap(), frame: Buffer.alloc(MAX_FRAME) };
  end.cap.open(name, "", BUFFER, end.frame);
  return end;
}

// What goes out by an end is not heard by it: the kernel does not show a packet socket its own frames.
function carry(from, to) {
  from.cap.on("packet", (len) => {
    if (random() < loss) {
      lost += 1;
      return;
    }
    const frame = Buffer.from(from.frame.subarray(0, len));
    const send = () => {
      try {
        to.cap.send(frame, len);
        carried += 1;
      } catch {
        refused += 1;
      }
    };
    setTimeout(send, delayMs + random() * jitterMs);
  });
}

const [a, b] = [open(left), open(right)];
carry(a, b);
carry(b, a);
process.on("SIGTERM", () => {
  process.stdout.write(`carried ${carried}, lost ${lost}, refused ${refused}\n`);
  process.exit(0);
});
process.stdout.write("up\n");
