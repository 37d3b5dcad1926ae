/** Schedules that tests step by hand, and combinators of Effect 3 that Effect 4 does not have. */
import type { Duration } from "effect"
import { Effect, Option, Schedule, ScheduleDecision, ScheduleInterval, ScheduleIntervals } from "effect"

export interface Step<Out> {
  readonly out: Out
  /** None where the schedule stops. */
  readonly delay: Option.Option<number>
}

/** Steps a schedule from its start. */
export const stepping = <Out, In, R>(schedule: Schedule.Schedule<Out, In, R>) => {
  let state: unknown = schedule.initial
  return (now: number, input: In): Effect.Effect<Step<Out>, never, R> =>
    Effect.map(Effect.suspend(() => schedule.step(now, input, state)), ([next, out, decision]) => {
      state = next
      return {
        out,
        delay: ScheduleDecision.isDone(decision)
          ? Option.none()
          : Option.some(ScheduleIntervals.start(decision.intervals) - now)
      }
    })
}

/** The delay after each step, `undefined` at the end. Its output counts the steps. */
export const fromDelays = (delay: (step: number) => number | undefined): Schedule.Schedule<number> =>
  Schedule.makeWithState(0, (now, _, n) =>
    Effect.sync(() => {
      const millis = delay(n)
      const decision = millis === undefined
        ? ScheduleDecision.done
        : ScheduleDecision.continueWith(ScheduleInterval.after(now + millis))
      return [n + 1, n, decision] as const
    }))

export const cron = (expression: string): Schedule.Schedule<unknown> => Schedule.cron(expression, "UTC")

export const linear = (millis: number): Schedule.Schedule<unknown> => Schedule.linear(millis)

export const resetWhen = <Out, In, R>(self: Schedule.Schedule<Out, In, R>, f: (out: Out) => boolean) =>
  Schedule.resetWhen(self, f)

export const resetAfter = <Out, In, R>(self: Schedule.Schedule<Out, In, R>, duration: Duration.DurationInput) =>
  Schedule.resetAfter(self, duration)

export const mapInput = <Out, In, R, In2>(self: Schedule.Schedule<Out, In, R>, f: (input: In2) => In) =>
  Schedule.mapInput(self, f)

/** Both, with the output of the first one. */
export const zipLeft = <Out, In, R, In2, R2>(
  left: Schedule.Schedule<Out, In, R>,
  right: Schedule.Schedule<unknown, In2, R2>
): Schedule.Schedule<Out, In & In2, R | R2> => Schedule.zipLeft(left, right)

/** Leaves that only Effect 3 has. */
export const leaves: ReadonlyArray<readonly [name: string, policy: () => Schedule.Schedule<unknown>]> = [
  ["fromDelays", () => Schedule.fromDelays(5, 0, 1)],
  ["secondOfMinute", () => Schedule.secondOfMinute(7)],
  ["elapsed", () => Schedule.elapsed]
]

type Combinator = <In>(self: Schedule.Schedule<unknown, In>) => Schedule.Schedule<unknown, In>

/** Combinators that only Effect 3 has. */
export const combinators: ReadonlyArray<readonly [name: string, f: Combinator]> = [
  ["jitteredWith", Schedule.jitteredWith({ min: 0, max: 3 })],
  ["repetitions", Schedule.repetitions],
  ["collectAllInputs", (self) => Schedule.zipRight(self, Schedule.collectAllInputs())],
  ["collectAllOutputs", Schedule.collectAllOutputs],
  ["mapInputEffect", (self) => Schedule.mapInputEffect(self, (input) => Effect.delay(Effect.succeed(input), 3))],
  ["reduce", Schedule.reduce(0, (n) => n + 1)],
  ["compose", (self) => Schedule.compose(self, Schedule.spaced(7))]
]

/** Combinators of two that only Effect 3 has. */
export const pairs = <In>(
  input: In
): ReadonlyArray<
  readonly [
    name: string,
    f: (left: Schedule.Schedule<unknown, In>, right: Schedule.Schedule<unknown, In>) => Schedule.Schedule<unknown, In>
  ]
> => [
  ["zipRight", (left, right) => Schedule.zipRight(left, right)],
  ["compose", (left, right) => Schedule.compose(left, Schedule.mapInput(right, () => input))]
]
