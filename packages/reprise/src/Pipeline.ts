/**
 * Combines all policies for any effect: a deadline, retries with a budget, hedges, policies and an attempt timeout, in
 * the right order.
 *
 * @since 3.1.0
 */
import type * as Effect from "effect/Effect"
import * as internal from "./internal/shell/pipeline.js"
import type { Call, Options, Pipeline } from "./internal/shell/pipelineModel.js"
import * as region from "./internal/shell/region.js"
import type * as Policy from "./Policy.js"
import type { AttemptTimeout } from "./Timeout.js"

export type {
  About,
  AboutSpan,
  AttemptLimit,
  Call,
  Options,
  Pipeline,
  Running,
  RunningLoop
} from "./internal/shell/pipelineModel.js"

/**
 * Makes a pipeline, from the outside in: deadline, retries, policies, attempt timeout.
 *
 * A rejection of a policy ends the call, unless a filter of the schedule decides otherwise. The call fails with the
 * error of its last attempt, or with `DeadlineExceeded` if no time was left. Throws `InvalidOption` for an option out
 * of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   const resilient = Pipeline.make({
 *     deadline: "10 seconds",
 *     retry: Backoff.exponential("1 millis").pipe(Backoff.fullJitter, Backoff.attempts(4)),
 *     policies: [breaker],
 *     attemptTimeout: "2 seconds"
 *   })
 *   let attempts = 0
 *   const flaky = Effect.suspend(() => ++attempts < 3 ? Effect.fail("down") : Effect.succeed(attempts))
 *   return yield* resilient(flaky)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 3
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make: <
  In = unknown,
  R = never,
  const Policies extends ReadonlyArray<Policy.Policy<unknown, never, never>> = []
>(
  options: Options<In, R, Policies>
) => Pipeline<
  In,
  Policy.Success<Policies[number]>,
  Policy.Failure<Policies[number]>,
  Policy.Error<Policies[number]> | AttemptTimeout,
  R
> = internal.make

/**
 * Runs a pipeline, for libraries that build clients on it.
 *
 * It is one uninterruptible region around a deadline, a retry loop, policies, attempt timeouts and an end of your own.
 * `@reprise/http` uses it.
 *
 * @since 3.1.0
 * @category combinators
 */
export const call: <A, E, R, E1, B, E2>(options: Call<A, E, R, E1, B, E2>) => Effect.Effect<B, E2, R> = region.call
