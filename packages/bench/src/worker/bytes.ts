import { constants, PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"
import * as harness from "../harness.js"
import * as stats from "../stats.js"
import { load } from "../suites/load.js"
import { report } from "./report.js"

/**
 * Bytes allocated per call: how much the heap grew over a sample in which nothing was collected. It needs a young
 * generation that holds a whole sample (`--min-semi-space-size`); a sample in which a collection ran is thrown away.
 */

let collections = 0
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    // The library of the DOM, which is loaded too, knows no details of an entry.
    const { kind } = (entry as unknown as { readonly detail: { readonly kind: number } }).detail
    if (kind === constants.NODE_PERFORMANCE_GC_MINOR || kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++
  }
}).observe({ entryTypes: ["gc"] })

const grown = async ({ run }: harness.Case, times: number): Promise<number | undefined> => {
  harness.minorGc()
  // The observer hears of a collection one turn later.
  await setImmediate()
  await setImmediate()
  const collectionsBefore = collections
  const before = process.memoryUsage().heapUsed
  await run(times)
  const after = process.memoryUsage().heapUsed
  await setImmediate()
  await setImmediate()
  return collections === collectionsBefore ? (after - before) / times : undefined
}

const wanted = 7
const sampleBytes = 16e6

const measure = async (one: harness.Case): Promise<stats.Spread> => {
  // Compiled code allocates less than interpreted code, so it is warmed up first.
  for (let i = 0; i < 5; i++) await one.run(2_000)
  const guess = await grown(one, 100) ?? 100_000
  const times = Math.max(100, Math.min(20_000, Math.round(sampleBytes / Math.max(guess, 1))))
  const samples: Array<number> = []
  for (let tries = 0; samples.length < wanted && tries < wanted * 4; tries++) {
    const bytes = await grown(one, times)
    if (bytes !== undefined) samples.push(bytes)
  }
  return stats.spread(samples)
}

const [suite, names] = process.argv.slice(2)
const cases = harness.selected((await load(suite)).cases, names)
const bytes: Record<string, stats.Spread> = {}
for (const one of cases) bytes[one.name] = await measure(one)
report({ bytes, bases: harness.basesOf(cases) })
