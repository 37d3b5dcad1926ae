import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { Budget } from "../budget/budget.js"
import * as clock_ from "../effect/clock.js"
import { settledBy } from "../effect/fiber.js"
import type { Fallible } from "../effect/schedule.js"
import * as timer from "../effect/timer.js"
import * as telemetry from "../telemetry/current.js"
import type { CallScope, Scope } from "../telemetry/scope.js"
import * as Driver from "./driver.js"
import type * as Retry from "./model.js"

/** @internal */
export const retry = <A, E, R, B, R1, E1 = never>(
  self: Effect.Effect<A, E, R>,
  schedule: Fallible<B, E, E1, R1>
): Effect.Effect<A, E | E1, R | R1> =>
  // A success passes `catchAllCause` untouched. `catchAll` decides which causes are retried, as in Effect.retry.
  Effect.catchAllCause(self, (cause) => again(Effect.failCause(cause), self, Driver.make(schedule)))

/**
 * The rest of the loop after a first failed attempt.
 *
 * @internal
 */
export const again = <A, E, R, R1, E1>(
  attempt: Effect.Effect<A, E, R>,
  self: Effect.Effect<A, E, R>,
  driver: Driver.Driver<E, R1, E1>
): Effect.Effect<A, E | E1, R | R1> =>
  Effect.catchAll(attempt, (error) =>
    Effect.flatMap(driver.next(error), (next) =>
      next._tag === "Stop"
        ? Effect.fail(error)
        : Effect.flatMap(timer.sleep(next.delayMillis), () => again(driver.attempt(self), self, driver))))

/**
 * The decision about the last of the failures.
 *
 * @internal
 */
export const decide = <Out, E, R, E1 = never>(
  schedule: Fallible<Out, E, E1, R>,
  failures: ReadonlyArray<Retry.Failure<E>>,
  options: Pick<Driver.Options<E>, "canHelp">
): Effect.Effect<Retry.Decision, E1, R> => {
  const driver = Driver.make(schedule, options)
  const seeded = <A, E2, R2>(self: Effect.Effect<A, E2, R2>, { seed }: Retry.Failure<E>) =>
    seed === undefined ? self : Effect.withRandom(self, Random.make(seed))
  const last = failures.at(-1)
  if (last === undefined) return Effect.succeed<Retry.Decision>({ _tag: "Wait", delayMillis: 0, reason: "backoff" })
  const decided = Effect.flatMap(
    Effect.forEach(failures.slice(0, -1), (one) => seeded(driver.pass(one.error, one.atMillis), one), {
      discard: true
    }),
    () => seeded(driver.next(last.error, last.atMillis), last)
  )
  // The events are the matter of what makes the attempts: it knows the key, and whether it obeys.
  return telemetry.silent(decided)
}

/** A defect is never retried, even if it came with a failure. */
const retryable = <E>(cause: Cause.Cause<E>): Option.Option<E> =>
  Cause.isDie(cause) ? Option.none() : Cause.failureOption(cause)

type Entry<E> = Omit<Retry.Attempt<E>, "delay" | "reason">

type Ended<A, E, L> = readonly [exit: Exit.Exit<A, E>, ledger: Retry.Ledger<L>]

type Run = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * The functions of a loop in an uninterruptible region to run its attempts and waits.
 *
 * @internal
 */
export interface Region<A, E> {
  /** Runs an attempt. */
  readonly attempt: <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Makes a wait interruptible. */
  readonly restore: Run
  /** Replaces the deadline of the options. */
  readonly deadlineMillis?: number
  /** The call, if it has observers. */
  readonly scope?: CallScope | undefined
}

/** @internal */
export const loop = <A, E, R, R1 = never, R2 = never, L = E>(
  options: Retry.Loop<A, E, R, R1, R2, L>,
  region: Region<A, E> = { attempt: identity, restore: identity }
): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> =>
  Effect.withFiberRuntime((fiber) => new Loop(options, fiber, region).run(1))

/**
 * The number of lines that a ledger keeps from its beginning, and from its end: the docs of `Retry.Ledger` name them.
 */
const kept = { first: 8, last: 24 }

class Loop<A, E, R, R1, R2, L> {
  /** None before the first failure, because most calls end with their first attempt and should cost little. */
  ledger: Array<Retry.Attempt<L>> | undefined
  /** The attempt that runs. */
  number = 1
  beganMillis = 0
  readonly budget: Budget | undefined
  driver: Driver.Driver<E, R1> | undefined
  readonly clock: Clock.Clock
  readonly scope: Scope | undefined

  constructor(
    readonly options: Retry.Loop<A, E, R, R1, R2, L>,
    readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    readonly region: Region<A, E>
  ) {
    this.clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
    this.scope = region.scope ?? telemetry.of(fiber)
    // Every budget is made by RetryBudget.
    this.budget = options.budget as Budget | undefined
  }

