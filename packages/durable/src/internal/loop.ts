import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Deadline from "reprise/Deadline"
import { maxDelayMillis, millis } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as clock from "./clock.js"
import * as engine from "./engine.js"
import type { Attempt, LoopOptions } from "./model.js"
import * as records from "./records.js"
import * as telemetry from "./telemetry.js"

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
export interface Finished<A, E> {
  readonly answer: Option.Option<A>
  /** Of all failed attempts. */
  readonly errors: ReadonlyArray<E>
  readonly deadlineMillis: number
  readonly lines: ReadonlyArray<Attempt>
}

const inMemoryMillis = ({ inMemoryThreshold = "60 seconds" }: LoopOptions): number =>
  millis("inMemoryThreshold", inMemoryThreshold, { min: 0 })

/** A date is the same in every process. A duration is recorded as a date, once. */
const deadline = ({ deadline }: LoopOptions): { readonly atMillis: number } | { readonly lastsMillis: number } => {
  if (deadline === undefined) return { atMillis: Infinity }
  if (DateTime.isDateTime(deadline)) return { atMillis: DateTime.toEpochMillis(deadline) }
  return { lastsMillis: millis("deadline", deadline, { moreThan: 0 }) }
}

/**
 * Throws `InvalidOption` for an option out of range.
 *
 * @internal
 */
export const check = (options: LoopOptions): void => void [inMemoryMillis(options), deadline(options)]

const recordedDeadline = (options: LoopOptions & { readonly name: string }) => {
  const limit = deadline(options)
  if ("atMillis" in limit) return Effect.succeed(limit.atMillis)
  const name = `${options.name}/deadline`
  const end = Effect.map(clock.currentWallMillis, (nowMillis) => nowMillis + limit.lastsMillis)
  return Effect.flatMap(engine.recorded(name, end), (end) => records.read(name, Schema.Number, end))
}

/**
 * Makes attempts until one succeeds or the schedule ends. Each is an activity, which first waits for its time.
 *
 * @internal
 */
export const run = <A, AI, RA, E, EI, RE, R, RS>(
  options: Options<A, AI, RA, E, EI, RE, R, RS>
): Effect.Effect<Finished<A, E>, never, RA | RE | Exclude<R | RS, engine.Engine> | engine.Engine> =>
  Effect.gen(function*() {
    const { name } = options
    const instance = yield* engine.claim(name)
    const deadlineMillis = yield* recordedDeadline(options)
    const lines: Array<Attempt> = []
    const failures: Array<Retry.Failure<E>> = []
    for (let wait: records.Again | undefined, heldTimes = 0;;) {
      if (wait !== undefined && wait.delayMillis > inMemoryMillis(options)) {
        yield* engine.suspendUntil(`${name}/wait/${lines.length}`, wait)
      }
      const step = new Step(options, deadlineMillis, failures, heldTimes)
      // An engine ends a workflow that is suspended, and does not end the code that runs.
      const next = Effect.flatMap(rest(wait), () => instance.interrupted ? step.late("interrupted") : step.run)
      const activity = next.pipe(
        Effect.tap((record) => telemetry.tell(name, record, lines[0]?.startMillis ?? record.attempt.startMillis)),
        Effect.map(records.encode)
      )
      const written = yield* engine.recorded(`${name}/${lines.length + 1}`, activity)
      const record = yield* records.read(name, records.Record, written)
      lines.push(record.attempt)
      const finished = () => ({ errors: failures.map(({ error }) => error), deadlineMillis, lines })
      if (record._tag === "Answered") {
        return { answer: Option.some(yield* records.read(name, options.success, record.value)), ...finished() }
      }
      heldTimes = record.failed === undefined ? heldTimes + 1 : 0
      if (record.failed !== undefined) {
        const { error, seed } = record.failed
        const atMillis = record._tag === "Again" ? record.atMillis - record.delayMillis : 0
        failures.push({ error: yield* records.read(name, options.error, error), atMillis, seed })
      }
      if (record._tag === "Ended") {
        if (record.attempt.reason === "interrupted") return yield* engine.suspend(instance)
        return { answer: Option.none(), ...finished() }
      }
      wait = record
    }
  })

/** A clock that was set back does not make a wait longer than its recorded length. */
const rest = (wait: records.Again | undefined): Effect.Effect<void> =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const restMillis = wait === undefined ? 0 : Math.min(wait.atMillis - nowMillis, wait.delayMillis, maxDelayMillis)
    return restMillis > 0 ? Effect.sleep(Duration.millis(restMillis)) : Effect.void
  })

type Line = Pick<Attempt, "number" | "startMillis" | "durationMillis" | "failure">

