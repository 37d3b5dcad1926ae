import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as reason from "../retry/reason.js"
import { clamp, type Step, type Stepped, type Stepper, type Verdict } from "./steps.js"

/** @internal */
export type Fallible<Out, In, E, R> = Schedule.Schedule<Out, In, E, R>

type Running<Out, In, E, R> = Effect.Success<ReturnType<typeof Schedule.toStep<Out, In, E, R>>>

/**
 * The start of a schedule. Each first step begins a new run.
 *
 * @internal
 */
export const start = <Out, In, E, R>(schedule: Schedule.Schedule<Out, In, E, R>): Stepper<Out, In, E, R> => {
  const first: Stepper<Out, In, E, R>["step"] = (nowMillis, input) =>
    Effect.flatMap(Schedule.toStep(schedule), (step) => {
      const next: Stepper<Out, In, E, R> = { step: (...args) => stepped(next, step, ...args), trial: first }
      return next.step(nowMillis, input)
    })
  return { step: first, trial: first }
}

const stepped = <Out, In, E, R>(
  next: Stepper<Out, In, E, R>,
  step: Running<Out, In, E, R>,
  nowMillis: number,
  input: In
): Effect.Effect<Stepped<Out, In, E, R>, E, R> =>
  Pull.matchEffect(Effect.suspend(() => step(nowMillis, input)), {
    onSuccess: ([output, duration]) =>
      Effect.succeed({ next, output, duration, delayMillis: Math.max(Duration.toMillis(duration), 0) }),
    onFailure: Effect.failCause<E>,
    onDone: (output: Out) => Effect.succeed({ next, output, delayMillis: undefined })
  })

/** @internal */
export type Metadata = Schedule.Metadata

/**
 * The metadata of the schedule for the attempt after its step.
 *
 * @internal
 */
export const iteration = (
  previous: Metadata | undefined,
  now: number,
  input: unknown,
  { duration = Duration.zero, output }: Pick<Stepped<unknown, never, unknown, unknown>, "duration" | "output">
): Metadata => ({
  input,
  output,
  now,
  duration,
  attempt: (previous?.attempt ?? 0) + 1,
  start: previous?.start ?? now,
  elapsed: now - (previous?.start ?? now),
  elapsedSincePrevious: now - (previous?.now ?? now)
})

/**
 * An attempt that sees the metadata.
 *
 * @internal
 */
export const numbered = <A, E, R>(self: Effect.Effect<A, E, R>, metadata: Metadata): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Schedule.CurrentMetadata, metadata)

/**
 * A schedule without an end whose delays come from its own state alone; its output is the delay.
 *
 * @internal
 */
export const unfold = <S, R = never>(
  initial: S,
  next: (state: S) => Effect.Effect<readonly [delayMillis: number, state: S], never, R>
): Schedule.Schedule<Duration.Duration, unknown, never, R> =>
  Schedule.fromStep(Effect.sync(() => {
    let state = initial
    return () =>
      Effect.map(Effect.suspend(() => next(state)), ([delayMillis, nextState]) => {
        state = nextState
        const delay = Duration.millis(clamp(delayMillis))
        return [delay, delay]
      })
  }))

/**
 * Ends the schedule at an input that the predicate refuses. One that it accepts passes every filter within. `isNamed` if the filter
 * names its inputs.
 *
 * @internal
 */
export const filter = <Out, In, E, R, In2>(
  self: Schedule.Schedule<Out, In, E, R>,
  predicate: (input: In2) => boolean,
  isNamed = false
): Schedule.Schedule<Out | undefined, In & In2, E, R> =>
  Schedule.fromStep(
    Effect.map(Schedule.toStep(self), (step) => (now: number, input: In & In2) =>
      predicate(input)
        ? reason.accepting(isNamed, () => step(now, input), () => Cause.done(undefined))
        : Effect.andThen(reason.stop("notRetryable"), Cause.done(undefined)))
  )

/**
 * Lets `f` change or end each step of a schedule that would go on. Like `Schedule.modifyDelay`, but `f` also keeps state,
 * can stop, and says why.
 *
 * @internal
 */
export const transform = <Out, In, E, R, In2, S, R2 = never>(
  self: Schedule.Schedule<Out, In, E, R>,
  initial: S,
  f: (step: Step<In2, S>) => Effect.Effect<Verdict<S>, never, R2>
): Schedule.Schedule<Out, In & In2, E, R | R2> =>
  Schedule.fromStep(Effect.map(Schedule.toStep(self), (step) => {
    let state = initial
    return (now: number, input: In & In2) =>
      Effect.flatMap(step(now, input), ([output, delay]) => {
        const reasons = reason.current()
        if (reasons.isAsked) return Effect.succeed([output, delay] as [Out, Duration.Duration])
        const delayMillis = clamp(Duration.toMillis(delay))
        return Effect.flatMap(f({ delayMillis, input, now, state }), (verdict) => {
          state = verdict.state
          if (verdict._tag === "Stop") {
            reasons.stop = verdict.reason
            return Cause.done(output)
          }
          if (verdict.reason !== undefined) reasons.wait = verdict.reason
          const changed = Duration.millis(clamp(verdict.delayMillis))
          return Effect.succeed([output, changed] as [Out, Duration.Duration])
        })
      })
  }))

// The two types that follow are not marked internal: the declarations of Backoff refer to them.

export type AnySchedule = Schedule.Schedule<unknown, never, unknown, unknown>

// Inference from a parameter turns the union of inputs into their intersection.
type InOf<S> = (S extends Schedule.Schedule<unknown, infer In, unknown, unknown> ? (input: In) => void : never) extends
  (input: infer In) => void ? In : never

/** The schedule of a chain of `S`. */
export type Chain<S> = Schedule.Schedule<Schedule.Output<S>, InOf<S>, Schedule.Error<S>, Schedule.Env<S>>

/**
 * One step of each schedule in turn; the last continues. Each begins with its turn.
 *
 * @internal
 */
export const chain = <Out, In, E, R>(
  first: Schedule.Schedule<Out, In, E, R>,
  rest: ReadonlyArray<Schedule.Schedule<Out, In, E, R>>
): Schedule.Schedule<Out, In, E, R> =>
  Schedule.fromStep(Effect.sync(() => {
    let turns = [first, ...rest]
    let last: Running<Out, In, E, R> | undefined
    const begin = (schedule: Schedule.Schedule<Out, In, E, R>, now: number, input: In) =>
      Effect.flatMap(Schedule.toStep(schedule), (step) => {
        if (turns.length === 1) last = step
        return step(now, input)
      })
    return (now: number, input: In) =>
      Effect.suspend(() => {
        if (last !== undefined) return last(now, input)
        const [turn, ...others] = turns
        const result = begin(turn!, now, input)
        // A trial does not know the turn, so it asks the filters of all.
        if (reason.current().isAsked) {
          return Effect.andThen(Effect.forEach(others, (one) => Effect.exit(begin(one, now, input))), result)
        }
        return Effect.map(result, (waits) => {
          if (others.length > 0) turns = others
          return waits
        })
      })
  }))
