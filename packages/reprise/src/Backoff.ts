/**
 * Computes the wait before the next attempt, and when to stop: `Schedule`s, and functions between `Schedule`s, that
 * Effect lacks.
 *
 * They are made for `pipe`, and combine freely with Effect's own.
 *
 * In every formula, `n` is the number of failed attempts so far, from 1. `U(a, b)` is a uniform draw from `[a, b)`,
 * taken from Effect's `Random` once per step. No delay is negative, `NaN` or longer than 2^31-1 ms (24.8 days), even
 * after many steps. A combinator changes the delay and keeps the output of its schedule.
 *
 * @since 3.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import * as schedule_ from "./internal/effect/schedule.js"
import { transform, unfold } from "./internal/effect/schedule.js"
import * as InvalidOption from "./InvalidOption.js"

type Combinator = <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>

/** Data-first and data-last like `dual`, but it checks the option at once, before it gets the schedule. */
function combinator<A>(make: (option: A) => Combinator) {
  function apply(option: A): Combinator
  function apply<Out, In, R>(self: Schedule.Schedule<Out, In, R>, option: A): Schedule.Schedule<Out, In, R>
  function apply<Out, In, R>(
    ...args: [A] | [Schedule.Schedule<Out, In, R>, A]
  ): Combinator | Schedule.Schedule<Out, In, R> {
    return args.length === 1 ? make(args[0]) : make(args[1])(args[0])
  }
  return apply
}

const wait = <S>(delayMillis: number, state: S) => ({ _tag: "Wait", delayMillis, state }) as const

const jitter = (f: (delayMillis: number, random: number) => number): Combinator => (self) =>
  transform(
    self,
    undefined,
    ({ delayMillis, state }) => Effect.map(Random.next, (random) => wait(f(delayMillis, random), state))
  )

const between = (min: number, max: number, random: number): number => min + (max - min) * random

