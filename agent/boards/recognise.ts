import type { Board, Budgets } from "../../boards/board.ts";
import { AgentError } from "../errors.ts";

/** What is looked at to recognise a board; the real one is `nodeHost`. */
export interface BoardHost {
  /** The octets of a file as text; undefined if it cannot be read. */
  readonly readText: (path: string) => string | undefined;
  /** The processor, as Node names it. */
  readonly arch: string;
  /** Memory that this process may use, in MiB. */
  readonly memoryMiB: number;
}

/** A board that was recognised or named. */
export interface RecognisedBoard {
  readonly board: Board;
  /** Why it is this one, for the log. */
  readonly evidence: string;
  /** The board's budgets, reduced where there is clearly less memory than the board comes with. */
  readonly budgets: Budgets;
}

/** The root node's `compatible`: a list of strings, each ended by a NUL. */
const COMPATIBLE = "/proc/device-tree/compatible";

/**
 * Share of a board's memory that must be there for its full budgets. Firmware, the GPU and the kernel keep some
 * of it for themselves, so no system ever reports all of it.
 */
const FULL_MEMORY = 0.75;

/**
 * Finds the board among `boards`: the one that `wanted` names, else by the device tree, else by the processor.
 *
 * @throws AgentError E_BOARD_UNKNOWN, which lists the ids
 */
export function recogniseBoard(
  boards: readonly Board[],
  host: BoardHost,
  wanted?: string,
): RecognisedBoard {
  const found = wanted === undefined ? recognise(boards, host) : named(boards, wanted);
  return { ...found, budgets: budgetsWithin(found.board, host.memoryMiB) };
}

type Found = Omit<RecognisedBoard, "budgets">;

function named(boards: readonly Board[], wanted: string): Found {
  const board = boards.find((b) => b.id === wanted);
  if (board !== undefined) return { board, evidence: `--board ${wanted}` };
  throw new AgentError("E_BOARD_UNKNOWN", `there is no board "${wanted}": ${ids(boards)}`);
}

function recognise(boards: readonly Board[], host: BoardHost): Found {
  const compatible = (host.readText(COMPATIBLE) ?? "").split("\0").filter((s) => s !== "");
  for (const model of compatible) {
    const board = boards.find((b) => b.match.deviceTreeCompatible?.includes(model));
    if (board !== undefined) return { board, evidence: `device tree says ${model}` };
  }
  const board = boards.find((b) => b.match.arch?.includes(host.arch));
  if (board === undefined) {
    const message = `no board is known for the processor "${host.arch}": ${ids(boards)}`;
    throw new AgentError("E_BOARD_UNKNOWN", message, {
      cure: "Give --board the one that is nearest in memory.",
    });
  }
  const [model] = compatible;
  const why = model === undefined ? "no device tree" : `device tree says ${model}, without profile`;
  return { board, evidence: `${why}; processor ${host.arch}` };
}

function ids(boards: readonly Board[]): string {
  return `the boards are ${boards.map((b) => b.id).join(", ")}`;
}

function budgetsWithin(board: Board, memoryMiB: number): Budgets {
  const { budgets } = board;
  const share = memoryMiB / board.memoryMiB;
  if (share >= FULL_MEMORY) return budgets;
  const reduced = (n: number, least: number): number => Math.max(least, Math.floor(n * share));
  return {
    ...budgets,
    heapMiB: reduced(budgets.heapMiB, 48),
    chunkCacheMiB: reduced(budgets.chunkCacheMiB, 8),
    // A transfer takes its chunks from the cache, so both shrink together.
    transfers: reduced(budgets.transfers, 8),
  };
}
