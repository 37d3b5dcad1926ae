import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Toll } from "../budget/budget.js"
import * as deadline from "../deadline.js"
import * as clock from "../effect/clock.js"
import * as schedule_ from "../effect/schedule.js"
import type { Stepper } from "../effect/steps.js"
import * as telemetry from "../telemetry/current.js"
import type { Scope } from "../telemetry/scope.js"
import type { Reason } from "./model.js"
import * as nested from "./nested.js"
import * as reason from "./reason.js"

/** @internal */
export type Next =
  | { readonly _tag: "Wait"; readonly delayMillis: number; readonly reason: Reason }
  | { readonly _tag: "Stop"; readonly reason: Reason }

/**
 * A running schedule. Unlike `Schedule.driver` it does not sleep. The loop gets the delay first, and can check the
 * deadline, release a connection and write the ledger before it waits.
 *
 * @internal
 */
export interface Driver<In, R, E = never> {
  /** The decision about a failure, at a date in epoch milliseconds. Defaults to now. */
  readonly next: (input: In, dateMillis?: number) => Effect.Effect<Next, E, R>
  /** Brings the schedule past a failure about which it has decided before, for example in another process. */
  readonly pass: (input: In, dateMillis: number) => Effect.Effect<void, E, R>
  /** Begins the attempt after the wait. */
  readonly attempt: <A, E, R1>(self: Effect.Effect<A, E, R1>) => Effect.Effect<A, E, R1>
}

/** @internal */
export interface Options<In> {
  readonly deadlineMillis?: number | undefined
  /** Runs last: an accepted step is a retry, unless its wait is interrupted. */
  readonly toll?: Toll<In> | undefined
  /** Whether another attempt can succeed. If it says no, a filter of the schedule may say yes. Defaults to yes. */
  readonly canHelp?: ((input: In) => boolean) | undefined
  /** The rejection that an attempt would meet at that time. Defaults to none. */
  readonly rejectionAt?: ((millis: number) => unknown) | undefined
  /** Whether only a filter that names the input may say yes. Defaults to no. */
  readonly mustBeNamed?: ((input: In) => boolean) | undefined
  /** Whether it goes on within a loop that allows no other. */
  readonly isNestingAllowed?: boolean | undefined
  /**
   * Whether attempts do not see the input and output of the schedule. Otherwise a failure that holds the context of its
   * attempt would hold all earlier failures.
   */
  readonly isInputHidden?: boolean | undefined
  /** The observers. Defaults to those of the fiber. */
  readonly scope?: Scope | undefined
}

/** @internal */
export const make = <Out, In, R, E = never>(
  schedule: schedule_.Fallible<Out, In, E, R>,
  {
    canHelp,
    deadlineMillis: ownDeadlineMillis = Infinity,
    isInputHidden = false,
    isNestingAllowed = false,
    mustBeNamed,
    rejectionAt,
    scope: ownScope,
    toll
  }: Options<In> = {}
): Driver<In, R, E> => {
  let stepper: Stepper<Out, In, E, R> = schedule_.start(schedule)
  let metadata: schedule_.Metadata | undefined
  let attempts = 0
  /**
   * A schedule may use dates, and the time since its first step. It gets the date of that step, and an even time from
   * there.
   */
  let wallAhead: number | undefined
  const advance = (input: In, helps: boolean, date: number) => {
    const whole = stepper.step(date, input)
    // Only the rejection of a filter matters. The rest of the schedule need not accept an error such as a rejection.
    const own = helps
      ? whole
      : Effect.catchAllDefect(whole, () => Effect.succeed({ next: stepper, output: undefined, delayMillis: undefined }))
    return Effect.map(reason.during(own, canHelp !== undefined && helps), (result) => {
      stepper = result[0].next
      return result
    })
  }
  const step = (input: In, helps: boolean, date: number, now: number, deadlineMillis: number) =>
    Effect.flatMap(advance(input, helps, date), ([stepped, reasons]) => {
      const { delayMillis } = stepped
      const isNamed = mustBeNamed?.(input) === true
      if (!helps && !(isNamed ? reasons.isNamed : reasons.isAccepted)) return Exit.succeed(stopped("notRetryable"))
      if (delayMillis === undefined) return Exit.succeed(stopped(reasons.stop))
      if (now + delayMillis >= deadlineMillis) return Exit.succeed(stopped("deadline"))
      const wait = (): Next => {
        if (toll !== undefined && !toll.pay(input, now)) return stopped("budget")
        metadata = isInputHidden
          ? schedule_.iteration(metadata, date, undefined, { ...stepped, output: undefined })
          : schedule_.iteration(metadata, date, input, stepped)
        return { _tag: "Wait", delayMillis, reason: reasons.wait }
      }
      const rejection = helps ? rejectionAt?.(now + delayMillis) : undefined
      return rejection === undefined
        ? Exit.succeed(wait())
        // A filter takes any error.
        : Effect.map(
          reason.asking(stepper.trial(date, rejection as In)),
          (isNamed) => isNamed ? wait() : stopped("rejected")
        )
    })
  const pass = (input: In, dateMillis: number) =>
    Effect.suspend(() => {
      attempts++
      return Effect.asVoid(advance(input, canHelp === undefined || canHelp(input), dateMillis))
    })
  const next = (input: In, dateMillis?: number) =>
    Effect.withFiberRuntime<Next, E, R>((fiber) => {
      attempts++
      const scope = ownScope ?? telemetry.of(fiber)
      const decided = decide(input, fiber, dateMillis)
      return scope === undefined
        ? decided
        : Effect.map(decided, (next) => {
          const delayMillis = next._tag === "Wait" ? next.delayMillis : undefined
          scope.retry(fiber, attempts, next.reason, input, delayMillis)
          return next
        })
    })
  const decide = (
    input: In,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    dateMillis: number | undefined
  ): Effect.Effect<Next, E, R> => {
    const helps = canHelp === undefined || canHelp(input)
    const stop = (reason: Reason) => Exit.succeed(stopped(helps ? reason : "notRetryable"))
    if (!isNestingAllowed && nested.isSuppressed(fiber.getFiberRef(nested.current))) return stop("nested")
    const now = clock.monotonicMillis(fiber)
    const deadlineMillis = Math.min(deadline.of(fiber), ownDeadlineMillis)
    // Every schedule would end here.
    if (now >= deadlineMillis) return stop("deadline")
    wallAhead ??= clock.wallAheadMillis(fiber)
    return step(input, helps, dateMillis ?? now + wallAhead, now, deadlineMillis)
  }
  const attempt = <A, E, R1>(self: Effect.Effect<A, E, R1>) => {
    const numbered = schedule_.numbered(self, metadata!)
    return toll === undefined ? numbered : toll.attempt(numbered)
  }
  return { next, pass, attempt }
}

const stopped = (reason: Reason): Next => ({ _tag: "Stop", reason })
