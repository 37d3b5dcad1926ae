/**
 * Bounds how many retries a program adds to its calls, so that an outage does not become a retry storm.
 *
 * @since 3.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { NoInfer } from "effect/Types"
import * as internal from "./internal/budget/budget.js"
import type { Failures, RetryBudget, Share, Snapshot, Tokens } from "./internal/budget/model.js"
import * as rules from "./internal/budget/rules.js"
import * as clock from "./internal/effect/clock.js"
import * as schedule_ from "./internal/effect/schedule.js"
import type { Step } from "./internal/effect/steps.js"
import * as rejection from "./internal/errors.js"
import * as timeouts from "./internal/errors.js"
import * as InvalidOption from "./InvalidOption.js"
import * as OptionsConfig from "./OptionsConfig.js"

export {
  type Failures,
  type RetryBudget,
  type Share,
  type Snapshot,
  type Tokens,
  TypeId
} from "./internal/budget/model.js"

/**
 * The budget rejected a retry. The error is a `Retry.Hint`, and captures no stack.
 *
 * @since 3.1.0
 * @category errors
 */
export class BudgetExhausted<E = unknown> extends Data.TaggedError("BudgetExhausted")<{
  readonly key: string
  /** The last failure, after which no retry was made. */
  readonly last: unknown
}> {
  declare readonly last: E

  /**
   * `false`, as in every rejection: it ends a retry loop.
   *
   * @since 3.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * None: the budget cannot predict when it can pay again.
   *
   * @since 3.1.0
   */
  get retryAfter(): Option.Option<Duration.Duration> {
    return Option.none()
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const name = this.key === "" ? "The retry budget" : `The retry budget "${this.key}"`
    return `${name} is spent; the last failure: ${this.last instanceof Error ? this.last.message : String(this.last)}`
  }
}

const exhausted = rejection.withoutStack(BudgetExhausted, function(key: string, last: unknown) {
  this._tag = "BudgetExhausted"
  this.key = key
  this.last = last
})

/** `share`, `tokens` and `layer` make every budget. */
const of = (self: RetryBudget): internal.Budget => self as internal.Budget

/**
 * Makes a budget that allows retries for a share of the calls. Throws `InvalidOption` for an option out of range.
 *
 * A retry may go if the last `window`, with it, has no more retries than `ratio` times its calls plus `minPerSecond`
 * times its seconds. The rule is that of Finagle (https://finagle.github.io/blog/2016/02/08/retry-budgets) and Linkerd.
 *
 * The budget keeps tenths of the window, and rounds to fewer retries. A retry that waits counts during its wait. The
 * retries that `minPerSecond` saves in a quiet window may go at once: 100 retries by default.
 *
 * @since 3.1.0
 * @category constructors
 */
export const share = (options?: Share): Effect.Effect<RetryBudget> => {
  const ratio = InvalidOption.number("ratio", options?.ratio ?? 0.1, { min: 0 })
  const minPerSecond = InvalidOption.number("minPerSecond", options?.minPerSecond ?? 10, { min: 0 })
  const windowMillis = InvalidOption.millis("window", options?.window ?? "10 seconds", { moreThan: 0 })
  const floor = minPerSecond * windowMillis / 1_000
  return Effect.sync(() => new internal.Budget(options?.key ?? "", new rules.Share(ratio, floor, windowMillis)))
}

/**
 * Makes a full budget of tokens. Throws `InvalidOption` for an option out of range.
 *
 * Each retry takes tokens, and each success at the first attempt returns one. So the budget becomes empty if retries do
 * not help. The rules and numbers are those of the AWS SDKs' standard mode (smithy-rs, `token_bucket.rs` and
 * `strategy/standard.rs`). A retry that succeeds returns its own cost, and no more.
 *
 * @since 3.1.0
 * @category constructors
 */
