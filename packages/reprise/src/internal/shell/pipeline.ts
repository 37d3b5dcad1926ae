import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { integer, InvalidOption, millis } from "../../InvalidOption.js"
import type { Budget } from "../budget/budget.js"
import { monotonicMillis } from "../effect/clock.js"
import * as timeout from "../effect/timeout.js"
import type { Hedger } from "../hedge/hedge.js"
import * as retry from "../retry/loop.js"
import type * as Retry from "../retry/model.js"
import type { Listener } from "../telemetry/event.js"
import type { CallScope } from "../telemetry/scope.js"
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
  /** The `while` of the program. */
  readonly goesOn: ((error: In | AttemptTimeout) => boolean) | undefined
  readonly hedge: Hedger | undefined
  readonly budget: Budget | undefined
  readonly policies: ReadonlyArray<AnyPolicy>
  readonly about: Pipeline.About
  readonly listener: Listener | undefined
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
  const { budget, key = "pipeline", policies = [] } = options
  checkDistinct(policies)
  const callMillis = limit("deadline", options.deadline)
  const attemptMillis = limit("attemptTimeout", options.attemptTimeout)
  if (attemptMillis < Infinity && attemptMillis > callMillis) {
    const expected = `at most the deadline, ${Duration.format(Duration.millis(callMillis))}`
    throw new InvalidOption({ option: "attemptTimeout", value: options.attemptTimeout, expected })
  }
  return {
    callMillis,
    limit: attemptLimit(attemptMillis),
    ...retryOf(options.retry ?? false),
    // Every hedge is made by `Hedge.make`.
    hedge: options.hedge as Hedger | undefined,
    budget: budget as Budget | undefined,
    policies,
    about: { key },
    listener: options.listener
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

type Retrying<In, R> = Pick<Settings<In, R>, "schedule" | "goesOn">

const retryOf = <In, R>(options: NonNullable<Pipeline.Options<In, R, []>["retry"]>): Retrying<In, R> => {
  if (options === false) return { schedule: undefined, goesOn: undefined }
  if (Schedule.isSchedule(options)) return { schedule: options, goesOn: undefined }
  if (typeof options !== "object") {
    throw new InvalidOption({ option: "retry", value: options, expected: "a schedule, its options, or false" })
  }
  const { schedule, times, while: goesOn } = options
  const most = times === undefined ? undefined : Schedule.recurs(integer("retry.times", times, { min: 0 }))
  if (schedule === undefined) return { schedule: Schedule.intersect(backoff, most ?? Schedule.recurs(2)), goesOn }
  return { schedule: most === undefined ? schedule : Schedule.intersect(schedule, most), goesOn }
}

const backoff = Schedule.jittered(
  Schedule.union(Schedule.exponential(Duration.millis(100)), Schedule.spaced(Duration.seconds(20)))
)

const isRetryable = (error: unknown): boolean =>
  !(Predicate.hasProperty(error, "retryable") && error.retryable === false)

const run = <In, R, A, E extends In, R1, E2>(
  settings: Settings<In, R>,
  self: Effect.Effect<A, E, R1>,
  call: Pick<attempt.Terms, "priority" | "partition">
): Effect.Effect<A, E | E2 | DeadlineExceeded<E | E2>, R | R1> =>
  Effect.suspend(() => region.call(new Call<In, R, A, E, R1, E2>(settings, self, call)))

type Exceeded<E> = DeadlineExceeded<E>

/** One call. The engine, the loop and the attempts use the same object. */
class Call<In, R, A, E extends In, R1, E2>
  implements
    Pipeline.Call<A, E | E2 | Exceeded<E | E2>, R | R1, Exceeded<E | E2>, A, E | E2 | Exceeded<E | E2>>,
    Retry.Loop<A, E | E2, R1, R>,
    attempt.Terms
{
  deadlineMillis = Infinity
  scope: CallScope | undefined
  readonly mayWait = true
  private one!: Effect.Effect<A, E | E2, R1>
  private last: Option.Option<E | E2> = Option.none()
  /** Whether the last attempt was rejected. */
  private isRejected = false
  /**
   * Whether an attempt runs: a hedge is only for a running attempt, because one that waits for a policy is not slow.
   */
  private isUnderWay = false

  constructor(
    private readonly settings: Settings<In, R>,
    private readonly self: Effect.Effect<A, E, R1>,
    private readonly options: Pick<attempt.Terms, "priority" | "partition">
  ) {}

  get millis() {
    return this.settings.callMillis
  }

  get listener() {
    return this.settings.listener
  }

  about() {
    return this.settings.about
  }

  get policies() {
    return this.settings.policies
  }

  get priority() {
    return this.options.priority
  }

  get partition() {
    return this.options.partition
  }

  get limit() {
    return this.settings.limit
  }

  get budget() {
    return this.settings.budget
  }

  /** A schedule takes the errors of the effect. The driver accepts a schedule that does not take a rejection. */
  get schedule() {
    return this.settings.schedule as Schedule.Schedule<unknown, unknown, R>
  }

  onDeadline(): Exceeded<E | E2> {
    return new DeadlineExceeded<E | E2>({ last: this.last })
  }

  run(running: Pipeline.Running): Effect.Effect<A, E | E2 | Exceeded<E | E2>, R | R1> {
    const { hedge, schedule } = this.settings
    // The engine makes it.
    const { deadlineMillis, restore, scope } = running as region.Running
    this.deadlineMillis = deadlineMillis
    this.scope = scope
    const one = hedge === undefined
      ? attempt.masked<A, E, R1, E2>(this.self, this, restore)
      : restore(this.hedged(hedge))
    if (schedule === undefined) return one
    this.one = one
    const loop = retry.loop(this, { attempt: identity, restore, scope })
    return Effect.flatMap(
      loop,
      ([exit, ledger]): Effect.Effect<A, E | E2 | Exceeded<E | E2>> =>
        ledger.at(-1)?.reason === "deadline" ? Effect.fail(this.onDeadline()) : exit
    )
  }

  attempt(): Effect.Effect<A, E | E2, R1> {
    this.isRejected = false
    return this.one
  }

  /** At the deadline the call is out of time: its queue does not matter. */
  onReject(error: unknown): unknown {
    this.isRejected = true
    return monotonicMillis() < this.deadlineMillis ? error : new DeadlineExceeded({ last: Option.some(error) })
  }

  refuse(error: E | E2): Option.Option<Retry.Reason> {
    this.last = Option.some(error)
    return this.isRuledOut(error) ? Option.some("notRetryable") : Option.none()
  }

  canHelp(error: E | E2): boolean {
    if (this.isRejected) return false
    // `refuse` has refused what `while` refuses.
    return this.settings.goesOn !== undefined || error instanceof AttemptTimeout || isRetryable(error)
  }

  /** The rejection of the first policy that would reject the next attempt. */
  rejectionAt(millis: number): unknown {
    for (const policy of this.policies) {
      const error = policy.rejectionAt?.(millis)
      if (error !== undefined) return error
    }
    return undefined
  }

  /** Only a filter that names a rejection retries it. */
  mustBeNamed(): boolean {
    return this.isRejected
  }

  /** Whether the `while` of the program rejects the error. No filter of a schedule overrides that. */
  private isRuledOut(error: E | E2): boolean {
    return !this.isRejected && this.settings.goesOn?.(error as E | AttemptTimeout) === false
  }

  /** The terms of hedges, which never wait. */
  private get unwaiting(): attempt.Terms {
    const { deadlineMillis, limit, partition, policies, priority, scope } = this
    return {
      policies,
      priority,
      partition,
      limit,
      deadlineMillis,
      scope,
      mayWait: false,
      onReject: (error) => this.onReject(error)
    }
  }

  private hedged(hedge: Hedger): Effect.Effect<A, E | E2, R1> {
    const { budget } = this.settings
    const self = Effect.suspend(() => {
      this.isUnderWay = true
      return this.self
    })
    const withdraw = Effect.withFiberRuntime<boolean>((fiber) =>
      Exit.succeed(this.isUnderWay && (budget === undefined || budget.withdraw(monotonicMillis(fiber), false)))
    )
    return Effect.suspend(() => {
      this.isUnderWay = false
      const one = (number: number) => attempt.attempt<A, E, R1, E2>(self, number === 1 ? this : this.unwaiting)
      return hedge.race(hedge, one, { withdraw })
    })
  }
}