  run(number: number): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    this.number = number
    this.beganMillis = clock_.monotonicOf(this.clock)
    if (number === 1) this.budget?.rule.call(this.beganMillis)
    if (this.region.scope !== undefined) this.region.scope.number = number
    this.scope?.see(this.budget, this.fiber)
    const attempt = this.region.attempt(this.attempt(number))
    return settledBy(this.driver === undefined ? attempt : this.driver.attempt(attempt), this)
  }

  /** The end of the attempt. */
  settle(exit: Exit.Exit<A, E>): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    if (Exit.isFailure(exit)) return this.afterFailure(exit, this.entry(retryable(exit.cause)))
    if (this.number === 1) this.budget?.rule.success()
    return this.end(exit, this.entry(Option.none()), "success")
  }

  /** Made within the step that runs it, as in `Effect.suspend`. */
  attempt(number: number): Effect.Effect<A, E, R> {
    try {
      return this.options.attempt(number)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  afterFailure(exit: Exit.Failure<A, E>, entry: Entry<E>): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    if (Option.isNone(entry.failure)) {
      return this.end(exit, entry, Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "defect")
    }
    const { options } = this
    return options.review === undefined
      ? this.review(exit, entry, entry.failure.value)
      : Effect.flatMap(
        this.region.restore(options.review(entry.failure.value)),
        (error) => this.review(Exit.fail(error), { ...entry, failure: Option.some(error) }, error)
      )
  }

  review(exit: Exit.Exit<A, E>, entry: Entry<E>, error: E): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    const refusal = this.options.refuse === undefined ? Option.none() : this.options.refuse(error)
    if (Option.isSome(refusal)) {
      this.scope?.retry(this.fiber, entry.number, refusal.value, error)
      return this.end(exit, entry, refusal.value)
    }
    return this.driver === undefined ? this.begin(exit, entry, error) : this.decide(this.driver, exit, entry, error)
  }

  begin(exit: Exit.Exit<A, E>, entry: Entry<E>, error: E): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    const { options } = this
    const { deadlineMillis, isTimeout, nested, note, schedule } = options
    const toll = this.budget?.toll(isTimeout)
    this.driver = Driver.make(schedule, {
      canHelp: options.canHelp && ((error) => options.canHelp!(error)),
      rejectionAt: options.rejectionAt && ((millis) => options.rejectionAt!(millis)),
      mustBeNamed: options.mustBeNamed && ((error) => options.mustBeNamed!(error)),
      deadlineMillis: this.region.deadlineMillis ?? deadlineMillis,
      toll,
      isNestingAllowed: nested === "allow",
      isInputHidden: note !== undefined,
      scope: this.scope
    })
    const decided = this.decide(this.driver, exit, entry, error)
    // The loop never fails: its result is its own exit.
    return toll === undefined ? decided : toll.over(decided, ([exit]) => Exit.isSuccess(exit))
  }

  decide(
    driver: Driver.Driver<E, R1>,
    exit: Exit.Exit<A, E>,
    entry: Entry<E>,
    error: E
  ): Effect.Effect<Ended<A, E, L>, never, R | R1 | R2> {
    const { restore } = this.region
    return Effect.flatMap(restore(driver.next(error)), (next) => {
      if (next._tag === "Stop") return this.end(exit, entry, next.reason)
      const attempt = { ...entry, delay: Option.some(Duration.millis(next.delayMillis)), reason: next.reason }
      this.write(attempt)
      const wait = Effect.flatMap(restore(timer.sleep(next.delayMillis)), () => this.run(entry.number + 1))
      return this.options.beforeWait === undefined
        ? wait
        : Effect.flatMap(restore(this.options.beforeWait(attempt)), () => wait)
    })
  }

  entry(failure: Option.Option<E>): Entry<E> {
    const { beganMillis, number } = this
    // A clock that is set back is not monotonic.
    const duration = Duration.millis(Math.max(clock_.monotonicOf(this.clock) - beganMillis, 0))
    return { number, startMillis: beganMillis + clock_.wallAheadOf(this.clock), duration, failure }
  }

  end(exit: Exit.Exit<A, E>, entry: Entry<E>, reason: Retry.Reason): Effect.Effect<Ended<A, E, L>> {
    const { duration, failure, number, startMillis } = entry
    return Exit.succeed([exit, this.write({ number, startMillis, duration, failure, delay: Option.none(), reason })])
  }

  write(attempt: Retry.Attempt<E>): Array<Retry.Attempt<L>> {
    const line = this.line(attempt)
    if (this.ledger === undefined) return this.ledger = [line]
    if (this.ledger.length === kept.first + kept.last) this.ledger.splice(kept.first, 1)
    this.ledger.push(line)
    return this.ledger
  }

  line(attempt: Retry.Attempt<E>): Retry.Attempt<L> {
    const { note } = this.options
    // Without `note` the ledger holds the errors themselves, and `L` is `E`.
    if (note === undefined) return attempt as unknown as Retry.Attempt<L>
    return Option.isNone(attempt.failure)
      ? attempt as Retry.Attempt<never>
      : { ...attempt, failure: note(attempt.failure.value) }
  }
}
