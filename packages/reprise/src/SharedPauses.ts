/**
 * Shares pauses of keys (a server, a tenant) between processes: when a server asks one process to wait, all wait.
 *
 * `RetryAfterGates.makeShared` of `@reprise/http` uses it. No call waits for the store. Two fibers, for any number of
 * keys, exchange in the background, and send nothing if nothing has changed. If the store is away, each process works
 * alone. When the store is back, each process publishes the rest of its pauses.
 *
 * @since 3.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Scope from "effect/Scope"
import * as link from "./internal/shared/link.js"
import * as internal from "./internal/shared/pauseMember.js"
import type { Options, SharedPauses } from "./internal/shared/pauses.js"
import * as InvalidOption from "./InvalidOption.js"
import { RetryAfterStore } from "./RetryAfterStore.js"

export { type Options, type SharedPauses, TypeId } from "./internal/shared/pauses.js"

/**
 * Joins the other processes while the scope is open. Throws `InvalidOption` for an option out of range.
 *
 * It returns when it has received the current pauses, or after the `timeout` of the store. When the scope ends, it
 * publishes the pauses that it has not published yet.
 *
 * @example
 * ```ts
 * import { Console, Duration, Effect } from "effect"
 * import * as RetryAfterStore from "reprise/RetryAfterStore"
 * import * as SharedPauses from "reprise/SharedPauses"
 *
 * // As if in two processes.
 * const join = (process: string) =>
 *   SharedPauses.make({
 *     onPause: (key, duration) =>
 *       Console.log(`${process} keeps away from ${key} for ${Math.ceil(Duration.toSeconds(duration))} s`)
 *   })
 *
 * const program = Effect.gen(function*() {
 *   const [one] = yield* Effect.all([join("one"), join("other")])
 *   yield* Effect.sleep("50 millis")
 *   yield* SharedPauses.pause(one, "payments", "30 seconds")
 *   yield* Effect.sleep("200 millis")
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RetryAfterStore.layerMemory())))
 * // => other keeps away from payments for 30 s
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<SharedPauses, never, RetryAfterStore | Scope.Scope> => {
  const { capacity = 10_000, max = "1 minute", name = "The pauses", onPause } = options
  const settings: internal.Settings = {
    maxMillis: InvalidOption.millis("max", max, { moreThan: 0 }),
    capacity: InvalidOption.integer("capacity", capacity, { min: 1 }),
    onPause
  }
  return Effect.flatMap(Effect.zip(RetryAfterStore, link.uniqueName), ([store, own]) => {
    const member = new internal.Member(store, link.make(name, store.timeout), own, settings)
    return Effect.as(internal.run(member), member)
  })
}

/** `make` makes every value. */
const of = (self: SharedPauses): internal.Member => self as internal.Member

/**
 * Pauses the key in the other processes for this time, and returns at once. They receive the longest pause of each key
 * within 100 milliseconds.
 *
 * @since 3.1.0
 * @category combinators
 */
export const pause: {
  (key: string, duration: Duration.DurationInput): (self: SharedPauses) => Effect.Effect<void>
  (self: SharedPauses, key: string, duration: Duration.DurationInput): Effect.Effect<void>
} = dual(
  3,
  (self: SharedPauses, key: string, duration: Duration.DurationInput) =>
    internal.pause(of(self), key, Duration.toMillis(duration))
)
