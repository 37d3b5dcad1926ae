import { defineProject } from "vitest/config"

export default defineProject({
  test: { name: "reprise", include: ["test/**/*.test.ts"], setupFiles: ["../tools/src/own-it.ts"], testTimeout: 30_000 }
})
