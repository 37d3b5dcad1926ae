/**
 * Runs an effect again while a `Schedule` says so, with the meaning of `Effect.retry` and nothing to pay until the first
 * failure; and the two combinators through which a failure tells a schedule what it knows.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import type { NoInfer } from "effect/Types"
import * as schedule_ from "./internal/effect/schedule.js"
import * as internal from "./internal/retry/loop.js"
import type { Hint, HonorHint, Ledger, Loop } from "./internal/retry/model.js"
import * as nested from "./internal/retry/nested.js"
import * as reason from "./internal/retry/reason.js"
import * as InvalidOption from "./InvalidOption.js"

export type { Attempt, Hint, HonorHint, Ledger, Loop, Reason } from "./internal/retry/model.js"

/**
 * Runs the effect again after each failure for as long as the schedule goes on, then fails with the last error.
 *
 * The laws of `Effect.retry(effect, schedule)` hold: the same attempts, delays, result and
 * `Schedule.CurrentIterationMetadata`; defects and interruptions are never retried. Differences, all on purpose: nothing
 * is allocated until the first failure (so that in a retry within a retry the first attempt sees the outer loop's
 * metadata); a delay above 2^31-1 ms is waited for, where `Effect.sleep` never wakes; where a `Deadline` is set, a wait
 * that would pass it is not begun; and within `withoutNested` it makes one attempt.
 *
 * @example
 * ```ts
 * import { Effect, Ref } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Retry from "reprise/Retry"
 *
 * const policy = Backoff.exponential("10 millis").pipe(Backoff.fullJitter, Backoff.attempts(5))
 *
 * const program = Effect.gen(function*() {
 *   const calls = yield* Ref.make(0)
 *   const flaky = Ref.updateAndGet(calls, (n) => n + 1).pipe(
 *     Effect.filterOrFail((n) => n === 3, () => "not yet")
 *   )
 *   return yield* Retry.retry(flaky, policy)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 3
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry: {
  <B, E, R1>(
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | R1>
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>
  ): Effect.Effect<A, E, R | R1>
} = dual(
  2,
  <A, E, R, B, R1>(self: Effect.Effect<A, E, R>, schedule: Schedule.Schedule<B, E, R1>): Effect.Effect<A, E, R | R1> =>
    internal.retry(self, schedule)
)

/**
 * The number of attempts of which the ledger has no line, because the call made more than 32.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import * as Retry from "reprise/Retry"
 *
 * const program = Effect.fail("boom").pipe(Retry.ledger(Schedule.recurs(99)))
 * const [, attempts] = Effect.runSync(program)
 *
 * console.log(attempts.length, Retry.omitted(attempts)) // => 32 68
 * ```
 *
 * @since 0.1.0
 * @category getters
 */
export const omitted = (ledger: Ledger<unknown>): number => Math.max((ledger.at(-1)?.number ?? 0) - ledger.length, 0)

/**
 * The retry loop itself, for those who build on it: each attempt is made anew, and the exit of the last one comes with the
 * ledger of the call. Never fails; interruption is not caught.
 *
 * @since 0.1.0
 * @category combinators
 */
export const loop: <A, E, R, R1 = never, R2 = never, L = E>(
  options: Loop<A, E, R, R1, R2, L>
) => Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Ledger<L>], never, R | R1 | R2> = internal.loop

