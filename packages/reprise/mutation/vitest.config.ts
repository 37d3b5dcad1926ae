import { defineConfig } from "vitest/config"
import { PureFirst } from "./order.js"
import policies from "./policies.json" with { type: "json" }

const { tests } = policies[process.env.POLICY as keyof typeof policies]

export default defineConfig({
  test: {
    include: tests.map((test) => `test/${test}.test.ts`),
    setupFiles: ["mutation/setup.ts"],
    sequence: { sequencer: PureFirst },
    // A test that waits for ever has killed the mutant.
    testTimeout: 10_000
  }
})
