/**
 * Stops calling a dependency that keeps failing, then probes it until it recovers.
 *
 * @since 3.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Stream from "effect/Stream"
import * as Backoff from "./Backoff.js"
import * as breaker from "./internal/breaker/breaker.js"
import * as controls from "./internal/breaker/controls.js"
import * as make_ from "./internal/breaker/make.js"
import {
  type CircuitBreaker,
  type CircuitOpen,
  type Isolation,
  type Options,
  type Outcome,
  type Permit,
  type Snapshot,
  type State,
  type Transition,
  TypeId
} from "./internal/breaker/model.js"
import * as policy from "./internal/breaker/policy.js"
import * as settings from "./internal/breaker/settings.js"
import * as watch from "./internal/breaker/watch.js"
import * as rejections from "./internal/errors.js"
import * as shell from "./internal/shell/protect.js"
import * as OptionsConfig from "./OptionsConfig.js"
import * as Tripping from "./Tripping.js"

export {
  type CircuitBreaker,
  CircuitOpen,
  type Isolation,
  type Opening,
  type Options,
  type Outcome,
  type Permit,
  type Snapshot,
  type State,
  type Transition,
  TypeId
} from "./internal/breaker/model.js"

/**
 * Whether a value is a circuit breaker, such as a source of `Telemetry.Monitor`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const breaker = Effect.runSync(CircuitBreaker.make({ trip: Tripping.consecutive(5) }))
 *
 * console.log([CircuitBreaker.isCircuitBreaker(breaker), CircuitBreaker.isCircuitBreaker("breaker")])
 * // => [ true, false ]
 * ```
 *
 * @since 3.1.0
 * @category guards
 */
export const isCircuitBreaker = (u: unknown): u is CircuitBreaker => Predicate.hasProperty(u, TypeId)

/**
 * Whether the error is the rejection of a policy: `CircuitOpen`, `BulkheadFull`, `LimitExceeded` or
 * `RateLimitExceeded`.
 *
 * After a rejection no call was made, so it says nothing about the dependency. An `isFailure` of your own replaces the
 * default, so it must exclude rejections too.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const inner = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const outer = yield* CircuitBreaker.make({
 *     trip: Tripping.consecutive(1),
 *     isFailure: (error) => !CircuitBreaker.isRejection(error) && error !== "NotFound"
 *   })
 *   yield* CircuitBreaker.trip(inner)
 *   const call = Effect.succeed("up").pipe(CircuitBreaker.protect(inner), CircuitBreaker.protect(outer))
 *   const { _tag } = yield* Effect.flip(call)
 *   return `${_tag}, and the outer one is ${yield* CircuitBreaker.state(outer)}`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => CircuitOpen, and the outer one is Closed
 * ```
 *
 * @since 3.1.0
 * @category outcomes
 */
export const isRejection: (error: unknown) => boolean = rejections.isRejection

/**
 * Classifies a result as a breaker without `isFailure` and `outcome` does.
 *
 * A value is a success. An error or a defect is a failure. The rejection of a policy is ignored. Use it in an `outcome`
 * of your own for the cases that you do not decide.
 *
 * @example
 * ```ts
 * import { Effect, Exit } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.consecutive(1),
 *     outcome: (exit) => Exit.isSuccess(exit) && exit.value === 503 ? "failure" : CircuitBreaker.defaultOutcome(exit)
 *   })
 *   yield* Effect.succeed(503).pipe(CircuitBreaker.protect(breaker))
 *   return yield* CircuitBreaker.state(breaker)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category outcomes
 */
export const defaultOutcome = (exit: Exit.Exit<unknown, unknown>): Outcome => settings.defaultOutcome(exit)

