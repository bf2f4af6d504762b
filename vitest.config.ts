import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Tests that build and run C++ take seconds each and share the cores with their own compilers.
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
