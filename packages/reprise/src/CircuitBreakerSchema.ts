/**
 * Encodes circuit breakers as JSON: `CircuitOpen` for RPC, and the state of a breaker for the next process.
 *
 * It is a separate module, so that a program without it does not bundle `Schema`.
 *
 * @since 3.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as CircuitBreaker from "./CircuitBreaker.js"
import type { Breaker } from "./internal/breaker/breaker.js"
import * as codec from "./internal/breaker/codec.js"
import * as restore from "./internal/breaker/restore.js"
import { currentMonotonicMillis, wallAheadMillis } from "./internal/effect/clock.js"

/**
 * A `CircuitOpen` as JSON: durations are milliseconds, `null` if there is none.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(1) })
 *   yield* CircuitBreaker.trip(breaker, { openFor: "3 seconds" })
 *   const error = yield* Effect.succeed("up").pipe(CircuitBreaker.protect(breaker), Effect.flip)
 *   const json = JSON.stringify(yield* Schema.encode(CircuitBreakerSchema.CircuitOpen)(error))
 *   const received = yield* Schema.decodeUnknown(CircuitBreakerSchema.CircuitOpen)(JSON.parse(json))
 *   return `${received._tag}: ${received.key} (${received.trip?.rule})`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => CircuitOpen: payments (manual)
 * ```
 *
 * @since 3.1.0
 * @category schemas
 */
export const CircuitOpen = Schema.transform(
  Schema.Struct({
    _tag: Schema.Literal("CircuitOpen"),
    key: Schema.String,
    state: Schema.Literal("Closed", "Open", "HalfOpen", "Isolated", "Disabled"),
    retryAfterMillis: Schema.NullOr(Schema.Number.pipe(Schema.between(0, codec.longestMillis))),
    openedAtMillis: Schema.UndefinedOr(Schema.Number.pipe(Schema.finite())).pipe(Schema.optional),
    trip: Schema.UndefinedOr(codec.Trip).pipe(Schema.optional)
  }),
  Schema.instanceOf(CircuitBreaker.CircuitOpen),
  {
    strict: true,
    decode: ({ _tag, openedAtMillis, retryAfterMillis, trip, ...rest }) =>
      new CircuitBreaker.CircuitOpen({
        ...rest,
        openedAtMillis,
        trip,
        retryAfter: Option.map(Option.fromNullable(retryAfterMillis), Duration.millis)
      }),
    encode: ({ _tag, key, openedAtMillis, retryAfter, state, trip }) => ({
      _tag,
      key,
      state,
      retryAfterMillis: Option.isSome(retryAfter)
        ? Math.min(Duration.toMillis(retryAfter.value), codec.longestMillis)
        : null,
      ...(openedAtMillis !== undefined && { openedAtMillis }),
      ...(trip !== undefined && { trip })
    })
  }
)

/**
 * The state of a breaker as JSON. Times are epoch milliseconds, so that the time between the two processes counts.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   yield* Effect.fail("down").pipe(CircuitBreaker.protect(breaker), Effect.ignore)
 *   return yield* Schema.encode(Schema.parseJson(CircuitBreakerSchema.State))(
 *     yield* CircuitBreakerSchema.exportState(breaker)
 *   )
 * })
 *
 * Effect.runPromise(program).then(console.log)
 * // => {"version":1,"isDisabled":false,"state":{"_tag":"Closed","window":{"kind":"consecutive","failures":1}}}
 * ```
 *
 * @since 3.1.0
 * @category schemas
 */
export const State = Schema.Struct({
  version: Schema.Literal(1),
  isDisabled: Schema.Boolean,
  state: codec.State
})

/**
 * @since 3.1.0
 * @category schemas
 */
export type State = typeof State.Type

/**
 * The state does not fit this breaker.
 *
 * @since 3.1.0
 * @category errors
 */
export class StateRefused extends Data.TaggedError("StateRefused")<{
  readonly reason: string
  readonly cause?: ParseResult.ParseError
}> {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    return `The state of the circuit breaker is refused: ${this.reason}`
  }
}

/**
 * Exports the state of a breaker. It leaves out isolations. A half-open breaker becomes an open one whose time is over.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const before = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   yield* CircuitBreaker.trip(before)
 *   const json = JSON.stringify(yield* CircuitBreakerSchema.exportState(before))
 *
 *   const after = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   yield* CircuitBreakerSchema.importState(after, JSON.parse(json))
 *   return yield* CircuitBreaker.state(after)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category persistence
 */
export const exportState = (self: CircuitBreaker.CircuitBreaker): Effect.Effect<State> =>
  Effect.zipWith(
    // `make` or a registry makes every breaker.
    (self as Breaker).era.get,
    currentMonotonicMillis,
    ({ isDisabled, state }, now): State => ({
      version: 1,
      isDisabled,
      state: codec.shifted(codec.ofState(state, now), wallAheadMillis())
    })
  )

/**
 * Imports the state of a breaker. An open breaker stays open for the rest of its time, and its schedule continues.
 *
 * Fails with `StateRefused`, and changes nothing, if the state has another version, impossible values or another kind
 * of rule. With `onRefused: "closed"` it closes the breaker instead.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   yield* CircuitBreaker.trip(breaker)
 *   const written = { version: 0, failures: 3 }
 *   const { _tag } = yield* Effect.flip(CircuitBreakerSchema.importState(breaker, written))
 *   yield* CircuitBreakerSchema.importState(breaker, written, { onRefused: "closed" })
 *   return `${_tag}, then ${yield* CircuitBreaker.state(breaker)}`
 * })
 *
 * Effect.runPromise(program).then(console.log) // => StateRefused, then Closed
 * ```
 *
 * @since 3.1.0
 * @category persistence
 */
export const importState = (
  self: CircuitBreaker.CircuitBreaker,
  state: unknown,
  options?: { readonly onRefused?: "fail" | "closed" | undefined }
): Effect.Effect<void, StateRefused> => {
  const imported = Effect.suspend(() => Schema.decodeUnknown(State)(state)).pipe(
    Effect.mapError((cause) => new StateRefused({ reason: cause.message, cause })),
    // Windows nested without end, or an object with a getter that throws.
    Effect.catchAllDefect((defect) => new StateRefused({ reason: `it cannot be read (${defect})` })),
    Effect.flatMap(({ isDisabled, state }) => restore.into(self as Breaker, state, isDisabled)),
    Effect.filterOrFail(
      (isRestored) => isRestored,
      () => new StateRefused({ reason: "its window comes from another kind of rule" })
    )
  )
  return options?.onRefused === "closed"
    ? Effect.catchAll(imported, () => CircuitBreaker.reset(self)).pipe(Effect.asVoid)
    : Effect.asVoid(imported)
}
