import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue, identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { integer, InvalidOption, millis } from "../../InvalidOption.js"
import type { RetryBudget } from "../budget/model.js"
import * as timeout from "../effect/timeout.js"
import { isRejection } from "../errors.js"
import * as retry from "../retry/loop.js"
import { AttemptTimeout, DeadlineExceeded } from "../timeErrors.js"
import type { AnyPolicy } from "./admission.js"
import * as attempt from "./attempt.js"
import type * as Pipeline from "./pipelineModel.js"
import { callOptions, checkDistinct } from "./protect.js"
import * as region from "./region.js"

interface Settings<In, R> {
  readonly callMillis: number
  readonly limit: attempt.Limit | undefined
  readonly schedule: Schedule.Schedule<unknown, In, R> | undefined
  readonly canHelp: (error: In) => boolean
  /** The `while` of the program, which decides alone. */
  readonly goesOn: ((error: In) => boolean) | undefined
  readonly budget: RetryBudget | undefined
  readonly policies: ReadonlyArray<AnyPolicy>
}

/** @internal */
export const make = <In, R, Policies extends ReadonlyArray<AnyPolicy>, A, Err, E>(
  options: Pipeline.Options<In, R, Policies>
): Pipeline.Pipeline<In, A, Err, E, R> => {
  const settings = check(options)
  return (self, call) => {
    const own = callOptions(call)
    return run(settings, self, own)
  }
}

const check = <In, R>(options: Pipeline.Options<In, R, ReadonlyArray<AnyPolicy>>): Settings<In, R> => {
  const { budget, policies = [] } = options
  checkDistinct(policies)
  return {
    callMillis: limit("deadline", options.deadline),
    limit: attemptLimit(limit("attemptTimeout", options.attemptTimeout)),
    ...retryOf(options.retry ?? false),
    budget,
    policies
  }
}

const limit = (option: string, value: Duration.DurationInput | undefined): number =>
  value === undefined ? Infinity : millis(option, value, { moreThan: 0 })

const attemptLimit = (millis: number): attempt.Limit | undefined => {
  if (millis === Infinity) return undefined
  const onTimeout = () => new AttemptTimeout({ duration: Duration.millis(millis) })
  const terms = { millis, onTimeout, deadlineMillis: Infinity }
  return (self, fiber, restore, end) => timeout.limited(self, fiber, restore, terms, end)
}

type Retrying<In, R> = Pick<Settings<In, R>, "schedule" | "canHelp" | "goesOn">

const retryOf = <In, R>(options: NonNullable<Pipeline.Options<In, R, []>["retry"]>): Retrying<In, R> => {
  if (options === false) return { schedule: undefined, canHelp, goesOn: undefined }
  if (Schedule.isSchedule(options)) return { schedule: options, canHelp, goesOn: undefined }
  if (typeof options !== "object") {
    throw new InvalidOption({ option: "retry", value: options, expected: "a schedule, its options, or false" })
  }
  const { schedule = Schedule.forever, times, while: goesOn } = options
  return {
    schedule: times === undefined
      ? schedule
      : Schedule.intersect(schedule, Schedule.recurs(integer("retry.times", times, { min: 0 }))),
    canHelp: goesOn === undefined ? canHelp : constTrue,
    goesOn
  }
}

/** Not after a rejection, and not after an error that says of itself that another attempt cannot succeed. */
const canHelp = (error: unknown): boolean =>
  !isRejection(error) && !(Predicate.hasProperty(error, "retryable") && error.retryable === false)

const run = <In, R, A, E extends In, R1, E2>(
  settings: Settings<In, R>,
  self: Effect.Effect<A, E, R1>,
  call: Pick<attempt.Terms, "priority" | "partition">
): Effect.Effect<A, E | E2 | DeadlineExceeded<E | E2>, R | R1> => {
  const { limit, policies, schedule } = settings
  let last: Option.Option<E | E2> = Option.none()
  const exceeded = () => new DeadlineExceeded<E | E2>({ last })
  return region.call({
    millis: settings.callMillis,
    onDeadline: exceeded,
    run: ({ deadlineMillis, restore }): Effect.Effect<A, E | E2 | DeadlineExceeded<E | E2>, R | R1> => {
      const terms = { ...call, policies, mayWait: true, deadlineMillis, limit }
      const one = attempt.masked<A, E, R1, E2>(self, terms, restore)
      if (schedule === undefined) return one
      const onFailure = (error: E | E2) => {
        last = Option.some(error)
      }
      return Effect.flatMap(
        retries(settings, schedule, one, { deadlineMillis, onFailure, restore }),
        ([exit, ledger]): Effect.Effect<A, E | E2 | DeadlineExceeded<E | E2>> =>
          ledger.at(-1)?.reason === "deadline" ? Effect.fail(exceeded()) : exit
      )
    },
    end: identity
  })
}

interface Retries<E> {
  readonly deadlineMillis: number
  readonly onFailure: (error: E) => void
  readonly restore: region.Restore
}

const retries = <In, R, A, E, R1>(
  { budget, canHelp, goesOn }: Settings<In, R>,
  schedule: Schedule.Schedule<unknown, In, R>,
  one: Effect.Effect<A, E, R1>,
  { deadlineMillis, onFailure, restore }: Retries<E>
) =>
  retry.loop({
    attempt: () => one,
    // The types of the pipeline make sure that the schedule takes every error of an attempt.
    schedule: schedule as Schedule.Schedule<unknown, unknown, R>,
    refuse: (error) => {
      onFailure(error)
      return goesOn === undefined || goesOn(error as unknown as In) ? Option.none() : Option.some("notRetryable")
    },
    canHelp: (error) => canHelp(error as unknown as In),
    deadlineMillis,
    budget
  }, { attempt: identity, restore })
