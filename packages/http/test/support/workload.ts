import { FetchHttpClient, HttpClient } from "@effect/platform"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Duration, Effect, Layer, Schedule } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import { StoreError } from "reprise/StoreError"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { quick } from "./wire.js"

type Options = ResilientHttpClient.Options
type Replies = readonly [FaultServer.Step, ...ReadonlyArray<FaultServer.Step>]

const busy = Reply.respond({ status: 503, body: "busy" })

/** A client with a server of its own, and so a key of its own. It gets one page `times` times at once, over and over. */
const load = (options: Options, replies: Replies, times = 1) =>
  Effect.gen(function*() {
    const server = yield* FaultServer.make()
    yield* server.route("/", ...replies)
    const client = ResilientHttpClient.make(options)(yield* HttpClient.HttpClient)
    const all = Effect.replicateEffect(Effect.exit(client.get(server.url)), times, { concurrency: "unbounded" })
    return Effect.repeat(Effect.scoped(all), Schedule.spaced("50 millis"))
  })

/** A shared budget whose store does not answer. */
const lostStore = Effect.gen(function*() {
  const store = yield* RetryBudgetStore.RetryBudgetStore
  const sync = () => Effect.fail(new StoreError({ reason: "unavailable", description: "no store" }))
  yield* Effect.provideService(
    SharedRetryBudget.share({ key: "payments" }),
    RetryBudgetStore.RetryBudgetStore,
    { ...store, sync }
  )
})

/**
 * Calls over real sockets, until they are interrupted, with everything that the metrics show: retries, timeouts, refusals of a
 * budget, an open circuit, queues, a closed gate, hedges, and a store that is lost.
 */
export const workload = Effect.gen(function*() {
  yield* lostStore
  const loads = yield* Effect.all([
    load(
      { retry: quick(3), budget: HttpRetry.budget({ ratio: 0.5, minPerSecond: 1 }) },
      [busy, busy, busy, Reply.ok],
      2
    ),
    load({ retry: quick(3), budget: HttpRetry.budget(RetryBudget.share({ ratio: 0, minPerSecond: 0 })) }, [busy]),
    load({ retry: quick(2), attemptTimeout: "100 millis" }, [Reply.hang()]),
    load(
      { retry: false, breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor: "1 hour" }) },
      [busy]
    ),
    load(
      { retry: false, bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 4 }) },
      [Reply.delay(Reply.ok, "500 millis")],
      6
    ),
    load(
      { retry: false, adaptiveLimiter: HttpResilience.adaptiveLimiter({ algorithm: AdaptiveLimiter.aimd() }) },
      [Reply.ok, busy, Reply.ok]
    ),
    load(
      { retry: false, rateLimiter: HttpResilience.rateLimiter({ limit: 5, window: Duration.seconds(1) }) },
      [Reply.ok],
      2
    ),
    load(
      { retry: false, gate: HttpResilience.retryAfterGate({ onClosed: "reject" }) },
      [Reply.respond({ status: 503, headers: { "retry-after": "50" } })]
    ),
    load(
      { retry: false, hedge: HttpResilience.hedge({ after: "20 millis" }) },
      [Reply.delay(Reply.ok, "200 millis"), Reply.ok, Reply.delay(Reply.ok, "200 millis"), Reply.ok]
    )
  ])
  yield* Effect.all(loads, { concurrency: "unbounded", discard: true })
}).pipe(
  Effect.scoped,
  Effect.provide(Layer.merge(FetchHttpClient.layer, RetryBudgetStore.layerMemory()))
)
