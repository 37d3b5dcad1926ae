import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import { setTimeout } from "node:timers/promises"
import * as Backoff from "reprise/Backoff"
import * as inMemory from "../suites/inMemory.js"
import { report } from "./report.js"

/** What the heap holds after very many calls that were all retried, against what it held before. */

const calls = Number(process.argv[2])
const concurrency = 50

/** On every attempt but the first: so each call is refused once and then succeeds. */
const attemptHeader = "x-attempt"

const client = ResilientHttpClient.make({
  retry: Backoff.exponential("1 millis").pipe(Backoff.fullJitter, Backoff.attempts(3)),
  attemptTimeout: "10 seconds",
  deadline: "30 seconds",
  attemptHeader
})(inMemory.client((request) => request.headers[attemptHeader] === undefined))

let succeeded = 0
const one = Effect.tap(client.execute(inMemory.request), (response) => {
  if (response.status === 200) succeeded++
})

const run = (times: number) => {
  let done = 0
  const worker = Effect.whileLoop({ while: () => done++ < times, body: () => one, step: () => {} })
  return Effect.runPromise(
    Effect.all(Array.from({ length: concurrency }, () => worker), { concurrency: "unbounded", discard: true }).pipe(
      Effect.withTracerEnabled(false)
    )
  )
}

/** Here a full collection is the point: no time is measured. */
const settled = async (): Promise<number> => {
  for (let i = 0; i < 4; i++) {
    await setTimeout(50)
    ;(globalThis as { gc?: () => void }).gc?.()
  }
  return process.memoryUsage().heapUsed
}

await run(calls / 10)
const before = await settled()
succeeded = 0
const start = performance.now()
await run(calls)
const seconds = (performance.now() - start) / 1_000
const after = await settled()
const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
report({ calls, succeeded, before, after, seconds, timers })
