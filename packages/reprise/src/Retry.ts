/**
 * Runs an effect again while a `Schedule` continues, like `Effect.retry`, at no cost until the first failure.
 *
 * Two combinators let the schedule use the data of the failure: `whileRetryable` and `honorHint`.
 *
 * @since 3.1.0
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
import type { Step } from "./internal/effect/steps.js"
import * as internal from "./internal/retry/loop.js"
import type { Decision, Failure, Hint, HonorHint, Ledger, Loop } from "./internal/retry/model.js"
import * as nested from "./internal/retry/nested.js"
import * as reason from "./internal/retry/reason.js"
import * as InvalidOption from "./InvalidOption.js"

export type { Attempt, Decision, Failure, Hint, HonorHint, Ledger, Loop, Reason } from "./internal/retry/model.js"

/**
 * Runs the effect again after each failure while the schedule continues, then fails with the last error.
 *
 * The laws of `Effect.retry(effect, schedule)` hold: the same attempts, delays, result and
 * `Schedule.CurrentIterationMetadata`. It never retries defects and interruptions. The differences are on purpose:
 *
 * - It allocates nothing until the first failure. So in a nested retry, the first attempt sees the metadata of the
 *   outer loop.
 * - It waits correctly for a delay above 2^31-1 ms, after which `Effect.sleep` never wakes.
 * - With a `Deadline`, it never starts a wait that would pass the deadline.
 * - Within `withoutNested` it makes one attempt.
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
 * @since 3.1.0
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
 * The number of attempts that are missing from the ledger, because the call made more than 32.
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
 * @since 3.1.0
 * @category getters
 */
export const omitted = (ledger: Ledger<unknown>): number => Math.max((ledger.at(-1)?.number ?? 0) - ledger.length, 0)

/**
 * The retry loop for libraries: it makes each attempt anew, and returns the exit of the last one with the ledger of the
 * call.
 *
 * It never fails. It does not catch interruption.
 *
 * @since 3.1.0
 * @category combinators
 */
export const loop: <A, E, R, R1 = never, R2 = never, L = E>(
  options: Loop<A, E, R, R1, R2, L>
) => Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Ledger<L>], never, R | R1 | R2> = internal.loop

/**
 * Like `retry`, but always succeeds, with the exit of the last attempt and the ledger of the call.
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
 * @since 3.1.0
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
 * Decides about the last of the failures of a call, by the rules of the retry loop. It makes no attempt and does not
 * wait.
 *
 * Use it when something else makes the attempts, such as a workflow engine or a queue. `failures` are those of the call
 * so far, in order, so a process that starts later decides as the first one would have. A recorded `seed` makes it draw
 * the same jitter again. `Deadline`, `withoutNested` and the filters of the schedule apply. `canHelp` is that of `loop`.
 * Without failures the first attempt is due: the delay is 0. Effects of the schedule run for each of the failures, every
 * time. It emits no events: `Telemetry.unsafeEmit` is for what makes the attempts.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Retry from "reprise/Retry"
 *
 * const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(3))
 * const first = { error: "down", atMillis: 0 }
 * const second = { error: "down", atMillis: 1_500 }
 * const third = { error: "down", atMillis: 4_000 }
 *
 * console.log(Effect.runSync(Retry.decide(policy, [first, second]))) // => { _tag: 'Wait', delayMillis: 2000, reason: 'backoff' }
 * console.log(Effect.runSync(Retry.decide(policy, [first, second, third]))) // => { _tag: 'Stop', reason: 'attempts' }
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const decide = <Out, E, R>(
  schedule: Schedule.Schedule<Out, E, R>,
  failures: ReadonlyArray<Failure<E>>,
  options: { readonly canHelp?: ((error: E) => boolean) | undefined } = {}
): Effect.Effect<Decision, never, R> => internal.decide(schedule, failures, options)

/**
 * Ends the schedule at a failure whose `retryable` is `false`, with reason `"notRetryable"`.
 *
 * If a filter around it (`whileError`, `whileTag`) accepts the failure, the filter decides.
 *
 * @since 3.1.0
 * @category combinators
 */
export const whileRetryable = <Out, In, R>(
  self: Schedule.Schedule<Out, In, R>
): Schedule.Schedule<Out, In & Pick<Hint, "retryable">, R> =>
  schedule_.transform(
    self,
    undefined,
    (step: Step<Pick<Hint, "retryable">, undefined>) =>
      Effect.sync(() =>
        step.input.retryable || reason.current().isAccepted
          ? { _tag: "Wait", delayMillis: step.delayMillis, state: undefined }
          : { _tag: "Stop", reason: "notRetryable", state: undefined }
      )
  )

/**
 * Continues after an error that the predicate accepts, even if its `retryable` is `false`. It ends with reason `"notRetryable"` after
 * every other error.
 *
 * It overrides the filters of the schedule inside. In a `Pipeline` it never retries the rejection of a policy: only `whileTag` with the
 * tag of the rejection does.
 *
 * @since 3.1.0
 * @category combinators
 */
export const whileError =
  <E>(predicate: (error: E) => boolean) =>
  <Out, In, R>(self: Schedule.Schedule<Out, In, R>): Schedule.Schedule<Out | undefined, In & E, R> =>
    schedule_.filter(self, predicate)

/**
 * Continues after an error with one of these tags, even if its `retryable` is `false`. It ends with reason
 * `"notRetryable"` after every other error.
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
 * @since 3.1.0
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
 * Waits at least the `retryAfter` of the failure: `max(delay, retryAfter * (1 + U(0, jitter)))`.
 *
 * A hint above `max` (default 2 minutes) ends the schedule with reason `"retryAfterTooLong"`. The schedule neither
 * waits for it nor shortens it. `jitter` (a share, default 0.1) spreads callers that received the same time. Put it
 * after `Backoff.capped` and the jitters, because they would change its wait. Throws `InvalidOption` for a `max` or
 * `jitter` out of range.
 *
 * @since 3.1.0
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
      ({ delayMillis, input }: Step<Pick<Hint, "retryAfter">, undefined>) => {
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
 * Limits every `Retry` loop within the effect to one attempt, with reason `"nested"`.
 *
 * Put it around the attempt of an outer loop. Three attempts of a call that makes three attempts are then three
 * requests instead of nine. It also applies to fibers that the effect forks, until the effect ends. `Effect.retry`
 * ignores it.
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
 * @since 3.1.0
 * @category combinators
 */
export const withoutNested: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = nested.suppress

/**
 * Undoes `withoutNested` for the effect: loops within it retry as their schedules say.
 *
 * @since 3.1.0
 * @category combinators
 */
export const allowNested: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = nested.allow