/**
 * Delays that grow by a factor: `base * factor^(n-1)`, so 1 s, 2 s, 4 s, 8 s and so on, without an end.
 *
 * The delays are those of `Schedule.exponential`, but that schedule never wakes after a delay above 2^31-1 ms. `base`
 * must be longer than zero. `factor` must be at least 1, and defaults to 2. Throws `InvalidOption` otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const schedule = Backoff.exponential("1 second", { factor: 3 })
 *
 * const delays = Effect.runSync(Schedule.run(schedule, 0, [1, 2, 3, 4]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 1s, 3s, 9s, 27s
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const exponential = (
  base: Duration.DurationInput,
  options?: { readonly factor?: number | undefined }
): Schedule.Schedule<Duration.Duration> => {
  const baseMillis = InvalidOption.millis("base", base, { moreThan: 0 })
  // An infinite factor is not valid: the largest number is the bound.
  const factor = InvalidOption.number("factor", options?.factor ?? 2, { min: 1 })
  return unfold(0, (n) => Effect.succeed([baseMillis * factor ** n, n + 1]))
}

/**
 * Delays that grow by a fixed amount: `base + increment * (n-1)`, so 1 s, 2 s, 3 s, 4 s and so on, without an end.
 *
 * `base` must be longer than zero. `increment` must be zero or longer, and defaults to `base`. Throws `InvalidOption`
 * otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const schedule = Backoff.linear("1 second", { increment: "500 millis" })
 *
 * const delays = Effect.runSync(Schedule.run(schedule, 0, [1, 2, 3]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 1s, 1s 500ms, 2s
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const linear = (
  base: Duration.DurationInput,
  options?: { readonly increment?: Duration.DurationInput | undefined }
): Schedule.Schedule<Duration.Duration> => {
  const baseMillis = InvalidOption.millis("base", base, { moreThan: 0 })
  const incrementMillis = InvalidOption.millis("increment", options?.increment ?? baseMillis, { min: 0 })
  return unfold(0, (n) => Effect.succeed([baseMillis + incrementMillis * n, n + 1]))
}

/**
 * Delays that grow as the Fibonacci numbers: `one * F(n)`, so 1 s, 1 s, 2 s, 3 s, 5 s and so on, without an end.
 *
 * The factor is 1.62 in the long run: smaller than doubling. `one` must be longer than zero. Throws `InvalidOption`
 * otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const delays = Effect.runSync(Schedule.run(Backoff.fibonacci("1 second"), 0, [1, 2, 3, 4, 5]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 1s, 1s, 2s, 3s, 5s
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const fibonacci = (one: Duration.DurationInput): Schedule.Schedule<Duration.Duration> => {
  const oneMillis = InvalidOption.millis("one", one, { moreThan: 0 })
  const initial: readonly [number, number] = [oneMillis, oneMillis]
  return unfold(initial, ([a, b]) => Effect.succeed([a, [b, a + b]]))
}

/**
 * Random delays, drawn anew each time: `U(min, max)`, without an end. It is tenacity's `wait_random`.
 *
 * `min` must be zero or longer, `max` longer than zero and not below `min`. Throws `InvalidOption` otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const delays = Effect.runSync(Schedule.run(Backoff.random({ min: "1 second", max: "2 seconds" }), 0, [1, 2, 3]))
 * console.log(Array.from(delays).every(Duration.between({ minimum: Duration.seconds(1), maximum: Duration.seconds(2) }))) // => true
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const random = (options: {
  readonly min: Duration.DurationInput
  readonly max: Duration.DurationInput
}): Schedule.Schedule<Duration.Duration> => {
  const min = InvalidOption.millis("min", options.min, { min: 0 })
  const max = InvalidOption.millis("max", options.max, min === 0 ? { moreThan: 0 } : { min })
  return unfold(undefined, (state) => Effect.map(Random.next, (random) => [between(min, max, random), state]))
}

/**
 * Random delays, each drawn from the one before: `min(cap, U(base, 3 * previous))`, without an end. `previous` begins
 * as `base`.
 *
 * It spreads callers as widely as {@link fullJitter}, and never waits less than `base`. `base` must be longer than zero
 * and `cap` not below it. Throws `InvalidOption` otherwise. From "Exponential Backoff And Jitter", AWS Architecture
 * Blog, 2015.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const schedule = Backoff.decorrelated({ base: "1 second", cap: "20 seconds" })
 *
 * const delays = Effect.runSync(Schedule.run(schedule, 0, [1, 2, 3, 4, 5, 6]))
 * console.log(Array.from(delays).every(Duration.between({ minimum: Duration.seconds(1), maximum: Duration.seconds(20) }))) // => true
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const decorrelated = (options: {
  readonly base: Duration.DurationInput
  readonly cap: Duration.DurationInput
}): Schedule.Schedule<Duration.Duration> => {
  const base = InvalidOption.millis("base", options.base, { moreThan: 0 })
  const cap = InvalidOption.millis("cap", options.cap, { min: base })
  return unfold(base, (previous) =>
    Effect.map(Random.next, (random) => {
      const delayMillis = Math.min(cap, between(base, previous * 3, random))
      return [delayMillis, delayMillis]
    }))
}

/**
 * Takes one delay from each schedule in turn. The last schedule continues until it ends. It is tenacity's `wait_chain`.
 *
 * Each schedule starts when its turn comes. If a schedule stops, the chain stops, so a filter on any of them works.
 * Throws `InvalidOption` if the list is empty.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * // Once at once, for the connection that was merely stale, then patiently.
 * const schedule = Backoff.chain(Schedule.forever, Backoff.exponential("1 second"))
 *
 * const delays = Effect.runSync(Schedule.run(Schedule.delays(schedule), 0, [1, 2, 3, 4]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 0, 1s, 2s, 4s
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const chain = <Schedules extends readonly [schedule_.AnySchedule, ...ReadonlyArray<schedule_.AnySchedule>]>(
  ...schedules: Schedules
): schedule_.Chain<Schedules[number]> => {
  // The types of the elements are known only as a union: here they become those of the result.
  const [first, ...rest] = schedules as ReadonlyArray<schedule_.AnySchedule> as ReadonlyArray<
    schedule_.Chain<Schedules[number]>
  >
  if (first === undefined) {
    throw new InvalidOption.InvalidOption({ option: "schedules", value: schedules, expected: "at least one schedule" })
  }
  return schedule_.chain(first, rest)
}

/**
 * Limits each delay to `max`: `min(max, delay)`.
 *
 * Put it before the jitter, so that the jitter spreads the longest delays too. If `max` must be a hard limit, add it
 * once more after {@link additiveJitter} or {@link proportionalJitter}. `max` must be longer than zero. Throws
 * `InvalidOption` otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const schedule = Backoff.exponential("1 second").pipe(Backoff.capped("5 seconds"))
 *
 * const delays = Effect.runSync(Schedule.run(Schedule.delays(schedule), 0, [1, 2, 3, 4, 5]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 1s, 2s, 4s, 5s, 5s
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const capped: {
  (max: Duration.DurationInput): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>
  <Out, In, R>(
    self: Schedule.Schedule<Out, In, R>,
    max: Duration.DurationInput
  ): Schedule.Schedule<Out, In, R>
} = combinator((max: Duration.DurationInput) => {
  const maxMillis = InvalidOption.millis("max", max, { moreThan: 0 })
  return (self) =>
    transform(
      self,
      undefined,
      ({ delayMillis, state }) => Effect.succeed(wait(Math.min(maxMillis, delayMillis), state))
    )
})

/**
 * Draws each delay from zero to its full length: `U(0, delay)`.
 *
 * It causes the least load on an overloaded server, and is the default choice. It is the "full jitter" of "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015, and tenacity's `wait_random_exponential`.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * const policy = Backoff.exponential("1 second").pipe(Backoff.capped("10 seconds"), Backoff.fullJitter)
 *
 * // Each delay lies between zero and the delay of the policy: 1, 2, 4, 8 and 10 seconds.
 * const delays = Effect.runSync(Schedule.run(Schedule.delays(policy), 0, [1, 2, 3, 4, 5]))
 * console.log(Array.from(delays).every((delay) => Duration.toSeconds(delay) <= 10)) // => true
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const fullJitter: <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R> = jitter(
  (delayMillis, random) => delayMillis * random
)

/**
 * Waits at least half of the delay: `delay/2 + U(0, delay/2)`.
 *
 * Use it for delays that must not be short. It spreads callers less than full jitter. It is the "equal jitter" of
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @since 3.1.0
 * @category combinators
 */
