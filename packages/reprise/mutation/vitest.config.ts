import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: [
      "test/Tripping.test.ts",
      "test/internal/breaker/*.test.ts",
      "test/CircuitBreaker.{windows,model}.test.ts"
    ],
    setupFiles: ["mutation/setup.ts"],
    testTimeout: 30_000
  }
})
