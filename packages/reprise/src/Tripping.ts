/**
 * Defines when a circuit breaker trips, as small values.
 *
 * @since 3.1.0
 */
import { InFlight } from "./internal/breaker/inFlight.js"
import * as strategy from "./internal/breaker/strategy.js"
import type { Own, Rate, SlowRate, Tripping } from "./internal/breaker/tripping.js"
import * as windows from "./internal/breaker/windows.js"
import * as InvalidOption from "./InvalidOption.js"

export {
  type Call,
  type Own,
  type Rate,
  type SlowRate,
  type Trip,
  type Tripping,
  TypeId
} from "./internal/breaker/tripping.js"

/**
 * Trips after `n` failures without a success between them. `n` is a whole number of at least 1.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2) })
 *   const failing = Effect.fail("down").pipe(CircuitBreaker.protect(breaker))
 *   yield* Effect.ignore(failing)
 *   yield* Effect.ignore(failing)
 *   return yield* CircuitBreaker.state(breaker)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const consecutive = (n: number): Tripping => {
  InvalidOption.integer("n", n, { min: 1 })
  return strategy.make("nothing", (previous) => {
    const window = new windows.Consecutive(n)
    if (previous instanceof windows.Consecutive) window.failures = previous.failures
    return window
  })
}

/**
 * Trips when the share of failures among at least `minimumCalls` calls in the window reaches `threshold` (`>=`).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { duration: "10 seconds" } })
 *   })
 *   const call = (isGood: boolean) =>
 *     (isGood ? Effect.succeed("up") : Effect.fail("down")).pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* Effect.forEach([true, false, false], call)
 *   const before = yield* CircuitBreaker.state(breaker)
 *   yield* call(true)
 *   return [before, yield* CircuitBreaker.state(breaker)]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Closed', 'Open' ]
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const rate = (options: Rate): Tripping => ofSamples(options, undefined)

/**
 * Trips when the share of slow calls reaches `threshold` (`>=`).
 *
 * It counts calls in flight as soon as they are slow. So it detects a dependency that never answers before the first
 * call ends. A slow probe counts as a failed one.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.slowRate({ slowerThan: "20 millis", threshold: 1, minimumCalls: 1, window: { calls: 10 } })
 *   })
 *   // It never answers, and is not even given up.
 *   yield* Effect.never.pipe(CircuitBreaker.protect(breaker), Effect.fork)
 *   yield* Effect.sleep("40 millis")
 *   return yield* Effect.succeed("up").pipe(CircuitBreaker.protect(breaker), Effect.flip)
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(error.trip?.rule)) // => slowRate
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const slowRate = (options: SlowRate): Tripping =>
  ofSamples(options, InvalidOption.millis("slowerThan", options.slowerThan, { moreThan: 0 }))

/**
 * Trips when the first of the rules does.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.any(
 *       Tripping.consecutive(2),
 *       Tripping.rate({ threshold: 0.5, minimumCalls: 20, window: { calls: 100 } })
 *     )
 *   })
 *   yield* Effect.replicateEffect(Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore), 2)
 *   return (yield* CircuitBreaker.snapshot(breaker)).trip?.rule
 * })
 *
 * Effect.runPromise(program).then(console.log) // => consecutive
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const any = (...rules: readonly [Tripping, ...ReadonlyArray<Tripping>]): Tripping => several(rules, false)

/**
 * Trips when all of the rules would trip at the same time.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.all(
 *       Tripping.consecutive(2),
 *       Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { calls: 100 } })
 *     )
 *   })
 *   const failing = Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* Effect.replicateEffect(failing, 3)
 *   const before = yield* CircuitBreaker.state(breaker)
 *   yield* failing
 *   return [before, yield* CircuitBreaker.state(breaker)]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Closed', 'Open' ]
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const all = (...rules: readonly [Tripping, ...ReadonlyArray<Tripping>]): Tripping => several(rules, true)

/**
 * A rule of your own, from two pure functions.
 *
 * @example
 * ```ts
 * import * as Tripping from "reprise/Tripping"
 *
 * // A failure weighs as much as it took: a timeout of 10 s is worse than ten quick refusals.
 * const lostSeconds = Tripping.make({
 *   initial: 0,
 *   record: (lost, { durationMillis, outcome }) => outcome === "success" ? 0 : lost + durationMillis / 1000,
 *   tripped: (lost) => lost >= 30 ? { rule: "lostSeconds", calls: 0, failures: 0, slow: 0 } : undefined
 * })
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <S>(options: Own<S>): Tripping =>
  strategy.make("durations", (previous) =>
    new windows.Own(
      // The same functions get their own state back.
      previous instanceof windows.Own && previous.functions === options ? previous.state as S : options.initial,
      options,
      options.initial
    ))

const ofSamples = (options: Rate, slowerThanMillis: number | undefined): Tripping => {
  const threshold = InvalidOption.number("threshold", options.threshold, { min: Number.MIN_VALUE, max: 1 })
  const makeSamples = samples(options.window)
  const calls = "calls" in options.window ? options.window.calls : Infinity
  const minimumCalls = InvalidOption.integer("minimumCalls", options.minimumCalls ?? Math.min(10, calls), {
    min: 1,
    max: Math.min(calls, Number.MAX_SAFE_INTEGER)
  })
  return strategy.make(
    slowerThanMillis === undefined ? "clock" : "durations",
    (previous, nowMillis) => {
      const own = makeSamples()
      if (previous instanceof windows.Rate && previous.slowerThanMillis === slowerThanMillis) {
        previous.samples.replay(own, nowMillis)
      }
      return new windows.Rate(own, threshold, minimumCalls, slowerThanMillis)
    },
    ...watching(slowerThanMillis === undefined ? [] : [slowerThanMillis])
  )
}

const samples = (window: Rate["window"]): () => windows.Samples => {
  if ("calls" in window) {
    const calls = InvalidOption.integer("window.calls", window.calls, { min: 1, max: 1_000_000 })
    return () => new windows.LastCalls(calls)
  }
  const millis = InvalidOption.millis("window.duration", window.duration, { moreThan: 0 })
  const buckets = InvalidOption.integer("window.buckets", window.buckets ?? 10, { min: 1, max: 1_000 })
  return () => new windows.LastMillis(buckets, millis)
}

/** The durations from which a call counts as slow, and the counter of slow calls in flight. */
const watching = (limits: ReadonlyArray<number>): [ReadonlyArray<number>?, ((previous?: InFlight) => InFlight)?] =>
  limits.length === 0 ? [] : [limits, (previous) => previous?.watch(limits) ?? new InFlight(limits)]

const several = (rules: ReadonlyArray<Tripping>, isAll: boolean): Tripping => {
  if (rules.length === 0) {
    throw new InvalidOption.InvalidOption({ option: "rules", value: rules, expected: "at least one rule" })
  }
  const strategies = rules.map(strategy.of)
  return strategy.make(
    strategies.map(({ reads }) => reads).reduce(strategy.more),
    (previous, nowMillis) => {
      const before = previous instanceof windows.Several ? previous.windows : []
      return new windows.Several(strategies.map((one, i) => one.makeWindow(before[i], nowMillis)), isAll)
    },
    ...watching(strategies.flatMap(({ limits }) => limits))
  )
}
