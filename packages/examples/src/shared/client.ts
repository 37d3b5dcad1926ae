/**
 * The client of one process: what its breaker, its gate and its budget learn, those of all processes know.
 *
 * Three processes start at the same time and compile their sources: imports by path are faster, and it has more time to wait
 * for Redis than a program in production should take.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpCircuitBreakers from "@reprise/http/HttpCircuitBreakers"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import * as RetryAfterGates from "@reprise/http/RetryAfterGates"
import * as NodeRedis from "@reprise/redis/NodeRedis"
import * as RedisStore from "@reprise/redis/RedisStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Tripping from "reprise/Tripping"

/** The breakers of the client, for those who want to see their states. */
export class Breakers extends Context.Tag("examples/Breakers")<Breakers, HttpCircuitBreakers.HttpCircuitBreakers>() {}

const BreakersLive = Layer.scoped(
  Breakers,
  HttpCircuitBreakers.makeShared({ trip: Tripping.consecutive(5), openFor: Schedule.spaced("1 second") })
)

const HttpLive = Layer.unwrapScoped(Effect.gen(function*() {
  const breakers = yield* Breakers
  const gates = yield* RetryAfterGates.makeShared()
  const budget = yield* HttpRetry.sharedBudget({ ratio: 0.1, minPerSecond: 0 })
  return ResilientHttpClient.layerTyped({
    retry: HttpRetry.exponential({ attempts: 2, base: "20 millis" }),
    attemptTimeout: "1 second",
    deadline: "5 seconds",
    attemptHeader: "attempt",
    budget,
    breaker: HttpResilience.circuitBreaker({ breakers }),
    gate: HttpResilience.retryAfterGate({ gates })
  })
}))

/** Reads `REDIS_URL`. A process that starts while Redis is away shares nothing until it is there, and works. */
const StoreLive = RedisStore.layer({ timeout: "1 second" }).pipe(
  Layer.provide(
    Layer.unwrapEffect(
      Effect.map(NodeRedis.config("REDIS"), (options) => NodeRedis.layer({ ...options, startDegraded: true }))
    )
  )
)

export const ClientLive = HttpLive.pipe(
  Layer.provideMerge(BreakersLive),
  Layer.provide(StoreLive),
  Layer.provide(FetchHttpClient.layer)
)