/**
 * Makes a closed breaker. It holds no fiber and no timer. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     key: "payments",
 *     trip: Tripping.consecutive(2),
 *     isFailure: (error) => !CircuitBreaker.isRejection(error) && error !== "NotFound"
 *   })
 *   const call = (error: string) => Effect.fail(error).pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* Effect.forEach(["NotFound", "NotFound", "NotFound"], call)
 *   const before = yield* CircuitBreaker.state(breaker)
 *   yield* Effect.forEach(["Down", "Down"], call)
 *   return `${before}, then ${yield* CircuitBreaker.state(breaker)}`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Closed, then Open
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <R = never>(options: Options<R>): Effect.Effect<CircuitBreaker, never, R> => make_.make(options)

/**
 * Makes a breaker as the service of a tag.
 *
 * @example
 * ```ts
 * import { Context, Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * class Payments extends Context.Tag("Payments")<Payments, CircuitBreaker.CircuitBreaker>() {}
 *
 * const PaymentsLive = CircuitBreaker.layer(Payments, { key: "payments", trip: Tripping.consecutive(5) })
 *
 * const program = Effect.flatMap(Payments, (breaker) => Effect.succeed("paid").pipe(CircuitBreaker.protect(breaker)))
 *
 * Effect.runPromise(Effect.provide(program, PaymentsLive)).then(console.log) // => paid
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, R = never>(
  tag: Context.Tag<I, CircuitBreaker>,
  options: Options<R>
): Layer.Layer<I, never, R> => Layer.effect(tag, make(options))

/**
 * Reads the numbers of `Options` from Effect's `Config`, each with the prefix in front, if there is one.
 *
 * The names are `FAILURES` (consecutive ones, 5), `OPEN_FOR` (first time, 1 s), `MAX_OPEN_FOR` (60 s), `PROBES`,
 * `SUCCESSES` and `LEASE`.
 *
 * @example
 * ```ts
 * import { ConfigProvider, Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 *
 * const environment = ConfigProvider.fromMap(new Map([["PAYMENTS_FAILURES", "1"]]), { pathDelim: "_" })
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make(yield* CircuitBreaker.config("PAYMENTS"))
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   return yield* CircuitBreaker.state(breaker)
 * })
 *
 * Effect.runPromise(Effect.withConfigProvider(program, environment)).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> => {
  const variables = {
    failures: ["FAILURES", Config.withDefault(Config.integer(), 5)],
    openFor: ["OPEN_FOR", Config.withDefault(Config.duration(), Duration.seconds(1))],
    maxOpenFor: ["MAX_OPEN_FOR", Config.withDefault(Config.duration(), Duration.minutes(1))],
    probes: ["PROBES", OptionsConfig.optional(Config.integer())],
    successes: ["SUCCESSES", OptionsConfig.optional(Config.integer())],
    lease: ["LEASE", OptionsConfig.optional(Config.duration())]
  } as const
  return OptionsConfig.make({
    prefix,
    variables,
    blame: { n: ["failures"], base: ["openFor"], max: ["maxOpenFor"] },
    options: ({ failures, maxOpenFor, openFor, ...rest }): Options => ({
      ...rest,
      trip: Tripping.consecutive(failures),
      openFor: Backoff.exponential(openFor).pipe(
        Backoff.capped(maxOpenFor),
        Backoff.proportionalJitter({ min: 0.9, max: 1.1 })
      )
    }),
    check: make
  })
}

/**
 * Like `layer`, with options from `Config`. A value out of range is a `ConfigError` at its variable. The layer logs one
 * warning with unknown variables behind the prefix.
 *
 * @example
 * ```ts
 * import { ConfigProvider, Context, Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 *
 * class Payments extends Context.Tag("Payments")<Payments, CircuitBreaker.CircuitBreaker>() {}
 *
 * const PaymentsLive = CircuitBreaker.layerConfig(Payments, CircuitBreaker.config("PAYMENTS"))
 *
 * const environment = ConfigProvider.fromMap(new Map([["PAYMENTS_PROBES", "0"]]), { pathDelim: "_" })
 *
 * const program = Payments.pipe(Effect.provide(PaymentsLive), Effect.withConfigProvider(environment), Effect.flip)
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => ConfigError
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, CircuitBreaker>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/**
 * Runs the effect if the breaker admits it, and fails with `CircuitOpen` otherwise.
 *
 * A defect is a failure. An interrupted call does not count, unless the rule counts slow calls and it was slow. The
 * breaker ignores the result of a call that it admitted before its last change of state.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(1) })
 *   const call = Effect.fail("refused").pipe(CircuitBreaker.protect(breaker))
 *   yield* Effect.ignore(call)
 *   return yield* Effect.flip(call)
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(typeof error === "string" ? error : error._tag)) // => CircuitOpen
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const protect: {
  (breaker: CircuitBreaker): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | CircuitOpen, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, breaker: CircuitBreaker): Effect.Effect<A, E | CircuitOpen, R> =>
    shell.protect(self, [breaker])
)

/**
 * Fails with `CircuitOpen` if the breaker is open or isolated now, and does nothing otherwise.
 *
 * It admits no call and uses no probe. Put it before a queue, so that no call waits only to be rejected afterwards. The
 * call itself still needs `protect`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const bulkhead = yield* Bulkhead.make({ maxConcurrent: 10, maxQueued: 1_000 })
 *   const call = Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Bulkhead.protect(bulkhead))
 *   const guarded = Effect.zipRight(CircuitBreaker.failIfOpen(breaker), call)
 *   yield* Effect.ignore(guarded)
 *   return yield* Effect.flip(guarded)
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(typeof error === "string" ? error : error._tag)) // => CircuitOpen
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const failIfOpen = (self: CircuitBreaker): Effect.Effect<void, CircuitOpen> => policy.failIfOpen(of(self))

/** `make` and the registries make every breaker. */
const of = (self: CircuitBreaker): breaker.Breaker => self as breaker.Breaker

