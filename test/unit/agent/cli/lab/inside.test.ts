import { expect, it } from "vitest";
import { processorNumbers } from "../../../../../agent/cli/lab/inside.ts";

it.each([
  ["0", [0]],
  ["0-3", [0, 1, 2, 3]],
  ["0-1,4,6-7", [0, 1, 4, 6, 7]],
  ["", []],
  ["all", []],
])("reads the kernel's list of processors %j", (list, numbers) => {
  expect(processorNumbers(list)).toEqual(numbers);
});