export const tokens = (options?: Tokens): Effect.Effect<RetryBudget> => {
  const capacity = InvalidOption.integer("capacity", options?.capacity ?? 500, { min: 1 })
  const price = { min: 1, max: capacity }
  const cost = InvalidOption.integer("cost", options?.cost ?? 5, price)
  const timeoutCost = InvalidOption.integer("timeoutCost", options?.timeoutCost ?? Math.min(2 * cost, capacity), price)
  const onSuccess = InvalidOption.integer("onSuccess", options?.onSuccess ?? 1, { min: 0, max: capacity })
  return Effect.sync(() =>
    new internal.Budget(options?.key ?? "", new rules.Tokens(capacity, cost, timeoutCost, onSuccess))
  )
}

/**
 * Makes a budget as the service of a tag.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, E, R>(
  tag: Context.Tag<I, RetryBudget>,
  budget: Effect.Effect<RetryBudget, E, R>
): Layer.Layer<I, E, R> => Layer.effect(tag, budget)

/**
 * Reads the numbers of `share` from Effect's `Config`: `RATIO`, `MIN_PER_SECOND` and `WINDOW`, each with the prefix in
 * front, if there is one.
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Share> =>
  OptionsConfig.make({
    prefix,
    variables: {
      ratio: ["RATIO", OptionsConfig.optional(Config.number())],
      minPerSecond: ["MIN_PER_SECOND", OptionsConfig.optional(Config.number())],
      window: ["WINDOW", OptionsConfig.optional(Config.duration())]
    },
    options: (values): Share => values,
    check: share
  })

/**
 * Like `layer` of a `share`, with options from `Config`. A value out of range is a `ConfigError` at its variable. The
 * layer logs one warning with unknown variables behind the prefix.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, RetryBudget>,
  options: Config.Config<Share> = config()
): Layer.Layer<I, ConfigError.ConfigError> => layer(tag, Effect.flatten(OptionsConfig.load(options, share)))

/**
 * Records the start of a call, if `track` cannot wrap the call.
 *
 * @since 3.1.0
 * @category accounting
 */
export const recordCall = (self: RetryBudget): Effect.Effect<void> => internal.counted(of(self), Effect.void)

/**
 * Records the success of a call, if `track` cannot wrap the call, or if the caller can tell whether it was a retry.
 *
 * @since 3.1.0
 * @category accounting
 */
export const recordSuccess = (self: RetryBudget, options?: {
  /** Whether a withdrawal paid for the attempt that succeeded. Defaults to `false`. */
  readonly isRetry?: boolean | undefined
  /** The `isTimeout` of that withdrawal. Defaults to `false`. */
  readonly isTimeout?: boolean | undefined
}): Effect.Effect<void> =>
  Effect.sync(() => {
    if (options?.isRetry === true) of(self).rule.reward(options.isTimeout ?? false)
    else of(self).rule.success()
  })

/**
 * Pays for one retry or hedge that starts now. Returns `false`, and changes nothing, if the budget does not allow it.
 *
 * @since 3.1.0
 * @category accounting
 */
export const tryWithdraw = (self: RetryBudget, options?: {
  /** Whether the failed attempt timed out. Defaults to `false`. */
  readonly isTimeout?: boolean | undefined
}): Effect.Effect<boolean> =>
  Effect.withFiberRuntime((fiber) =>
    Exit.succeed(of(self).withdraw(clock.monotonicMillis(fiber), options?.isTimeout ?? false))
  )

/**
 * The full state, for dashboards and logs.
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: RetryBudget): Effect.Effect<Snapshot> =>
  Effect.withFiberRuntime((fiber) => {
    const { held, key, refused, rule, withdrawn } = of(self)
    const balance = rule.balance(clock.monotonicMillis(fiber), held)
    return Exit.succeed({ key, kind: rule.kind, balance, held, withdrawn, refused })
  })

/**
 * Records a whole call, with all its retries: its start and its success.
 *
 * It does not see the withdrawals of `gate`, so it counts each success as one at the first attempt. If a budget of
 * `tokens` must return the cost of a retry, use `retry`, or the `budget` of `Retry.loop`.
 *
 * @since 3.1.0
 * @category combinators
 */
