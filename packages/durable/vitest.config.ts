import { defineProject } from "vitest/config"

export default defineProject({
  test: {
    name: "@reprise/durable",
    include: ["test/**/*.test.ts"],
    setupFiles: ["../tools/src/own-it.ts"],
    testTimeout: 60_000
  }
})
