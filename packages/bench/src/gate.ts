import budgets from "../budgets.json" with { type: "json" }
import * as results from "./results.js"
import * as workers from "./workers.js"

/**
 * Checks the bytes that each policy allocates per call, and those that a circuit breaker, or a client for an origin, holds,
 * against their budgets. They repeat to about 1 % on any machine; the times are only told. Another major version of V8
 * allocates differently: there the bytes too are only told.
 */
export const run = async (): Promise<boolean> => {
  const checks = [...await perCall(), ...await perBreaker(), ...await perOrigin()]
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
  const checks: Array<Check> = []
  for (const suite of suites) checks.push(...await perCallOf(suite))
  for (const [name, budget] of Object.entries(budgets.marginalBytesPerCall)) {
    if (!checks.some((check) => check.name === name)) checks.push({ name, bytes: NaN, budget, note: ", in no suite" })
  }
  return checks
}

const suites = ["policies", "memory", "breakers", "overload", "pipeline"] as const

/** Each suite against its own bases: what one and the same loop allocates depends on what else ran in the process. */
const perCallOf = async (suite: (typeof suites)[number]): Promise<ReadonlyArray<Check>> => {
  const names = Object.keys(budgets.marginalBytesPerCall)
  const bytes = await workers.bytes([suite], names)
  const micro = suite === "memory" ? undefined : await workers.micro(suite, 3, names)
  return Object.entries(budgets.marginalBytesPerCall).filter(([name]) => name in bytes.bases).map(([name, budget]) => ({
    name,
    bytes: results.marginalBytes(bytes, name),
    budget,
    note: micro === undefined ? "" : `, ${results.marginal([micro], name).median.toFixed(0)} ns`
  }))
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

const perOrigin = async (): Promise<ReadonlyArray<Check>> => {
  const heap = await workers.originHeap(Object.keys(budgets.heapBytesPerOrigin))
  return Object.entries(budgets.heapBytesPerOrigin).map(([kind, budget]) => ({
    name: `heap of ${kind}, per origin`,
    bytes: heap[kind]?.bytes ?? NaN,
    budget,
    note: ""
  }))
}
