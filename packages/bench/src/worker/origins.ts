import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import { heldBytes, liveFibers, watchTimers } from "../held.js"
import type { OriginHeap } from "../results.js"
import * as cockatielStack from "../suites/cockatielStack.js"
import * as inMemory from "../suites/inMemory.js"
import { resolved } from "../suites/loops.js"
import { report } from "./report.js"

/** What a client holds after one call to each of so many origins, and after one to each of as many others. */

const [kind, count] = [process.argv[2] ?? "", Number(process.argv[3])]

/** Calls an origin. */
type Call = (origin: string) => Effect.Effect<unknown, unknown>

const through = (options: ResilientHttpClient.Options) => (): Call => {
  const client: HttpClient.HttpClient = ResilientHttpClient.make(options)(inMemory.client())
  // A body that nobody reads leaves something behind in Node when the response is collected.
  return (origin) => Effect.flatMap(client.execute(HttpClientRequest.get(`${origin}/`)), (response) => response.text)
}

const bulkhead = HttpResilience.bulkhead({ maxConcurrent: 10, maxQueued: 10 })

const kinds: Record<string, () => Call> = {
  "standard()": through(ResilientHttpClient.standard()),
  "standard({ bulkhead })": through(ResilientHttpClient.standard({ bulkhead })),
  "standard({ all guards })": through(ResilientHttpClient.standard({
    bulkhead,
    adaptiveLimiter: HttpResilience.adaptiveLimiter({ algorithm: AdaptiveLimiter.gradient2() }),
    rateLimiter: HttpResilience.rateLimiter({ limit: 1_000, window: "1 second" }),
    hedge: HttpResilience.hedge({ after: "1 second" })
  })),
  "cockatiel, in a Map": () => {
    const policies = new Map<string, ReturnType<typeof cockatielStack.make>>()
    return (origin) => {
      const policy = policies.get(origin) ?? cockatielStack.make({ deadline: true, bulkhead: true })
      policies.set(origin, policy)
      return Effect.promise(() => policy.execute(resolved))
    }
  }
}

const callEach = (call: Call, from: number, to: number): Promise<void> => {
  let next = from
  const calls = Effect.whileLoop({
    while: () => next < to,
    body: () => call(`http://host-${String(next++).padStart(6, "0")}.example`),
    step: () => {}
  })
  return Effect.runPromise(Effect.withTracerEnabled(calls, false))
}

const make = kinds[kind]
if (make === undefined) throw new Error(`no client is called ${kind}`)
const liveTimers = watchTimers()
await callEach(make(), 0, 1_000)
const call = make()
const before = await heldBytes()
await callEach(call, 0, count)
const held = await heldBytes() - before
const [timers, fibers] = [liveTimers(), liveFibers()]
await callEach(call, count, 2 * count)
const heldWithMore = await heldBytes() - before
const result: OriginHeap[string] = {
  origins: count,
  bytes: held / count,
  bytesWithMore: heldWithMore / count,
  timers,
  fibers
}
// The client is still there: what is measured is what it holds.
await callEach(call, 0, 1)
report(result)
