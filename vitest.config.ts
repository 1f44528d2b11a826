import { defineConfig, type ViteUserConfig } from "vitest/config";

/**
 * unit: pure code. boot: firmware-sim and the agent, on a virtual wire or in network namespaces.
 * real: QEMU guests and other programs' clients (`make test-real`), one at a time.
 */
const config: ViteUserConfig = defineConfig({
  test: {
    coverage: {
      provider: "v8",
      include: ["protocols/**", "boards/**", "firmware-sim/**", "agent/**"],
    },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts", "test/golden/**/*.test.ts"] } },
      { test: { name: "boot", include: ["test/boot/**/*.test.ts"], testTimeout: 30_000 } },
      {
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          globalSetup: ["test/real/support/preflight.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { concurrent: false },
        },
      },
    ],
  },
});
export default config;
