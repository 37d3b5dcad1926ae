import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Deadline from "reprise/Deadline"
import * as InvalidOption from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as clock from "./clock.js"
import * as engine from "./engine.js"
import type { Attempt, LoopOptions } from "./model.js"
import * as records from "./records.js"

/** @internal */
export interface Options<A, AI, RA, E, EI, RE, R, RS> extends LoopOptions {
  readonly name: string
  readonly attempt: (number: number) => Effect.Effect<A, E, R>
  readonly success: Schema.Schema<A, AI, RA>
  readonly error: Schema.Schema<E, EI, RE>
  readonly schedule: Schedule.Schedule<unknown, E, RS>
  readonly canHelp?: ((error: E) => boolean) | undefined
  readonly describe: (error: E) => NonNullable<Attempt["failure"]>
  /** Of the rejection of a policy, which sent nothing: the wait that it asks for. */
  readonly held?: ((error: E) => Option.Option<Duration.Duration> | undefined) | undefined
  /** The error as it is recorded if another attempt follows. */
  readonly shorten?: ((error: E) => E) | undefined
}

/** @internal */
export type Finished<A, E> =
  | { readonly _tag: "Answered"; readonly value: A; readonly records: ReadonlyArray<records.Record> }
  | {
    readonly _tag: "Ended"
    /** Of all failed attempts. */
    readonly errors: ReadonlyArray<E>
    readonly deadlineMillis: number
    readonly records: ReadonlyArray<records.Record>
  }

/** The waits after the rejections of a policy, if the policy asks for less. */
const heldMillis = (times: number): number => Math.min(1_000 * 2 ** times, 60_000)

/** A clock that was set back does not make a wait longer than its recorded length. */
const restMillis = (wait: records.Again, nowMillis: number): number =>
  Math.max(0, Math.min(wait.atMillis - nowMillis, wait.delayMillis, InvalidOption.maxDelayMillis))

/**
 * Makes attempts until one succeeds or the schedule ends. Each is an activity, which first waits for its time.
 *
 * @internal
 */
export const run = <A, AI, RA, E, EI, RE, R, RS>(
  options: Options<A, AI, RA, E, EI, RE, R, RS>
): Effect.Effect<Finished<A, E>, never, RA | RE | Exclude<R | RS, engine.Engine> | engine.Engine> => {
  const { name } = options
  const inMemoryMillis = threshold(options)
  const until = deadline(options)
  return Effect.gen(function*() {
    yield* engine.claim(name)
    const deadlineMillis = yield* until
    const done: Array<records.Record> = []
    const failures: Array<Retry.Failure<E>> = []
    while (true) {
      const last = done.at(-1)
      const wait = last?._tag === "Again" ? last : undefined
      if (wait !== undefined && wait.delayMillis > inMemoryMillis) {
        yield* engine.suspendUntil(`${name}/wait/${done.length}`, wait)
      }
      const step = new Step(options, deadlineMillis, failures, wait, heldInARow(done))
      const written = yield* engine.recorded(`${name}/${done.length + 1}`, step.run)
      const record = yield* records.read(name, records.Record, written)
      done.push(record)
      if (record._tag === "Answered") {
        const value = yield* records.read(name, options.success, record.value)
        return { _tag: "Answered", value, records: done }
      }
      const error = record.failed === undefined
        ? Option.none()
        : Option.some(yield* records.read(name, options.error, record.failed.error))
      if (record._tag === "Ended") {
        const errors = [...failures.map(({ error }) => error), ...Option.toArray(error)]
        return { _tag: "Ended", errors, deadlineMillis, records: done }
      }
      if (Option.isSome(error)) {
        failures.push({ error: error.value, atMillis: record.atMillis - record.delayMillis, seed: record.failed!.seed })
      }
    }
  })
}

const threshold = ({ inMemoryThreshold = "60 seconds" }: LoopOptions): number =>
  InvalidOption.millis("inMemoryThreshold", inMemoryThreshold, { min: 0 })

/**
 * Throws `InvalidOption` for an option out of range.
 *
 * @internal
 */
export const check = (options: LoopOptions): void => {
  threshold(options)
  if (options.deadline !== undefined && !DateTime.isDateTime(options.deadline)) positive(options.deadline)
}

const positive = (deadline: Duration.DurationInput) => InvalidOption.millis("deadline", deadline, { moreThan: 0 })

/** A date is the same in every process. A duration is recorded as a date, once. */
const deadline = ({ deadline, name }: LoopOptions & { readonly name: string }) => {
  if (deadline === undefined) return Effect.succeed(Infinity)
  if (DateTime.isDateTime(deadline)) return Effect.succeed(DateTime.toEpochMillis(deadline))
  const millis = positive(deadline)
  const end = Effect.map(clock.currentWallMillis, (nowMillis) => nowMillis + millis)
  const written = engine.recorded(`${name}/deadline`, end)
  return Effect.flatMap(written, (millis) => records.read(`${name}/deadline`, Schema.Number, millis))
}

const heldInARow = (done: ReadonlyArray<records.Record>): number => {
  let index = done.length
  while (index > 0 && done[index - 1]!._tag === "Again" && (done[index - 1] as records.Again).failed === undefined) {
    index--
  }
  return done.length - index
}

