import budgets from "../budgets.json" with { type: "json" }
import * as results from "./results.js"
import * as workers from "./workers.js"

/**
 * Checks the bytes each policy allocates per call, and those a circuit breaker holds, against their budgets. They repeat to
 * about 1 % on any machine; the times are only told. Another major version of V8 allocates differently: there the bytes too
 * are only told.
 */
export const run = async (): Promise<boolean> => {
  const checks = [...await perCall(), ...await perBreaker()]
  const binding = process.versions.node.split(".")[0] === budgets.node
  for (const { budget, bytes, name, note } of checks) {
    process.stdout.write(
      `${bytes <= budget ? "ok  " : "OVER"} ${name}: ${bytes.toFixed(0)} bytes of ${budget}${note}\n`
    )
  }
  if (!binding) process.stdout.write(`The budgets are for Node ${budgets.node}: nothing is judged here.\n`)
  return checks.every(({ budget, bytes }) => bytes <= budget) || !binding
}

interface Check {
  readonly name: string
  readonly bytes: number
  readonly budget: number
  readonly note: string
}

const perCall = async (): Promise<ReadonlyArray<Check>> => {
  const names = Object.keys(budgets.marginalBytesPerCall)
  const bytes = await workers.bytes(["policies", "memory", "breakers"], names)
  const micros = [await workers.micro("policies", 3, names), await workers.micro("breakers", 3, names)]
  return Object.entries(budgets.marginalBytesPerCall).map(([name, budget]) => {
    const micro = micros.filter(({ rounds }) => name in rounds)
    const note = micro.length === 0 ? "" : `, ${results.marginal(micro, name).median.toFixed(0)} ns`
    return { name, bytes: results.marginalBytes(bytes, name), budget, note }
  })
}

const perBreaker = async (): Promise<ReadonlyArray<Check>> => {
  const heap = await workers.breakerHeap(Object.keys(budgets.heapBytesPerBreaker))
  return Object.entries(budgets.heapBytesPerBreaker).map(([kind, budget]) => ({
    name: `heap of ${kind}`,
    bytes: heap[kind]?.bytes ?? NaN,
    budget,
    note: ""
  }))
}
