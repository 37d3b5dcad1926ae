import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"
import * as InvalidOption from "../../InvalidOption.js"
import * as delay from "../delay.js"
import * as rejection from "../rejection.js"
import type * as Machine from "./machine.js"
import * as strategy from "./strategy.js"

/**
 * The options of a breaker, checked and complete. Any number of breakers share them.
 *
 * @internal
 */
export interface Settings extends Machine.Config {
  readonly reads: strategy.Reads
  /** Watches the calls in flight for slow ones, where the rule asks for that. */
  readonly makeInFlight: strategy.Strategy["makeInFlight"]
  readonly openFor: Schedule.Schedule<unknown, CircuitBreaker.Opening, unknown>
  readonly isFailure: CircuitBreaker.Options["isFailure"]
  readonly outcome: CircuitBreaker.Options["outcome"]
  readonly maxWaiting: number
  readonly probe: Effect.Effect<unknown, unknown, unknown> | undefined
  readonly context: Context.Context<unknown>
  readonly reject: (fields: CircuitBreaker.Rejection) => CircuitOpen
}

const min = { min: 1 }

/** @internal */
export const outcomeOf = ({ isFailure, outcome }: Settings, exit: Exit.Exit<unknown, unknown>): Machine.Outcome => {
  if (Exit.isFailure(exit)) {
    if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
    if (Cause.isDie(exit.cause)) return "failure"
  }
  if (outcome !== undefined) return outcome(exit)
  if (Exit.isSuccess(exit)) return "success"
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return (isFailure === undefined ? !rejection.isRejection(error) : isFailure(error)) ? "failure" : "ignored"
}

/**
 * The steps of a ramp: each delay of the schedule is how long its output, the share of calls, lasts. A share of 1, and the
 * end of the schedule, are the end of the ramp.
 */
const unfold = (
  schedule: Schedule.Schedule<number, unknown, unknown>,
  now: number,
  state: unknown,
  steps: ReadonlyArray<Machine.RampStep>
): Effect.Effect<ReadonlyArray<Machine.RampStep>, never, unknown> =>
  Effect.flatMap(schedule.step(now, undefined, state), ([next, share, decision]) => {
    if (ScheduleDecision.isDone(decision) || share >= 1 || steps.length === maxSteps) return Effect.succeed(steps)
    InvalidOption.number("ramp", share, { min: 0, max: 1 })
    const start = ScheduleIntervals.start(decision.intervals)
    return unfold(schedule, start, next, [...steps, { share, millis: Math.max(start - now, 0) }])
  })

const maxSteps = 1_000

/** @internal */
export interface Opening {
  readonly state: unknown
  readonly lastMillis: number
}

/**
 * How long to open for. A schedule that has ended repeats its last delay, and so does one that dies: the call that trips
 * the breaker must get its own error.
 *
 * @internal
 */
export const nextOpening = (
  settings: Settings,
  previous: Opening,
  now: number,
  input: CircuitBreaker.Opening
): Effect.Effect<Opening> =>
  Effect.suspend(() => settings.openFor.step(now, input, previous.state)).pipe(
    Effect.map(([state, , decision]): Opening =>
      ScheduleDecision.isDone(decision)
        ? previous
        : { state, lastMillis: Math.ceil(Math.max(ScheduleIntervals.start(decision.intervals) - now, 0)) || 0 }
    ),
    Effect.catchAllCause(() => Effect.succeed(previous)),
    Effect.mapInputContext((_: Context.Context<never>) => settings.context)
  )

/** @internal */
export const firstOpening = (settings: Settings): Opening => ({ state: settings.openFor.initial, lastMillis: 1_000 })

/**
 * The schedule of open times after so many in a row.
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
  // Beyond that a schedule has reached its cap.
  return Effect.iterate({ opening: firstOpening(settings), left: Math.min(trips, 1_000) }, {
    while: ({ left }) => left > 0,
    body: ({ left, opening }) =>
      Effect.map(nextOpening(settings, opening, now, input), (opening) => ({ opening, left: left - 1 }))
  }).pipe(Effect.map(({ opening }) => opening))
}

/** Doubles from 1 s to 60 s, each spread by a tenth to either side. */
const standard = delay.unfold(
  1_000,
  (millis) =>
    Effect.map(Random.nextRange(0.9, 1.1), (factor) => [millis * factor, Math.min(millis * 2, 60_000)] as const)
)

/**
 * Checks the options at once; what they require is taken from the context of the effect.
 *
 * @internal
 */
export const make = (
  options: CircuitBreaker.Options<unknown>,
  reject: Settings["reject"]
): Effect.Effect<Settings, never, unknown> => {
  const complete = check(options, reject)
  const { ramp } = options
  return Effect.flatMap(Effect.context<unknown>(), (context) =>
    Effect.map(
      ramp === undefined ? noRamp : unfold(ramp, 0, ramp.initial, []),
      (ramp) => complete(context, ramp)
    ))
}

const noRamp: Effect.Effect<ReadonlyArray<Machine.RampStep>> = Effect.succeed([])

/** In one literal: a copy of an object with so many fields takes twice the memory, for as long as the breaker lives. */
const check = (options: CircuitBreaker.Options<unknown>, reject: Settings["reject"]) => {
  const { limits, makeInFlight, makeWindow, reads } = strategy.of(options.trip)
  const probes = InvalidOption.integer("probes", options.probes ?? 1, min)
  const successes = InvalidOption.integer("successes", options.successes ?? probes, min)
  const tolerated = InvalidOption.integer("toleratedProbeFailures", options.toleratedProbeFailures ?? 0, { min: 0 })
  const leaseMillis = InvalidOption.millis("lease", options.lease ?? "30 seconds", { moreThan: 0 })
  const maxWaiting = options.onFull === "wait"
    ? InvalidOption.integer("maxWaiting", options.maxWaiting ?? 1_000, min)
    : 0
  const { isFailure, openFor = standard, outcome, probe } = options
  return (context: Context.Context<unknown>, ramp: ReadonlyArray<Machine.RampStep>): Settings => ({
    makeWindow,
    reads,
    makeInFlight,
    slowerThanMillis: Math.min(...limits),
    openFor,
    probes,
    successes,
    tolerated,
    leaseMillis,
    maxWaiting,
    ramp,
    isFailure,
    outcome,
    probe,
    context,
    reject
  })
}