/** The activity of one attempt. */
class Step<A, AI, RA, E, EI, RE, R, RS> {
  constructor(
    readonly options: Options<A, AI, RA, E, EI, RE, R, RS>,
    readonly deadlineMillis: number,
    readonly failures: ReadonlyArray<Retry.Failure<E>>,
    readonly wait: records.Again | undefined,
    readonly heldTimes: number
  ) {}

  get run(): Effect.Effect<unknown, never, RA | RE | R | RS> {
    const rest = this.wait === undefined
      ? Effect.void
      : Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
        const millis = restMillis(this.wait!, nowMillis)
        return millis > 0 ? Effect.sleep(Duration.millis(millis)) : Effect.void
      })
    return Effect.map(Effect.zipRight(rest, this.limited), records.encode)
  }

  /** Ends the attempt at the deadline. */
  get limited(): Effect.Effect<records.Record, never, RA | RE | R | RS> {
    const { deadlineMillis } = this
    if (deadlineMillis === Infinity) return this.attempt
    return Effect.flatMap(clock.currentWallMillis, (startMillis) => {
      const leftMillis = Math.min(deadlineMillis - startMillis, InvalidOption.maxDelayMillis)
      const late = Effect.map(clock.currentWallMillis, (nowMillis) =>
        this.ended({
          number: this.failures.length + (leftMillis > 0 ? 1 : 0),
          startMillis,
          durationMillis: Math.max(0, nowMillis - startMillis),
          reason: "deadline"
        }))
      return leftMillis <= 0 ? late : Effect.catchAll(Deadline.within(this.attempt, leftMillis), () => late)
    })
  }

  get attempt(): Effect.Effect<records.Record, never, RA | RE | R | RS> {
    const { options } = this
    const number = this.failures.length + 1
    return Effect.flatMap(Effect.zip(clock.currentWallMillis, Deadline.now), ([startMillis, beganMillis]) => {
      const line = Effect.map(Deadline.now, (nowMillis) => ({
        number,
        startMillis,
        durationMillis: Math.max(0, nowMillis - beganMillis)
      }))
      return Effect.matchCauseEffect(Retry.withoutNested(options.attempt(number)), {
        onSuccess: (value) =>
          Effect.zipWith(line, orDie(Schema.encode(options.success)(value)), (line, value): records.Record => ({
            _tag: "Answered",
            version: 1,
            attempt: { ...line, reason: "success" },
            value
          })),
        onFailure: (cause) => {
          const error = Cause.isDie(cause) ? Option.none() : Cause.failureOption(cause)
          // A defect or an interruption is the engine's own matter.
          if (Option.isNone(error)) return Effect.failCause(cause as Cause.Cause<never>)
          return Effect.flatMap(line, (line) => this.failed(line, error.value))
        }
      })
    })
  }

  failed(line: Omit<Attempt, "reason">, error: E): Effect.Effect<records.Record, never, RE | RS> {
    const { options } = this
    const described = { ...line, failure: options.describe(error) }
    const asked = options.held?.(error)
    if (asked !== undefined) return this.held({ ...described, number: line.number - 1 }, asked)
    return Effect.flatMap(
      Effect.zip(clock.currentWallMillis, Random.nextIntBetween(0, 2 ** 31)),
      ([atMillis, seed]) => {
        const { canHelp } = options
        const decision = Retry.decide(options.schedule, [...this.failures, { error, atMillis, seed }], { canHelp })
        return Effect.flatMap(decision, (next) => {
          const recorded = next._tag === "Wait" && options.shorten !== undefined ? options.shorten(error) : error
          return Effect.map(orDie(Schema.encode(options.error)(recorded)), (error) =>
            next._tag === "Wait"
              ? again(described, next.delayMillis, next.reason, { atMillis, failed: { error, seed } })
              : this.ended({ ...described, reason: next.reason }, { error }))
        })
      }
    )
  }

  /** A policy does not admit the attempt: the call waits, and neither the schedule nor its attempts go on. */
  held(line: Omit<Attempt, "reason">, asked: Option.Option<Duration.Duration>): Effect.Effect<records.Record> {
    return Effect.zipWith(clock.currentWallMillis, Random.next, (atMillis, random) => {
      const askedMillis = Option.match(asked, { onNone: () => 0, onSome: Duration.toMillis })
      const millis = Math.min(Math.max(askedMillis, heldMillis(this.heldTimes)), InvalidOption.maxDelayMillis / 2)
      const delayMillis = millis * (1 + 0.1 * random)
      return atMillis + delayMillis >= this.deadlineMillis
        ? this.ended({ ...line, reason: "deadline" })
        : again(line, delayMillis, "held", { atMillis })
    })
  }

  ended(attempt: Attempt, failed?: { readonly error: unknown }): records.Record {
    return { _tag: "Ended", version: 1, attempt, ...(failed !== undefined && { failed }) }
  }
}

const again = (
  attempt: Omit<Attempt, "reason">,
  delayMillis: number,
  reason: string,
  { atMillis, ...rest }: Pick<records.Again, "atMillis" | "failed">
): records.Again => {
  const wholeMillis = Math.ceil(delayMillis)
  return {
    _tag: "Again",
    version: 1,
    attempt: { ...attempt, delayMillis: wholeMillis, reason },
    atMillis: atMillis + wholeMillis,
    delayMillis: wholeMillis,
    reason,
    ...rest
  }
}

/** An error or a value that its own schema cannot encode is a mistake of the program. */
const orDie = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> => Effect.orDie(self)
