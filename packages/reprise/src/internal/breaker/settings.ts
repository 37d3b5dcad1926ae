import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as InvalidOption from "../../InvalidOption.js"
import * as local from "../effect/local.js"
import * as schedule_ from "../effect/schedule.js"
import type { Stepper } from "../effect/steps.js"
import * as rejection from "../errors.js"
import { bounded } from "./bounded.js"
import type * as Machine from "./machine.js"
import type * as CircuitBreaker from "./model.js"
import * as strategy from "./strategy.js"

/**
 * The options of a breaker, checked and complete. Any number of breakers share them.
 *
 * @internal
 */
export interface Settings extends Machine.Config {
  readonly reads: strategy.Reads
  /** Finds slow calls in flight, if the rule needs that. */
  readonly makeInFlight: strategy.Strategy["makeInFlight"]
  readonly openFor: Schedule.Schedule<unknown, CircuitBreaker.Opening, unknown>
  /** The start of the schedule in `openFor`. */
  readonly first: Opening
  readonly isFailure: CircuitBreaker.Options["isFailure"]
  readonly outcome: CircuitBreaker.Options["outcome"]
  readonly maxWaiting: number
  readonly probe: Effect.Effect<unknown, unknown, unknown> | undefined
  readonly context: Context.Context<unknown>
}

const min = { min: 1 }

/** @internal */
export const outcomeOf = ({ isFailure, outcome }: Settings, exit: Exit.Exit<unknown, unknown>): Machine.Outcome => {
  if (Exit.isFailure(exit)) {
    if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
    if (Cause.isDie(exit.cause)) return "failure"
  }
  return outcome === undefined ? defaultOutcome(exit, isFailure) : outcome(exit)
}

/** @internal */
export const defaultOutcome = (
  exit: Exit.Exit<unknown, unknown>,
  isFailure: CircuitBreaker.Options["isFailure"] = isNoRejection
): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.isInterruptedOnly(exit.cause)) return "ignored"
  if (Cause.isDie(exit.cause)) return "failure"
  return isFailure(Option.getOrUndefined(Cause.failureOption(exit.cause))) ? "failure" : "ignored"
}

const isNoRejection = (error: unknown): boolean => !rejection.isRejection(error)

/** @internal */
export interface Opening {
  readonly stepper: Stepper<unknown, CircuitBreaker.Opening, never, unknown>
  readonly lastMillis: number
}

/** A schedule that has ended repeats its last delay, and so does one that dies. */
const step = (
  previous: Opening,
  now: number,
  input: CircuitBreaker.Opening
): Effect.Effect<Opening, never, unknown> =>
  previous.stepper.step(now, input).pipe(
    Effect.map(({ delayMillis, next }) =>
      delayMillis === undefined ? previous : { stepper: next, lastMillis: Math.ceil(delayMillis) }
    ),
    Effect.catchAllCause(() => Effect.succeed(previous))
  )

/**
 * The next open time.
 *
 * @internal
 */
export const nextOpening = (
  settings: Settings,
  previous: Opening,
  now: number,
  input: CircuitBreaker.Opening
): Effect.Effect<Opening> => bounded(settings.context, step(previous, now, input), previous)

/**
 * The schedule of open times after this number of openings in a row.
 *
 * @internal
 */
export const openingAfter = (
  settings: Settings,
  trips: number,
  trip: Machine.Trip,
  now: number
): Effect.Effect<Opening> => {
  const input = { ...trip, error: Option.none(), retryAfter: Option.none() }
  const after = (opening: Opening, left: number): Effect.Effect<Opening, never, unknown> =>
    left === 0 ? Effect.succeed(opening) : Effect.flatMap(step(opening, now, input), (next) => after(next, left - 1))
  // Beyond that a schedule has reached its cap.
  return bounded(settings.context, after(settings.first, Math.min(trips, 1_000)), settings.first)
}

/** Doubles from 1 s to 60 s, each spread by a tenth to either side. */
const standard = schedule_.unfold(
  1_000,
  (millis) =>
    Effect.map(Random.nextRange(0.9, 1.1), (factor) => [millis * factor, Math.min(millis * 2, 60_000)] as const)
)

/**
 * Checks the options at once. The effect takes their requirements from its context.
 *
 * @internal
 */
export const make = (
  options: CircuitBreaker.Options<unknown>
): Effect.Effect<Settings, never, unknown> => {
  const complete = check(options)
  const { ramp } = options
  return Effect.flatMap(Effect.context<unknown>(), (context) =>
    Effect.map(
      ramp === undefined ? noRamp : unfoldRamp(schedule_.start(ramp), 0, []),
      (ramp) => complete(local.services(context), ramp)
    ))
}

/**
 * The steps of a ramp. Each output of the schedule is a share of calls, and its delay is the time for that share.
 *
 * The ramp ends with a share of 1, or with the schedule.
 */
const unfoldRamp = (
  stepper: Stepper<number, unknown, never, unknown>,
  now: number,
  steps: ReadonlyArray<Machine.RampStep>
): Effect.Effect<ReadonlyArray<Machine.RampStep>, never, unknown> =>
  Effect.flatMap(stepper.step(now, undefined), ({ delayMillis: millis, next, output: share }) => {
    if (millis === undefined || share >= 1 || steps.length === maxSteps) return Effect.succeed(steps)
    InvalidOption.number("ramp", share, { min: 0, max: 1 })
    return unfoldRamp(next, now + millis, [...steps, { share, millis }])
  })

const maxSteps = 1_000

const noRamp: Effect.Effect<ReadonlyArray<Machine.RampStep>> = Effect.succeed([])

const opening = (openFor: NonNullable<CircuitBreaker.Options<unknown>["openFor"]>) => {
  const isFixed = !Schedule.isSchedule(openFor)
  const lastMillis = isFixed ? InvalidOption.millis("openFor", openFor, { min: 0 }) : 1_000
  const schedule = isFixed ? schedule_.unfold(null, (state) => Effect.succeed([lastMillis, state])) : openFor
  return { first: { stepper: schedule_.start(schedule), lastMillis }, openFor: schedule }
}

/** One literal, because a copy of an object with many fields takes twice the memory for the life of the breaker. */
const check = (options: CircuitBreaker.Options<unknown>) => {
  const { limits, makeInFlight, makeWindow, reads } = strategy.of(options.trip)
  const probes = InvalidOption.integer("probes", options.probes ?? 1, min)
  const successes = InvalidOption.integer("successes", options.successes ?? probes, min)
  const tolerated = InvalidOption.integer("toleratedProbeFailures", options.toleratedProbeFailures ?? 0, { min: 0 })
  const leaseMillis = InvalidOption.millis("lease", options.lease ?? "30 seconds", { moreThan: 0 })
  const maxWaiting = InvalidOption.oneOf("onFull", options.onFull ?? "reject", ["reject", "wait"]) === "wait"
    ? InvalidOption.integer("maxWaiting", options.maxWaiting ?? 1_000, min)
    : 0
  const { isFailure, outcome, probe } = options
  const { first, openFor } = opening(options.openFor ?? standard)
  return (context: Context.Context<unknown>, ramp: ReadonlyArray<Machine.RampStep>): Settings => ({
    makeWindow,
    reads,
    makeInFlight,
    slowerThanMillis: Math.min(...limits),
    openFor,
    first,
    probes,
    successes,
    tolerated,
    leaseMillis,
    maxWaiting,
    ramp,
    isFailure,
    outcome,
    probe,
    context
  })
}
