/**
 * Makes circuit breakers for HTTP, one per origin, that several clients of a program or of a fleet share.
 *
 * @since 3.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import type {
  BreakersOptions as Options,
  HttpCircuitBreakers,
  SharedBreakersOptions as SharedOptions
} from "./internal/model.js"
import * as circuit from "./internal/stages/circuit.js"

export type {
  BreakersOptions as Options,
  HttpCircuitBreakers,
  SharedBreakersOptions as SharedOptions
} from "./internal/model.js"

/**
 * Makes breakers for `HttpResilience.circuitBreaker`.
 *
 * Share them between clients, read their states and changes, or open and isolate one by hand with `CircuitBreakers`.
 * Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpCircuitBreakers from "@reprise/http/HttpCircuitBreakers"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const failing = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(1) })
 *   const client = ResilientHttpClient.make({ breaker: HttpResilience.circuitBreaker({ breakers }) })(failing)
 *   yield* client.get("http://example.com/health")
 *   return (yield* CircuitBreakers.entries(breakers)).map(([origin, { state }]) => `${origin} ${state}`)
 * })
 *
 * Effect.runPromise(program).then((states) => console.log(states.join())) // => http://example.com Open
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<HttpCircuitBreakers> => circuit.makeBreakers(options)

/**
 * Makes breakers that share the state of each origin (or key) with other processes, through the `CircuitBreakerStore`.
 * Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpCircuitBreakers from "@reprise/http/HttpCircuitBreakers"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 * import * as Tripping from "reprise/Tripping"
 *
 * let requests = 0
 * const failing = HttpClient.make((request) => {
 *   requests++
 *   return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 500 })))
 * })
 *
 * // As if in a process of its own.
 * const clientOfAProcess = Effect.map(
 *   HttpCircuitBreakers.makeShared({ trip: Tripping.consecutive(1) }),
 *   (breakers) => failing.pipe(HttpResilience.circuitBreaker({ breakers }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const [one, other] = yield* Effect.all([clientOfAProcess, clientOfAProcess])
 *   yield* one.get("http://example.com/")
 *   yield* Effect.sleep("50 millis")
 *   // The first call waits for the state of its origin, up to the timeout of the store.
 *   const error = yield* Effect.flip(other.get("http://example.com/"))
 *   return `${error._tag} after ${requests} request`
 * })
 *
 * const store = CircuitBreakerStore.layerMemory()
 * Effect.runPromise(Effect.scoped(Effect.provide(program, store))).then(console.log) // => CircuitOpen after 1 request
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const makeShared = (
  options: SharedOptions
): Effect.Effect<HttpCircuitBreakers, never, CircuitBreakerStore | Scope.Scope> => circuit.makeSharedBreakers(options)
