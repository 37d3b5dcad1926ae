import { defineConfig } from "vitest/config"
import { exclusions } from "./exclusions.js"

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

// Not `vitest.config.ts`: the workspace of the Effect 3 edition collects those.
export default defineConfig({
  test: {
    include: ["build/packages/*/test/**/*.test.ts"],
    exclude: ["**/node_modules/**"],
    testNamePattern: new RegExp(`^(?!.*(${Object.keys(exclusions).map(escaped).join("|")})$)`),
    testTimeout: 30_000
  }
})
