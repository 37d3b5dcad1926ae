import { defineProject } from "vitest/config"

export default defineProject({
  test: {
    name: "@reprise/tools",
    include: ["test/**/*.test.ts"],
    setupFiles: ["src/own-it.ts"]
  }
})
