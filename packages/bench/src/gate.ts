import budgets from "../budgets.json" with { type: "json" }
import * as results from "./results.js"
import * as workers from "./workers.js"

/**
 * Checks the bytes each policy allocates per call against its budget. They repeat to about 1 % on any machine; the times
 * are only told. Another major version of V8 allocates differently: there the bytes too are only told.
 */
export const run = async (): Promise<boolean> => {
  const names = Object.keys(budgets.marginalBytesPerCall)
  const bytes = await workers.bytes(names)
  const micro = [await workers.run<results.Micro>("micro", [3, JSON.stringify([...names, "Effect.flatMap"])])]
  const binding = process.versions.node.split(".")[0] === budgets.node
  let kept = true
  for (const [name, budget] of Object.entries(budgets.marginalBytesPerCall)) {
    const marginal = results.marginalBytes(bytes, name)
    const within = marginal <= budget
    const nanos = micro[0]?.rounds[name] === undefined ? "" : `, ${results.marginal(micro, name).median.toFixed(0)} ns`
    kept &&= within
    process.stdout.write(`${within ? "ok  " : "OVER"} ${name}: ${marginal.toFixed(0)} bytes of ${budget}${nanos}\n`)
  }
  if (!binding) process.stdout.write(`The budgets are for Node ${budgets.node}: nothing is judged here.\n`)
  return kept || !binding
}