/**
 * Like `retry`, but succeeds with the exit of the last attempt and the ledger of the call, for success and failure alike.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Retry from "reprise/Retry"
 *
 * const program = Effect.fail("boom").pipe(
 *   Retry.ledger(Backoff.exponential("1 millis").pipe(Backoff.attempts(3))),
 *   Effect.map(([, attempts]) => attempts.map((attempt) => attempt.reason).join(", "))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => backoff, backoff, attempts
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const ledger: {
  <B, E, R1>(
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>
  ): <A, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Ledger<E>], never, R | R1>
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>
  ): Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Ledger<E>], never, R | R1>
} = dual(
  2,
  <A, E, R, B, R1>(self: Effect.Effect<A, E, R>, schedule: Schedule.Schedule<B, E, R1>) =>
    loop({ attempt: () => self, schedule })
)

/**
 * Ends the schedule at a failure whose `retryable` is `false`, with reason `"notRetryable"`. A filter around it that accepts the
 * failure (`whileError`, `whileTag`) decides instead.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileRetryable = <Out, In, R>(
  self: Schedule.Schedule<Out, In, R>
): Schedule.Schedule<Out, In & Pick<Hint, "retryable">, R> =>
  schedule_.transform(
    self,
    undefined,
    (step: schedule_.Step<Pick<Hint, "retryable">, undefined>) =>
      Effect.map(step.input.retryable ? Effect.succeed(true) : reason.isAccepted, (goesOn) =>
        goesOn
          ? { _tag: "Wait", delayMillis: step.delayMillis, state: undefined }
          : { _tag: "Stop", reason: "notRetryable", state: undefined })
  )

/**
 * Goes on after an error that the predicate accepts, whatever `retryable` says, and ends with reason `"notRetryable"` after every
 * other error. It also decides for the filters of the schedule that it is put around. In a `Pipeline` it never retries the rejection of
 * a policy: only `whileTag` with the tag of the rejection does.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileError =
  <E>(predicate: (error: E) => boolean) =>
  <Out, In, R>(self: Schedule.Schedule<Out, In, R>): Schedule.Schedule<Out | undefined, In & E, R> =>
    schedule_.filter(self, predicate)

/**
 * Goes on after an error with one of these tags, whatever its `retryable` says, and ends with reason `"notRetryable"` after every other error.
 *
 * @example
 * ```ts
 * import { Data, Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Retry from "reprise/Retry"
 *
 * class Timeout extends Data.TaggedError("Timeout")<{}> {}
 * class Duplicate extends Data.TaggedError("Duplicate")<{}> {}
 *
 * const policy = Backoff.exponential("1 millis").pipe(Backoff.attempts(5), Retry.whileTag("Timeout"))
 *
 * let attempts = 0
 * const insert = Effect.suspend(() => Effect.fail(++attempts < 3 ? new Timeout() : new Duplicate()))
 *
 * Effect.runPromise(Effect.flip(Retry.retry(insert, policy))).then(({ _tag }) => console.log(_tag, attempts)) // => Duplicate 3
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileTag =
  (...tags: ReadonlyArray<string>) =>
  <Out, In, R>(self: Schedule.Schedule<Out, In, R>): Schedule.Schedule<Out | undefined, In, R> =>
    schedule_.filter(
      self,
      (error: unknown) => Predicate.hasProperty(error, "_tag") && tags.some((tag) => tag === error._tag),
      true
    )

/**
 * Waits at least as long as the failure's `retryAfter` asks: `max(delay, retryAfter * (1 + U(0, jitter)))`.
 *
 * A hint beyond `max` (default 2 minutes) ends the schedule with reason `"retryAfterTooLong"`: it is neither slept through
 * nor cut short. `jitter` (a share, default 0.1) spreads out callers that were all told the same time. Put it after
 * `Backoff.capped` and the jitters, which would change the wait it sets. Throws `InvalidOption` for a `max` or `jitter` out
 * of range.
 *
 * @since 0.1.0
 * @category combinators
 */
export const honorHint = (options?: HonorHint) => {
  const maxMillis = InvalidOption.millis("max", options?.max ?? "2 minutes", { min: 0 })
  const jitter = InvalidOption.number("jitter", options?.jitter ?? 0.1, { min: 0, max: 1 })
  return <Out, In, R>(
    self: Schedule.Schedule<Out, In, R>
  ): Schedule.Schedule<Out, In & Pick<Hint, "retryAfter">, R> =>
    schedule_.transform(
      self,
      undefined,
      ({ delayMillis, input }: schedule_.Step<Pick<Hint, "retryAfter">, undefined>) => {
        const own = { _tag: "Wait", delayMillis, state: undefined } as const
        if (Option.isNone(input.retryAfter)) return Effect.succeed(own)
        const hintMillis = Duration.toMillis(input.retryAfter.value)
        if (hintMillis > maxMillis) {
          return Effect.succeed({ _tag: "Stop", reason: "retryAfterTooLong", state: undefined } as const)
        }
        return Effect.map(Random.next, (random) => {
          const askedMillis = hintMillis * (1 + jitter * random)
          return askedMillis <= delayMillis ? own : { ...own, delayMillis: askedMillis, reason: "retryAfter" }
        })
      }
    )
}

/**
 * Lets every `Retry` loop within the effect make one attempt, with reason `"nested"`: put it around the attempt of an outer
 * loop, and three attempts of three make three and not nine.
 *
 * It holds in fibers that are forked within too, until the effect ends. `Effect.retry` does not know of it.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import * as Retry from "reprise/Retry"
 *
 * let calls = 0
 * const inner = Effect.suspend(() => Effect.fail(++calls)).pipe(Retry.retry(Schedule.recurs(2)))
 * const outer = inner.pipe(Retry.withoutNested, Retry.retry(Schedule.recurs(2)), Effect.flip)
 *
 * Effect.runPromise(outer).then(console.log) // => 3
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withoutNested: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = nested.suppress

/**
 * Undoes `withoutNested` for the effect: what is within it tries again as its schedules say.
 *
 * @since 0.1.0
 * @category combinators
 */
export const allowNested: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = nested.allow
