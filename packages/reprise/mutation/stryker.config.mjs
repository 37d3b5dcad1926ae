import policies from "./policies.json" with { type: "json" }

const { POLICY = "breaker" } = process.env

/** @type {import("@stryker-mutator/api/core").PartialStrykerOptions} */
export default {
  packageManager: "pnpm",
  plugins: ["@stryker-mutator/vitest-runner"],
  testRunner: "vitest",
  vitest: { configFile: "mutation/vitest.config.ts" },
  mutate: policies[POLICY].mutate.map((file) => `src/${file}.ts`),
  coverageAnalysis: "perTest",
  concurrency: Number(process.env.CONCURRENCY ?? 2),
  ignorePatterns: ["**", "!src/**", "!test/**", "!mutation/**", "!package.json"],
  tempDirName: "build/mutation",
  reporters: ["clear-text", "json", "html"],
  timeoutMS: 15_000,
  jsonReporter: { fileName: `build/mutation.${POLICY}.json` },
  htmlReporter: { fileName: `build/mutation.${POLICY}.html` },
  thresholds: { high: 100, low: 100, break: 100 }
}
