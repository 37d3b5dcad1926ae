/** Schedules that tests step by hand, and combinators of Effect 3 that Effect 4 does not have. */
import { Cause, Duration, Effect, Option, Pull, Schedule } from "effect"

export interface Step<Out> {
  readonly out: Out
  /** None where the schedule stops. */
  readonly delay: Option.Option<number>
}

/** Steps a schedule from its start. */
export const stepping = <Out, In, E, R>(schedule: Schedule.Schedule<Out, In, E, R>) => {
  const begun = Effect.runSync(Effect.cached(Schedule.toStep(schedule)))
  return (now: number, input: In): Effect.Effect<Step<Out>, E, R> =>
    Effect.flatMap(begun, (step) =>
      Pull.matchEffect(step(now, input), {
        onSuccess: ([out, delay]) => Effect.succeed({ out, delay: Option.some(Duration.toMillis(delay)) }),
        onFailure: Effect.failCause<E>,
        onDone: (out: Out) => Effect.succeed({ out, delay: Option.none() })
      }))
}

/** The delay after each step, `undefined` at the end. Its output counts the steps. */
export const fromDelays = (delay: (step: number) => number | undefined): Schedule.Schedule<number> =>
  Schedule.fromStep(Effect.sync(() => {
    let n = 0
    return () =>
      Effect.suspend(() => {
        const millis = delay(n)
        return millis === undefined
          ? Cause.done(n++)
          : Effect.succeed([n++, Duration.millis(millis)] as [number, Duration.Duration])
      })
  }))

/** The expression must be valid: then the schedule has no error. */
export const cron = (expression: string) => Schedule.cron(expression, "UTC") as unknown as Schedule.Schedule<unknown>

export const linear = (millis: number): Schedule.Schedule<unknown> => fromDelays((n) => millis * (n + 1))

export const resetWhen = <Out, In, E, R>(self: Schedule.Schedule<Out, In, E, R>, f: (out: Out) => boolean) =>
  Schedule.fromStep(Effect.map(Schedule.toStep(self), (first) => {
    let step = first
    const again = Effect.map(Schedule.toStep(self), (begun) => step = begun)
    return (now: number, input: In) => {
      const or = <A, E2>(out: Out, result: Effect.Effect<A, E2>) =>
        f(out) ? Effect.flatMap(again, (step) => step(now, input)) : result
      return Pull.matchEffect(step(now, input), {
        onSuccess: (result) => or(result[0], Effect.succeed(result)),
        onFailure: Effect.failCause<E>,
        onDone: (out: Out) => or(out, Cause.done(out))
      })
    }
  }))

export const resetAfter = <Out, In, E, R>(self: Schedule.Schedule<Out, In, E, R>, duration: Duration.Input) => {
  const timed = Schedule.map(self, ({ elapsed, output }) => [elapsed, output] as const)
  const reset = resetWhen(timed, ([elapsed]) => elapsed >= Duration.toMillis(duration))
  return Schedule.map(reset, ({ output: [, output] }) => output)
}

export const mapInput = <Out, In, E, R, In2>(self: Schedule.Schedule<Out, In, E, R>, f: (input: In2) => In) =>
  Schedule.fromStep(Effect.map(Schedule.toStep(self), (step) => (now: number, input: In2) => step(now, f(input))))

/** Both, with the output of the first one. */
export const zipLeft = <Out, In, E, R, In2, E2, R2>(
  left: Schedule.Schedule<Out, In, E, R>,
  right: Schedule.Schedule<unknown, In2, E2, R2>
): Schedule.Schedule<Out, In & In2, E | E2, R | R2> =>
  Schedule.fromStep(Effect.map(Effect.all([Schedule.toStep(left), Schedule.toStep(right)]), ([left, right]) =>
    (now: number, input: In & In2) =>
      Effect.flatMap(left(now, input), ([out, delay]) =>
        Pull.matchEffect(right(now, input), {
          onSuccess: ([, other]) => Effect.succeed([out, Duration.max(delay, other)] as [Out, Duration.Duration]),
          onFailure: Effect.failCause<E2>,
          onDone: () => Cause.done(out)
        }))))

/** Leaves that only Effect 3 has. */
export const leaves: ReadonlyArray<never> = []

/** Combinators that only Effect 3 has. */
export const combinators: ReadonlyArray<never> = []

/** Combinators of two that only Effect 3 has. */
export const pairs = (_input: unknown): ReadonlyArray<never> => []
