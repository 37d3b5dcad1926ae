import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AnyFiber } from "./fiber.js"

// Waits, durations and ends read the monotonic clock, which cannot be set. The wall clock is for dates of other machines and
// people.

const of = (fiber: AnyFiber | undefined = Option.getOrUndefined(Fiber.getCurrentFiber())): Clock.Clock =>
  Context.unsafeGet(fiber?.currentDefaultServices ?? DefaultServices.liveServices, Clock.Clock)

/**
 * With fractions of a millisecond, to measure how long something took.
 *
 * @internal
 */
export const exactMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

/**
 * Whole milliseconds: a wait for less than one would spin.
 *
 * @internal
 */
export const monotonicOf = (clock: Clock.Clock): number => Math.round(exactMillis(clock))

/**
 * The monotonic time of a fiber, by default of the running one, within the current step. On Effect 3 it begins with the
 * epoch, by the wall clock at the start of the process.
 *
 * @internal
 */
export const monotonicMillis = (fiber?: AnyFiber): number => monotonicOf(of(fiber))

/** @internal */
export const currentMonotonicMillis: Effect.Effect<number> = Effect.withFiberRuntime((fiber) =>
  Exit.succeed(monotonicMillis(fiber))
)

/**
 * A smaller difference is not a step of the wall clock: the two clocks round in different ways, and may drift a little.
 */
const leastStepMillis = 100

const known = new WeakMap<Clock.Clock, number>()

/**
 * The difference from monotonic time to a date. It changes only when the wall clock is set.
 *
 * @internal
 */
export const wallAheadOf = (clock: Clock.Clock): number => {
  const last = known.get(clock) ?? 0
  const ahead = clock.unsafeCurrentTimeMillis() - monotonicOf(clock)
  if (Math.abs(ahead - last) < leastStepMillis) return last
  known.set(clock, ahead)
  return ahead
}

/**
 * The wall clock of a fiber: a date for people and other machines.
 *
 * @internal
 */
export const dateMillis = (fiber: AnyFiber): number => of(fiber).unsafeCurrentTimeMillis()

/**
 * The same on the clock of a fiber, by default of the running one.
 *
 * @internal
 */
export const wallAheadMillis = (fiber?: AnyFiber): number => wallAheadOf(of(fiber))
