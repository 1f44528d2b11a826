import { describe, expect, it } from "vitest";
import { type BoardHost, recogniseBoard } from "../../../../agent/boards/recognise.ts";
import { AgentError } from "../../../../agent/errors.ts";
import { BOARDS } from "../../../../boards/all.ts";

const PLENTY = 8_192;
const host = (arch: string, compatible?: string, memoryMiB: number = PLENTY): BoardHost => ({
  arch,
  memoryMiB,
  readText: (path) => (path === "/proc/device-tree/compatible" ? compatible : undefined),
});

describe("recogniseBoard", () => {
  it.each([
    ["raspberrypi,model-zero-2-w\0brcm,bcm2837\0", "arm64", "raspberry-pi-zero-2-w"],
    ["raspberrypi,model-zero-2-w\0brcm,bcm2837\0", "arm", "raspberry-pi-zero-2-w"],
    ["raspberrypi,4-model-b\0brcm,bcm2711\0", "arm64", "raspberry-pi-4b"],
    ["raspberrypi,5-model-b\0brcm,bcm2712\0", "arm64", "raspberry-pi-5"],
    ["raspberrypi,3-model-b\0brcm,bcm2837\0", "arm64", "generic-arm64"],
    ["", "arm64", "generic-arm64"],
    [undefined, "arm64", "generic-arm64"],
    [undefined, "arm", "generic-arm64"],
    [undefined, "x64", "generic-x64"],
  ])("device tree %j on %s is %s", (compatible, arch, id) => {
    expect(recogniseBoard(BOARDS, host(arch, compatible)).board.id).toBe(id);
  });

  it("says what it went by", () => {
    const evidence = (h: BoardHost, wanted?: string): string =>
      recogniseBoard(BOARDS, h, wanted).evidence;
    expect(evidence(host("arm64", "raspberrypi,4-model-b\0brcm,bcm2711\0"))).toBe(
      "device tree says raspberrypi,4-model-b",
    );
    expect(evidence(host("arm64", "raspberrypi,400\0brcm,bcm2711\0"))).toBe(
      "device tree says raspberrypi,400, without profile; processor arm64",
    );
    expect(evidence(host("x64"))).toBe("no device tree; processor x64");
    expect(evidence(host("x64"), "raspberry-pi-5")).toBe("--board raspberry-pi-5");
  });

  it("lets the named board win over the device tree, and on any processor", () => {
    const pi4 = host("arm64", "raspberrypi,4-model-b\0");
    expect(recogniseBoard(BOARDS, pi4, "generic-x64").board.id).toBe("generic-x64");
    expect(recogniseBoard(BOARDS, host("riscv64"), "generic-x64").board.id).toBe("generic-x64");
  });

  it.each([
    [
      "an id that is not there",
      host("x64"),
      "raspberry-pi-6",
      'there is no board "raspberry-pi-6"',
    ],
    ["a processor without a board", host("riscv64"), undefined, 'the processor "riscv64"'],
  ])("refuses %s and lists the ids", (_, h, wanted, text) => {
    let error: unknown;
    try {
      recogniseBoard(BOARDS, h, wanted);
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({
      code: "E_BOARD_UNKNOWN",
      message: expect.stringContaining(text),
    });
    for (const { id } of BOARDS) expect((error as AgentError).message).toContain(id);
  });
});

describe("budgets", () => {
  const pi4 = "raspberrypi,4-model-b\0";
  const of = (memoryMiB: number): { heapMiB: number; chunkCacheMiB: number; transfers: number } =>
    recogniseBoard(BOARDS, host("arm64", pi4, memoryMiB)).budgets;

  it("are the board's own where most of its memory is there", () => {
    expect(of(8_192)).toMatchObject({ heapMiB: 192, chunkCacheMiB: 256 });
    expect(of(768)).toMatchObject({ heapMiB: 192, chunkCacheMiB: 256 });
  });

  it("shrink in proportion below that, down to what can still serve", () => {
    expect(of(512)).toMatchObject({ heapMiB: 96, chunkCacheMiB: 128, transfers: 128 });
    expect(of(64)).toMatchObject({ heapMiB: 48, chunkCacheMiB: 16, transfers: 16 });
    expect(of(1)).toMatchObject({ heapMiB: 48, chunkCacheMiB: 8, transfers: 8 });
  });
});