export const equalJitter: <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R> = jitter(
  (delayMillis, random) => between(delayMillis / 2, delayMillis, random)
)

/**
 * Adds up to `max` to each delay: `delay + U(0, max)`.
 *
 * `max` must be longer than zero. Throws `InvalidOption` otherwise. It is tenacity's `wait_exponential_jitter`, and
 * urllib3's `backoff_jitter`.
 *
 * @since 3.1.0
 * @category combinators
 */
export const additiveJitter: {
  (max: Duration.DurationInput): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>
  <Out, In, R>(
    self: Schedule.Schedule<Out, In, R>,
    max: Duration.DurationInput
  ): Schedule.Schedule<Out, In, R>
} = combinator((max: Duration.DurationInput) => {
  const maxMillis = InvalidOption.millis("max", max, { moreThan: 0 })
  return jitter((delayMillis, random) => delayMillis + maxMillis * random)
})

/**
 * Multiplies each delay by a random factor: `delay * U(min, max)`.
 *
 * `{ min: 0.75, max: 1.25 }` is Polly's jitter of constant and linear delays, `{ min: 0.8, max: 1.2 }` is
 * `Schedule.jittered`. `min` must be at least 0, and `max` not below it. Throws `InvalidOption` otherwise.
 *
 * @since 3.1.0
 * @category combinators
 */
export const proportionalJitter: {
  (options: {
    readonly min: number
    readonly max: number
  }): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>
  <Out, In, R>(
    self: Schedule.Schedule<Out, In, R>,
    options: { readonly min: number; readonly max: number }
  ): Schedule.Schedule<Out, In, R>
} = combinator((options: { readonly min: number; readonly max: number }) => {
  const min = InvalidOption.number("min", options.min, { min: 0 })
  const max = InvalidOption.number("max", options.max, { min })
  return jitter((delayMillis, random) => delayMillis * between(min, max, random))
})

/**
 * Stops after `n` attempts, including the first: `attempts(1)` never retries.
 *
 * `n` must be a whole number of at least 1. Throws `InvalidOption` otherwise. `Schedule.recurs(n)` counts retries
 * instead, so it makes `n + 1` attempts.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * let sent = 0
 * const request = Effect.suspend(() => Effect.fail(`failure ${++sent}`))
 *
 * const program = request.pipe(Effect.retry(Backoff.linear("1 millis").pipe(Backoff.attempts(3))), Effect.flip)
 *
 * Effect.runPromise(program).then(console.log) // => failure 3
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const attempts: {
  (n: number): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>
  <Out, In, R>(self: Schedule.Schedule<Out, In, R>, n: number): Schedule.Schedule<Out, In, R>
} = combinator((n: number) => {
  InvalidOption.integer("n", n, { min: 1 })
  return (self) =>
    transform(self, 1, ({ delayMillis, state: made }) =>
      Effect.succeed(
        made < n ? wait(delayMillis, made + 1) : { _tag: "Stop", state: made, reason: "attempts" } as const
      ))
})

/**
 * Stops before a wait that would end later than `duration` after the first failure: if `elapsed + delay > duration`.
 *
 * `Schedule.upTo` checks only the elapsed time, so it can be late by a whole wait. A schedule does not see the time
 * before the first failure, and does not end a running attempt: use `Deadline` to bound the whole call. A clock that
 * moves backwards does not extend the time. `duration` must be longer than zero. Throws `InvalidOption` otherwise.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Schedule } from "effect"
 * import * as Backoff from "reprise/Backoff"
 *
 * // After 1 s + 2 s + 4 s the next wait, 8 s, would end at 15 s: the last step stops.
 * const schedule = Backoff.exponential("1 second").pipe(Backoff.within("10 seconds"))
 *
 * const delays = Effect.runSync(Schedule.run(Schedule.delays(schedule), 0, [1, 2, 3, 4]))
 * console.log(Array.from(delays, Duration.format).join(", ")) // => 1s, 2s, 4s, 0
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const within: {
  (
    duration: Duration.DurationInput
  ): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>
  <Out, In, R>(
    self: Schedule.Schedule<Out, In, R>,
    duration: Duration.DurationInput
  ): Schedule.Schedule<Out, In, R>
} = combinator((duration: Duration.DurationInput) => {
  const durationMillis = InvalidOption.millis("duration", duration, { moreThan: 0 })
  return (self) =>
    transform(self, { elapsed: 0, previous: Infinity }, ({ delayMillis, now, state }) => {
      // A clock that moves backwards adds no time and takes none away.
      const elapsed = state.elapsed + Math.max(0, now - state.previous)
      const next = { elapsed, previous: now }
      return Effect.succeed(
        elapsed + delayMillis > durationMillis
          ? { _tag: "Stop", state: next, reason: "within" } as const
          : wait(delayMillis, next)
      )
    })
})