/**
 * Requests a permit, for a call that `protect` cannot wrap. Every permit must go to `settle`: use
 * `Effect.acquireUseRelease`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const call = <A, E>(effect: Effect.Effect<A, E>) =>
 *     Effect.acquireUseRelease(
 *       CircuitBreaker.admit(breaker),
 *       () => effect,
 *       (permit, exit) => CircuitBreaker.settle(breaker, permit, exit)
 *     )
 *   yield* Effect.ignore(call(Effect.fail("down")))
 *   return yield* Effect.flip(call(Effect.succeed("up")))
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => CircuitOpen
 * ```
 *
 * @since 3.1.0
 * @category permits
 */
export const admit = (self: CircuitBreaker): Effect.Effect<Permit, CircuitOpen> => shell.admitted([self])

/**
 * Releases a permit and records the result of the call. Only the first time counts.
 *
 * @example
 * ```ts
 * import { Effect, Exit } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2) })
 *   const permit = yield* CircuitBreaker.admit(breaker)
 *   yield* CircuitBreaker.settle(breaker, permit, Exit.fail("down"))
 *   yield* CircuitBreaker.settle(breaker, permit, Exit.fail("down"))
 *   return (yield* CircuitBreaker.snapshot(breaker)).failures
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 1
 * ```
 *
 * @since 3.1.0
 * @category permits
 */
