import type { Board } from "./board.ts";
import { GENERIC_ARM64 } from "./generic-arm64.ts";
import { GENERIC_X64 } from "./generic-x64.ts";
import { RASPBERRY_PI_4B } from "./raspberry-pi-4b.ts";
import { RASPBERRY_PI_5 } from "./raspberry-pi-5.ts";
import { RASPBERRY_PI_ZERO_2_W } from "./raspberry-pi-zero-2-w.ts";

/** Every board, exact models before those that stand in for others. */
export const BOARDS: readonly Board[] = [
  RASPBERRY_PI_ZERO_2_W,
  RASPBERRY_PI_4B,
  RASPBERRY_PI_5,
  GENERIC_ARM64,
  GENERIC_X64,
];
