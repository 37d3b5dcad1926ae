import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as InvalidOption from "../../InvalidOption.js"
import { monotonicMillis } from "../effect/clock.js"
import type { KeyedImpl } from "./entries.js"
import type * as Keyed from "./model.js"

/**
 * Checks the bounds at once.
 *
 * @internal
 */
export const bounds = ({ capacity, idleTimeToLive }: Keyed.Bounds): readonly [capacity: number, idleMillis: number] => [
  InvalidOption.integer("capacity", capacity ?? 10_000, { min: 1 }),
  InvalidOption.millis("idleTimeToLive", idleTimeToLive ?? "10 minutes", { moreThan: 0 })
]

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Keeps the key while the effect runs, so that changes of the value are not lost.
 *
 * @internal
 */
export const use = <K, A, B, E, R>(
  self: KeyedImpl<K, A>,
  key: K,
  f: (value: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<B, E, R>((fiber) => {
      const now = monotonicMillis(fiber)
      const found = self.find(key, now)
      return found === undefined
        ? Effect.flatMap(restore(self.make(key)), (value) => useNew(self, key, value, f, restore))
        : held(found, whenReady(self, found.value, now, f), restore)
    })
  )

const useNew = <K, A, B, E, R>(
  self: KeyedImpl<K, A>,
  key: K,
  value: A,
  f: (value: A) => Effect.Effect<B, E, R>,
  restore: Restore
): Effect.Effect<B, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const now = monotonicMillis(fiber)
    const entry = self.keep(key, value, now)
    const effect = self.has(entry) ? whenReady(self, entry.value, now, f) : f(entry.value)
    return held(entry, mustWarn(self) ? Effect.flatMap(warn(self), () => effect) : effect, restore)
  })

const whenReady = <K, A, B, E, R>(
  { ready }: KeyedImpl<K, A>,
  value: A,
  now: number,
  f: (value: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E, R> => {
  const waiting = ready(value, now)
  return waiting === undefined ? f(value) : Effect.flatMap(waiting, () => f(value))
}

/** Built and run in one step, in which nothing can interrupt. */
const held = <B, E, R>(
  entry: { users: number },
  effect: Effect.Effect<B, E, R>,
  restore: Restore
): Effect.Effect<B, E, R> => {
  entry.users++
  return Effect.matchCauseEffect(restore(effect), {
    onSuccess: (value) => {
      entry.users--
      return Exit.succeed(value)
    },
    onFailure: (cause) => {
      entry.users--
      return Exit.failCause(cause)
    }
  })
}

/** @internal */
export const mustWarn = <K, A>(self: KeyedImpl<K, A>): boolean => self.overflowed > 0 && !self.isWarned

/** @internal */
export const warn = <K, A>(self: KeyedImpl<K, A>): Effect.Effect<void> =>
  Effect.suspend(() => {
    self.isWarned = true
    return Effect.logWarning(
      `${self.name}: all ${self.capacity} keys hold state that must not be lost, so there will be up to twice as many. ` +
        "From then on, each new key replaces the least recently used one. Raise `capacity`, or use fewer keys."
    )
  })

/**
 * Does not hold the key, because the caller keeps the value for longer than this effect runs.
 *
 * @internal
 */
export const get = <K, A>(self: KeyedImpl<K, A>, key: K): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => {
    const now = monotonicMillis(fiber)
    const found = self.find(key, now)
    return found === undefined || self.ready(found.value, now) !== undefined
      ? use(self, key, Exit.succeed)
      : Exit.succeed(found.value)
  })

/** @internal */
export const entries = <K, A>(self: KeyedImpl<K, A>): ReadonlyArray<readonly [key: K, value: A]> =>
  Array.from(self.entries, ([key, { value }]) => [key, value] as const)
