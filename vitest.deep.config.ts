import { defineConfig } from "vitest/config";

/** The slow tier: crashes in great number, downloads, long runs. `npm run test:deep`. */
export default defineConfig({
  test: {
    setupFiles: ["tests/support/runner/seed.ts", "tests/support/runner/leaks.ts"],
    name: "deep",
    include: ["tests/**/*.deep.test.ts"],
    globalSetup: ["tests/support/runner/redis-server.ts"],
    testTimeout: 300_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
