import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleInterval from "effect/ScheduleInterval"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import * as reason from "../retry/reason.js"
import { clamp, type Step, type Stepped, type Stepper, type Verdict } from "./steps.js"

/**
 * A schedule with an error of its own. Only Effect 4 has such schedules.
 *
 * @internal
 */
export type Fallible<Out, In, _E, R> = Schedule.Schedule<Out, In, R>

/**
 * The start of a schedule. Each first step begins a new run.
 *
 * @internal
 */
export const start = <Out, In, R>(schedule: Schedule.Schedule<Out, In, R>): Stepper<Out, In, never, R> =>
  new At(schedule, schedule.initial)

class At<Out, In, R> implements Stepper<Out, In, never, R> {
  constructor(readonly schedule: Schedule.Schedule<Out, In, R>, readonly state: unknown) {}

  step(nowMillis: number, input: In): Effect.Effect<Stepped<Out, In, never, R>, never, R> {
    return Effect.map(
      Effect.suspend(() => this.schedule.step(nowMillis, input, this.state)),
      ([state, output, decision]) => {
        const next = new At(this.schedule, state)
        if (ScheduleDecision.isDone(decision)) return { next, output, delayMillis: undefined }
        const delayMillis = ScheduleIntervals.start(decision.intervals) - nowMillis
        return { next, output, delayMillis: delayMillis > 0 ? delayMillis : 0 } // `NaN` too is no wait
      }
    )
  }

  trial(nowMillis: number, input: In): Effect.Effect<unknown, never, R> {
    return this.step(nowMillis, input)
  }
}

/** @internal */
export type Metadata = Schedule.IterationMetadata

/**
 * The metadata of the schedule for the attempt after its step.
 *
 * @internal
 */
export const iteration = (
  previous: Metadata | undefined,
  now: number,
  input: unknown,
  { output }: Pick<Stepped<unknown, never, unknown, unknown>, "output">
): Metadata => ({
  input,
  output,
  now,
  recurrence: (previous?.recurrence ?? 0) + 1,
  start: previous?.start ?? now,
  elapsed: Duration.millis(now - (previous?.start ?? now)),
  elapsedSincePrevious: Duration.millis(now - (previous?.now ?? now))
})

/**
 * An attempt that sees the metadata.
 *
 * @internal
 */
export const numbered = <A, E, R>(self: Effect.Effect<A, E, R>, metadata: Metadata): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Schedule.CurrentIterationMetadata, metadata)

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
  Schedule.makeWithState(self.initial, (now: number, input: In & In2, state) => {
    const ended = [state, undefined, ScheduleDecision.done] as const
    return predicate(input)
      ? reason.accepting(isNamed, () => self.step(now, input, state), () => Effect.succeed(ended))
      : Effect.as(reason.stop("notRetryable"), ended)
  })

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
        const reasons = reason.current()
        if (ScheduleDecision.isDone(decision) || reasons.isAsked) {
          return Effect.succeed([[nextInner, state], out, decision] as const)
        }
        const start = ScheduleIntervals.start(decision.intervals) - now
        return Effect.map(f({ delayMillis: clamp(start), input, now, state }), (verdict) => {
          const next = [nextInner, verdict.state] as const
          if (verdict._tag === "Stop") {
            reasons.stop = verdict.reason
            return [next, out, ScheduleDecision.done] as const
          }
          if (verdict.reason !== undefined) reasons.wait = verdict.reason
          // An unchanged delay keeps its interval, in which schedules such as `cron` store their end.
          const isChanged = verdict.delayMillis !== start
          return [next, out, isChanged ? continueAfter(now, clamp(verdict.delayMillis)) : decision] as const
        })
      })
  )

// The two types that follow are not marked internal: the declarations of Backoff refer to them.

export type AnySchedule = Schedule.Schedule<unknown, never, unknown>

type OutOf<S> = S extends Schedule.Schedule<infer Out, never, unknown> ? Out : never
type ContextOf<S> = S extends Schedule.Schedule<unknown, never, infer R> ? R : never
// Inference from a parameter turns the union of inputs into their intersection.
type InOf<S> = (S extends Schedule.Schedule<unknown, infer In, unknown> ? (input: In) => void : never) extends
  (input: infer In) => void ? In : never

/** The schedule of a chain of `S`. */
export type Chain<S> = Schedule.Schedule<OutOf<S>, InOf<S>, ContextOf<S>>

/**
 * One step of each schedule in turn; the last continues. Each begins with its turn.
 *
 * @internal
 */
export const chain = <Out, In, R>(
  first: Schedule.Schedule<Out, In, R>,
  rest: ReadonlyArray<Schedule.Schedule<Out, In, R>>
): Schedule.Schedule<Out, In, R> =>
  Schedule.makeWithState(
    { schedule: first, state: first.initial as unknown, rest },
    (now, input: In, turn) =>
      Effect.map(turn.schedule.step(now, input, turn.state), ([state, out, decision]) => {
        const [next, ...rest] = turn.rest
        const nextTurn = next === undefined ? { ...turn, state } : { schedule: next, state: next.initial, rest }
        return [nextTurn, out, decision] as const
      })
  )