/** The activity of one attempt. */
class Step<A, AI, RA, E, EI, RE, R, RS> {
  constructor(
    readonly options: Options<A, AI, RA, E, EI, RE, R, RS>,
    readonly deadlineMillis: number,
    readonly failures: ReadonlyArray<Retry.Failure<E>>,
    readonly heldTimes: number
  ) {}

  /** Ends the attempt at the deadline. */
  get run(): Effect.Effect<records.Record, never, RA | RE | R | RS> {
    return Effect.flatMap(Effect.zip(clock.currentWallMillis, Deadline.now), ([startMillis, beganMillis]) => {
      const leftMillis = this.deadlineMillis - startMillis
      if (leftMillis <= 0) return this.late("deadline")
      const line = Effect.map(Deadline.now, (nowMillis) => ({
        number: this.failures.length + 1,
        startMillis,
        durationMillis: Math.max(0, nowMillis - beganMillis)
      }))
      const attempt = this.attempt(line)
      return leftMillis === Infinity
        ? attempt
        : Effect.catchAll(
          Deadline.within(attempt, Math.min(leftMillis, maxDelayMillis)),
          () => Effect.map(line, (line) => ended({ ...line, reason: "deadline" }))
        )
    })
  }

  /** Without an attempt. */
  late(reason: "deadline" | "interrupted"): Effect.Effect<records.Record> {
    return Effect.map(
      clock.currentWallMillis,
      (startMillis) => ended({ number: this.failures.length, startMillis, durationMillis: 0, reason })
    )
  }

  attempt(line: Effect.Effect<Line>): Effect.Effect<records.Record, never, RA | RE | R | RS> {
    const { attempt, success } = this.options
    return Effect.matchCauseEffect(attempt(this.failures.length + 1), {
      onSuccess: (value) =>
        Effect.zipWith(
          line,
          Effect.orDie(Schema.encode(Schema.asSchema(success))(value)),
          (line, value): records.Record => ({
            _tag: "Answered",
            version: 1,
            attempt: { ...line, reason: "success" },
            value
          })
        ),
      onFailure: (cause) => {
        const error = Cause.isDie(cause) ? Option.none() : Cause.failureOption(cause)
        // A defect or an interruption is the engine's own matter.
        if (Option.isNone(error)) return Effect.failCause(cause as Cause.Cause<never>)
        return Effect.flatMap(line, (line) => this.failed(line, error.value))
      }
    })
  }

  failed(line: Line, error: E): Effect.Effect<records.Record, never, RE | RS> {
    const { canHelp, describe, held, schedule, shorten } = this.options
    const asked = held?.(error)
    const draws = Effect.zip(clock.currentWallMillis, Random.nextIntBetween(0, 2 ** 31))
    return Effect.flatMap(draws, ([atMillis, seed]) => {
      const decision = asked === undefined
        ? Retry.decide(schedule, [...this.failures, { error, atMillis, seed }], { canHelp })
        : this.hold(asked, atMillis)
      return Effect.flatMap(decision, (next) => {
        const recorded = next._tag === "Wait" && shorten !== undefined ? shorten(error) : error
        const encoded = Effect.map(
          Schema.encode(Schema.asSchema(this.options.error))(recorded),
          (error) => ({ error, seed })
        )
        return Effect.map(asked === undefined ? Effect.orDie(encoded) : Effect.succeed(undefined), (failed) => {
          const number = line.number - (asked === undefined ? 0 : 1)
          const attempt = { ...line, number, failure: describe(error), reason: next.reason }
          if (next._tag === "Stop") return ended(attempt, failed)
          const delayMillis = Math.ceil(next.delayMillis)
          const again = { atMillis: atMillis + delayMillis, delayMillis, failed }
          return { _tag: "Again", version: 1, attempt: { ...attempt, delayMillis }, ...again }
        })
      })
    })
  }

  /**
   * A policy does not admit the attempt: the call waits, and neither the schedule nor its attempts go on. Its own waits stay
   * below the default of `inMemoryThreshold`: after each suspension, the workflow reads all its records.
   */
  hold(asked: Option.Option<Duration.Duration>, atMillis: number): Effect.Effect<Retry.Decision> {
    const ownMillis = Math.min(1_000 * 2 ** this.heldTimes, 50_000)
    const askedMillis = Option.match(asked, { onNone: () => 0, onSome: Duration.toMillis })
    const leastMillis = Math.min(Math.max(askedMillis, ownMillis), maxDelayMillis / 2)
    return Effect.map(Random.next, (random) => {
      const delayMillis = leastMillis * (1 + 0.1 * random)
      return atMillis + delayMillis >= this.deadlineMillis
        ? { _tag: "Stop", reason: "deadline" }
        : { _tag: "Wait", delayMillis, reason: "held" }
    })
  }
}

const ended = (attempt: Attempt, failed?: records.Again["failed"]): records.Record => ({
  _tag: "Ended",
  version: 1,
  attempt,
  failed
})
