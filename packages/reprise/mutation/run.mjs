/**
 * The mutation tests of each policy in turn, or of those that the arguments name. Fails if a change of any of them passes its tests.
 */
import { spawnSync } from "node:child_process"
import policies from "./policies.json" with { type: "json" }

const named = process.argv.slice(2)
const failed = (named.length > 0 ? named : Object.keys(policies)).filter((policy) => {
  console.log(`\n${policy}`)
  const env = { ...process.env, POLICY: policy }
  return spawnSync("stryker", ["run", "mutation/stryker.config.mjs"], { env, stdio: "inherit" }).status !== 0
})
if (failed.length > 0) {
  console.error(`Below 100 %: ${failed.join(", ")}`)
  process.exitCode = 1
}
