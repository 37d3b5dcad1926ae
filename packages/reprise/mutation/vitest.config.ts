import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: [
      "test/Tripping.test.ts",
      "test/internal/breaker/*.test.ts",
      "test/CircuitBreaker.{windows,model}.test.ts",
      "test/{Bulkhead,RateLimiter}{,.model,.controls}.test.ts",
      "test/AdaptiveLimiter{,.controls}.test.ts",
      "test/{Policy,Pipeline,Pipeline.call}.test.ts"
    ],
    setupFiles: ["mutation/setup.ts"],
    testTimeout: 30_000
  }
})
