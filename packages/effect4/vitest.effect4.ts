import { defineConfig } from "vitest/config"

// Not `vitest.config.ts`: the workspace of the Effect 3 edition collects those.
export default defineConfig({
  test: {
    include: ["build/packages/*/test/**/*.test.ts"],
    exclude: ["**/node_modules/**"],
    testTimeout: 30_000
  }
})