export const settle: {
  (
    permit: Permit,
    exit: Exit.Exit<unknown, unknown>
  ): (self: CircuitBreaker) => Effect.Effect<void>
  (self: CircuitBreaker, permit: Permit, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void>
} = dual(
  3,
  (_self: CircuitBreaker, permit: Permit, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    // Every permit comes from `admit`.
    (permit as shell.Admitted).settle(exit)
)

/**
 * The state now. To read it changes nothing: an open breaker becomes half-open with the next call after its open time.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const before = yield* CircuitBreaker.state(breaker)
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   return [before, yield* CircuitBreaker.state(breaker)]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Closed', 'Open' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const state = (self: CircuitBreaker): Effect.Effect<State> => Effect.map(of(self).era.get, breaker.nameOf)

/**
 * The full state, for dashboards and logs.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.rate({ threshold: 0.5, minimumCalls: 10, window: { calls: 100 } })
 *   })
 *   yield* Effect.succeed("up").pipe(CircuitBreaker.protect(breaker))
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   const { calls, failures, state } = yield* CircuitBreaker.snapshot(breaker)
 *   return `${state}: ${failures} of ${calls} calls have failed`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Closed: 1 of 2 calls have failed
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: CircuitBreaker): Effect.Effect<Snapshot> => controls.snapshot(of(self))

/**
 * The breaker that was given as `shadow`. Its `snapshot` and `changes` show what it would have done.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     trip: Tripping.consecutive(10),
 *     shadow: { trip: Tripping.consecutive(3) }
 *   })
 *   yield* Effect.replicateEffect(Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore), 8)
 *   const candidate = Option.getOrThrow(CircuitBreaker.shadow(breaker))
 *   return (yield* CircuitBreaker.snapshot(candidate)).rejected
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 5
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const shadow = (self: CircuitBreaker): Option.Option<CircuitBreaker> => Option.fromNullable(of(self).shadow)

/**
 * The current state, as a transition from that state to itself, and then every transition in order.
 *
 * No transition between the two is lost, even if the consumer reads later. A consumer that is more than 64 transitions
 * behind loses the oldest.
 *
 * @example
 * ```ts
 * import { Effect, Fiber, Stream } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const watcher = yield* CircuitBreaker.changes(breaker).pipe(Stream.take(3), Stream.runCollect, Effect.fork)
 *   yield* Effect.yieldNow()
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* CircuitBreaker.close(breaker)
 *   return Array.from(yield* Fiber.join(watcher), ({ from, to }) => `${from} -> ${to}`)
 * })
 *
 * Effect.runPromise(program).then(console.log)
 * // => [ 'Closed -> Closed', 'Closed -> Open', 'Open -> Closed' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const changes = (self: CircuitBreaker): Stream.Stream<Transition> => watch.changes(of(self))

/**
 * Rejects all calls until every isolation has ended. Then the breaker continues in its earlier state.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   const during = yield* Effect.acquireUseRelease(
 *     CircuitBreaker.isolate(breaker),
 *     () => CircuitBreaker.state(breaker),
 *     ({ release }) => release
 *   )
 *   return [during, yield* CircuitBreaker.state(breaker)]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Isolated', 'Closed' ]
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const isolate = (self: CircuitBreaker): Effect.Effect<Isolation> => controls.isolate(of(self))

/**
 * Admits all calls and never opens, but still counts. It begins with a new window.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   yield* CircuitBreaker.disable(breaker)
 *   yield* Effect.replicateEffect(Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore), 3)
 *   const { failures, state } = yield* CircuitBreaker.snapshot(breaker)
 *   return `${state}, with ${failures} failures`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Disabled, with 3 failures
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const disable = (self: CircuitBreaker): Effect.Effect<void> => controls.setDisabled(of(self), true)

/**
 * Ends `disable`. It begins with a new window.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   const failing = Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* CircuitBreaker.disable(breaker)
 *   yield* failing
 *   yield* CircuitBreaker.enable(breaker)
 *   const before = yield* CircuitBreaker.state(breaker)
 *   yield* failing
 *   return [before, yield* CircuitBreaker.state(breaker)]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Closed', 'Open' ]
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const enable = (self: CircuitBreaker): Effect.Effect<void> => controls.setDisabled(of(self), false)

/**
 * Closes an open or half-open breaker now, with a new window. It does nothing to a closed breaker.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* CircuitBreaker.close(breaker)
 *   return yield* Effect.succeed("up").pipe(CircuitBreaker.protect(breaker))
 * })
 *
 * Effect.runPromise(program).then(console.log) // => up
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const close = (self: CircuitBreaker): Effect.Effect<void> => controls.close(of(self))

/**
 * Opens a closed or half-open breaker now, for `openFor`, or for the time of its schedule by default. After an
 * `openFor` of zero the next call is a probe.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(5) })
 *   yield* CircuitBreaker.trip(breaker, { openFor: "30 minutes" })
 *   const { retryAfter, trip } = yield* Effect.succeed("up").pipe(CircuitBreaker.protect(breaker), Effect.flip)
 *   const wait = Option.getOrElse(retryAfter, () => Duration.infinity)
 *   return `${trip?.rule}, ${Math.ceil(Duration.toMinutes(wait))} minutes`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => manual, 30 minutes
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const trip = (
  self: CircuitBreaker,
  options?: { readonly openFor?: Duration.DurationInput | undefined }
): Effect.Effect<void> => controls.trip(of(self), options?.openFor)

/**
 * Restores the initial state: closed, with a new window, neither isolated nor disabled.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
 *   yield* CircuitBreaker.trip(breaker)
 *   yield* CircuitBreaker.isolate(breaker)
 *   yield* CircuitBreaker.reset(breaker)
 *   return yield* CircuitBreaker.state(breaker)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Closed
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const reset = (self: CircuitBreaker): Effect.Effect<void> => controls.reset(of(self))

/**
 * Changes the options of a running breaker. It keeps its state, generation, open time and window.
 *
 * A window of another kind begins empty. `key` and `shadow` do not change.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(10) })
 *   const failing = Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   yield* Effect.replicateEffect(failing, 4)
 *   yield* CircuitBreaker.reconfigure(breaker, { trip: Tripping.consecutive(5) })
 *   yield* failing
 *   return yield* CircuitBreaker.state(breaker)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const reconfigure = <R = never>(
  self: CircuitBreaker,
  options: Options<R>
): Effect.Effect<void, never, R> => make_.reconfigure(of(self), options)