export const track: {
  (budget: RetryBudget): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, budget: RetryBudget): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, budget: RetryBudget): Effect.Effect<A, E, R> =>
    internal.counted(of(budget), internal.rewarded(of(budget), self))
)

/**
 * Ends the schedule when the budget rejects a retry, with reason `"budget"`, and pays for each step that continues.
 *
 * Put it last in the schedule, and put `track` around the call. If a later combinator ends the schedule, or the wait is
 * interrupted, the budget has paid for a retry that was not made.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as RetryBudget from "reprise/RetryBudget"
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.tokens({ capacity: 10, cost: 5 })
 *   const policy = Backoff.exponential("1 millis").pipe(Backoff.attempts(4), RetryBudget.gate(budget))
 *   let attempts = 0
 *   const call = Effect.suspend(() => Effect.fail(++attempts))
 *   return yield* call.pipe(Effect.retry(policy), RetryBudget.track(budget), Effect.flip)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 3
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const gate: {
  <In2 = unknown>(
    budget: RetryBudget,
    options?: Failures<In2>
  ): <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In & In2, R>
  <Out, In, R, In2 = unknown>(
    self: Schedule.Schedule<Out, In, R>,
    budget: RetryBudget,
    options?: Failures<In2>
  ): Schedule.Schedule<Out, In & In2, R>
} = dual(
  ([self]) => Schedule.isSchedule(self),
  <Out, In, R, In2>(
    self: Schedule.Schedule<Out, In, R>,
    budget: RetryBudget,
    options?: Failures<In2>
  ): Schedule.Schedule<Out, In & In2, R> => {
    const isTimeout = options?.isTimeout ?? timeouts.isTimeout
    return schedule_.transform(
      self,
      undefined,
      ({ delayMillis, input, now, state }: Step<In2, undefined>) =>
        Effect.sync(() =>
          of(budget).withdraw(now, isTimeout(input))
            ? { _tag: "Wait", delayMillis, state }
            : { _tag: "Stop", reason: "budget", state }
        )
    )
  }
)

/**
 * Like `Retry.retry`, with a budget that counts the call and pays for each retry. It fails with `BudgetExhausted` if
 * the budget rejects a retry, and only then.
 *
 * A retry costs nothing if its wait is interrupted.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as RetryBudget from "reprise/RetryBudget"
 *
 * const policy = Backoff.exponential("1 millis").pipe(Backoff.attempts(3))
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.share({ ratio: 0.1, minPerSecond: 0, key: "payments" })
 *   let attempts = 0
 *   const call = Effect.suspend(() => Effect.fail(++attempts)).pipe(RetryBudget.retry(policy, budget), Effect.flip)
 *   const errors = yield* Effect.replicateEffect(call, 10)
 *   return [attempts, errors[9] instanceof RetryBudget.BudgetExhausted]
 * })
 *
 * Effect.runPromise(program).then((result) => console.log(result.join(" "))) // => 11 true
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const retry: {
  <B, E, R1>(
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>,
    budget: RetryBudget,
    options?: Failures<NoInfer<E>>
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BudgetExhausted<E>, R | R1>
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    schedule: Schedule.Schedule<B, NoInfer<E>, R1>,
    budget: RetryBudget,
    options?: Failures<NoInfer<E>>
  ): Effect.Effect<A, E | BudgetExhausted<E>, R | R1>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R, B, R1>(
    self: Effect.Effect<A, E, R>,
    schedule: Schedule.Schedule<B, E, R1>,
    budget: RetryBudget,
    options?: Failures<E>
  ): Effect.Effect<A, E | BudgetExhausted<E>, R | R1> =>
    internal.retry(self, schedule, of(budget), options?.isTimeout, (last) =>
      // The error has the type of its `last`.
      exhausted(of(budget).key, last) as BudgetExhausted<E>)
)
