/**
 * Defines the protocol of policies that may admit, delay or reject an attempt: breakers, bulkheads, limiters, gates,
 * and your own.
 *
 * A policy is synchronous and uses neither fibers nor timers. `protect` runs an effect under any list of policies: it
 * masks interruption, waits in queues, keeps the deadline and reports the result of the attempt.
 *
 * @since 3.1.0
 */
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as make_ from "./internal/shell/make.js"
import type { CallOptions, Error, Full, Policy, Simple } from "./internal/shell/model.js"
import * as shell from "./internal/shell/protect.js"

export {
  type Admit,
  type Call,
  type CallOptions,
  type Decision,
  type End,
  type Error,
  type Failure,
  type Full,
  type Policy,
  type Reject,
  type Simple,
  type Success,
  type Ticket,
  type Turn,
  TypeId,
  type Wait
} from "./internal/shell/model.js"

/**
 * Makes a policy of your own.
 *
 * The short form has two functions. One returns an error to reject an attempt, the other receives the result of each
 * admitted attempt. The full form can also hold resources and let attempts wait.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Policy from "reprise/Policy"
 *
 * // Rejects every attempt after the second one.
 * let attempts = 0
 * const quota = Policy.make({
 *   admit: () => (attempts >= 2 ? "quota" : undefined),
 *   settle: () => {
 *     attempts++
 *   }
 * })
 *
 * const program = Effect.succeed("ok").pipe(Policy.protect([quota]), Effect.merge, Effect.replicateEffect(3))
 *
 * Effect.runPromise(program).then((results) => console.log(results.join(" "))) // => ok ok quota
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make: {
  <E, A = unknown, Err = unknown>(options: Simple<E, A, Err>): Policy<E, A, Err>
  <E, A = unknown, Err = unknown>(options: Full<E, A, Err>): Policy<E, A, Err>
} = make_.make

/**
 * Runs the effect if every policy of the list admits it, and reports the result to each of them.
 *
 * The policies decide in the order of the list, in one step. An attempt takes nothing until all of them have admitted
 * it. Rejections are errors of the result. Throws `InvalidOption` if a policy is in the list twice, or if `priority` is
 * not a finite number.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Policy from "reprise/Policy"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const bulkhead = yield* Bulkhead.make({ maxConcurrent: 10 })
 *   const query = Policy.protect(Effect.fail("down" as const), [breaker, bulkhead])
 *   yield* Effect.ignore(query)
 *   return yield* Effect.flip(query)
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(error === "down" ? error : error._tag)) // => CircuitOpen
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const protect: {
  <const Ps extends ReadonlyArray<Policy<unknown, never, never>>>(
    policies: Ps,
    call?: CallOptions
  ): <A, E, R>(
    self: Ps extends ReadonlyArray<Policy<unknown, A, E>> ? Effect.Effect<A, E, R> : never
  ) => Effect.Effect<A, E | Error<Ps[number]>, R>
  <A, E, R, const Ps extends ReadonlyArray<Policy<unknown, A, E>>>(
    self: Effect.Effect<A, E, R>,
    policies: Ps,
    call?: CallOptions
  ): Effect.Effect<A, E | Error<Ps[number]>, R>
} = dual((args) => !Array.isArray(args[0]), shell.protect)
