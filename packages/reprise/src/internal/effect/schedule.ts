import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import { maxDelayMillis } from "../../InvalidOption.js"
import type { Reason } from "../retry/model.js"
import * as reason from "../retry/reason.js"

/**
 * The state of a schedule after one step.
 *
 * @internal
 */
export interface Stepped<out Out> {
  readonly state: unknown
  readonly output: Out
  /** `undefined` once the schedule has ended. */
  readonly delayMillis: number | undefined
}

/**
 * One step of a schedule. `Schedule.driver` would sleep, and read the clock by itself.
 *
 * @internal
 */
export const step = <Out, In, R>(
  schedule: Schedule.Schedule<Out, In, R>,
  nowMillis: number,
  input: In,
  state: unknown
): Effect.Effect<Stepped<Out>, never, R> =>
  Effect.map(
    Effect.suspend(() => schedule.step(nowMillis, input, state)),
    ([state, output, decision]) => {
      if (ScheduleDecision.isDone(decision)) return { state, output, delayMillis: undefined }
      const delayMillis = ScheduleIntervals.start(decision.intervals) - nowMillis
      return { state, output, delayMillis: delayMillis > 0 ? delayMillis : 0 } // `NaN` too is no wait
    }
  )

/**
 * The metadata of the schedule for the attempt after its step.
 *
 * @internal
 */
export const iteration = (
  previous: Schedule.IterationMetadata | undefined,
  now: number,
  input: unknown,
  output: unknown
): Schedule.IterationMetadata => ({
  input,
  output,
  now,
  recurrence: (previous?.recurrence ?? 0) + 1,
  start: previous?.start ?? now,
  elapsed: Duration.millis(now - (previous?.start ?? now)),
  elapsedSincePrevious: Duration.millis(now - (previous?.now ?? now))
})

/**
 * The result of a combinator for one step: the new delay, or the reason to stop.
 *
 * @internal
 */
export type Verdict<S> =
  | { readonly _tag: "Wait"; readonly delayMillis: number; readonly state: S; readonly reason?: Reason }
  | { readonly _tag: "Stop"; readonly state: S; readonly reason: Reason }

/** @internal */
export interface Step<In, S> {
  readonly delayMillis: number
  readonly input: In
  readonly now: number
  readonly state: S
}

/** No wait is negative, `NaN`, or longer than a timer can hold. */
const clamp = (delayMillis: number): number => delayMillis > 0 ? Math.min(delayMillis, maxDelayMillis) : 0

const continueAfter = (now: number, delayMillis: number): ScheduleDecision.ScheduleDecision =>
  ScheduleDecision.continueWith(ScheduleInterval.after(now + delayMillis))

/**
 * A schedule without an end whose delays come from its own state alone; its output is the delay.
 *
 * @internal
 */
export const unfold = <S, R = never>(
  initial: S,
  next: (state: S) => Effect.Effect<readonly [delayMillis: number, state: S], never, R>
): Schedule.Schedule<Duration.Duration, unknown, R> =>
  Schedule.makeWithState(initial, (now, _, state) =>
    Effect.map(next(state), ([delayMillis, nextState]) => {
      const delay = clamp(delayMillis)
      return [nextState, Duration.millis(delay), continueAfter(now, delay)] as const
    }))

/**
 * Ends the schedule at an input that the predicate refuses. One that it accepts passes every filter within. `isNamed` if the filter
 * names its inputs.
 *
 * @internal
 */
export const filter = <Out, In, R, In2>(
  self: Schedule.Schedule<Out, In, R>,
  predicate: (input: In2) => boolean,
  isNamed = false
): Schedule.Schedule<Out | undefined, In & In2, R> =>
  Schedule.makeWithState(self.initial, (now: number, input: In & In2, state) =>
    predicate(input)
      ? reason.accepting(self.step(now, input, state), isNamed)
      : Effect.as(reason.stop("notRetryable"), [state, undefined, ScheduleDecision.done] as const))

/**
 * Lets `f` change or end each step of a schedule that would go on. Like `Schedule.modifyDelayEffect`, but `f` also sees
 * the input (the failure), keeps state, can stop, and says why.
 *
 * @internal
 */
export const transform = <Out, In, R, In2, S, R2 = never>(
  self: Schedule.Schedule<Out, In, R>,
  initial: S,
  f: (step: Step<In2, S>) => Effect.Effect<Verdict<S>, never, R2>
): Schedule.Schedule<Out, In & In2, R | R2> =>
  Schedule.makeWithState(
    [self.initial, initial] as readonly [unknown, S],
    (now: number, input: In & In2, [inner, state]) =>
      Effect.flatMap(self.step(now, input, inner), ([nextInner, out, decision]) => {
        if (ScheduleDecision.isDone(decision)) return Effect.succeed([[nextInner, state], out, decision] as const)
        const start = ScheduleIntervals.start(decision.intervals) - now
        const delayMillis = clamp(start)
        return Effect.flatMap(f({ delayMillis, input, now, state }), (verdict) => {
          const next = [nextInner, verdict.state] as const
          if (verdict._tag === "Stop") {
            return Effect.as(reason.stop(verdict.reason), [next, out, ScheduleDecision.done] as const)
          }
          // An unchanged delay keeps its interval, in which schedules such as `cron` store their end.
          const changed = verdict.delayMillis !== start
          const result = [next, out, changed ? continueAfter(now, clamp(verdict.delayMillis)) : decision] as const
          return verdict.reason === undefined ? Effect.succeed(result) : Effect.as(reason.wait(verdict.reason), result)
        })
      })
  )
