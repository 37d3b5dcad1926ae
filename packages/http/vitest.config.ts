import { defineProject } from "vitest/config"

export default defineProject({
  test: {
    name: "@reprise/http",
    include: ["test/**/*.test.ts"],
    setupFiles: ["../tools/src/own-it.ts"],
    testTimeout: 30_000
  }
})
