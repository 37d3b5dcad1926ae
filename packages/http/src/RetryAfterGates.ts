/**
 * Makes gates that hold back all calls to a server that asked for a pause. Several clients of a program or of a fleet
 * share them.
 *
 * @since 3.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RetryAfterStore } from "reprise/RetryAfterStore"
import type { GatesOptions as Options, RetryAfterGates } from "./internal/model.js"
import * as gates from "./internal/stages/gates.js"

export type { GatesOptions as Options, RetryAfterGates } from "./internal/model.js"

/**
 * Makes gates for `HttpResilience.retryAfterGate`. If a server asks one of the clients that share them to wait, all of
 * them wait.
 *
 * Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as RetryAfterGates from "@reprise/http/RetryAfterGates"
 * import { Effect } from "effect"
 *
 * const busy = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * )
 *
 * const program = Effect.gen(function*() {
 *   const gates = yield* RetryAfterGates.make({ max: "30 seconds" })
 *   const reading = busy.pipe(HttpResilience.retryAfterGate({ gates }))
 *   const writing = busy.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
 *   yield* reading.get("http://example.com/")
 *   return yield* Effect.flip(writing.post("http://example.com/"))
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => GateClosed
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<RetryAfterGates> => gates.make(options)

/**
 * Makes gates that share their pauses with those of other processes, through the `RetryAfterStore`, while the scope is
 * open.
 *
 * No call waits for the store. A gate that closes here closes in the other processes within 100 milliseconds plus the
 * time of the store. A pause also holds for keys that are first used later, as long as `capacity` allows. Without the
 * store each process works alone, and publishes the rest of its pauses when the store is back. Throws `InvalidOption`
 * for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as RetryAfterGates from "@reprise/http/RetryAfterGates"
 * import { Effect } from "effect"
 * import * as RetryAfterStore from "reprise/RetryAfterStore"
 *
 * let requests = 0
 * const busy = HttpClient.make((request) => {
 *   requests++
 *   return Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * })
 *
 * // As if in a process of its own.
 * const clientOfAProcess = Effect.map(
 *   RetryAfterGates.makeShared(),
 *   (gates) => busy.pipe(HttpResilience.retryAfterGate({ gates, onClosed: "reject" }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const [one, other] = yield* Effect.all([clientOfAProcess, clientOfAProcess])
 *   yield* one.get("http://example.com/")
 *   yield* Effect.sleep("200 millis")
 *   const error = yield* Effect.flip(other.get("http://example.com/"))
 *   return `${requests} request, then ${error._tag}`
 * })
 *
 * // In production: the store of `@reprise/redis`.
 * const store = RetryAfterStore.layerMemory()
 * Effect.runPromise(Effect.scoped(Effect.provide(program, store))).then(console.log) // => 1 request, then GateClosed
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const makeShared = (
  options: Options = {}
): Effect.Effect<RetryAfterGates, never, RetryAfterStore | Scope.Scope> => gates.makeShared(options)
