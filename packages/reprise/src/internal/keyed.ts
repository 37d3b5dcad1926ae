import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as InvalidOption from "../InvalidOption.js"
import type { Keyed } from "../Keyed.js"
import { nowMillis } from "./clock.js"

// Not marked internal: the declarations of Keyed refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/Keyed")

interface Entry<K, A> {
  readonly key: K
  readonly value: A
  usedMillis: number
  previous: Entry<K, A> | undefined
  next: Entry<K, A> | undefined
}

/** How many of the longest unused keys are looked at for one new key: what keeps the cost of each bounded. */
const looks = 8

/**
 * Keys in the order of their last use; those that may not go yet are put back to the end when they are looked at.
 *
 * @internal
 */
export class KeyedImpl<K, A> extends Pipeable.Class() implements Keyed<K, A> {
  readonly [TypeId] = variance
  readonly entries = MutableHashMap.empty<K, Entry<K, A>>()
  oldest: Entry<K, A> | undefined
  newest: Entry<K, A> | undefined
  overflowed = 0

  constructor(
    readonly make: (key: K) => Effect.Effect<A>,
    readonly isIdle: (value: A) => boolean,
    readonly capacity: number,
    readonly idleMillis: number,
    /** What has to happen before a value that is kept is used. */
    readonly ready: (value: A, now: number) => Effect.Effect<void> | undefined = () => undefined
  ) {
    super()
  }

  append(entry: Entry<K, A>): void {
    entry.previous = this.newest
    entry.next = undefined
    if (this.newest === undefined) this.oldest = entry
    else this.newest.next = entry
    this.newest = entry
  }

  unlink({ next, previous }: Entry<K, A>): void {
    if (previous === undefined) this.oldest = next
    else previous.next = next
    if (next === undefined) this.newest = previous
    else next.previous = previous
  }

  use(key: K, now: number): A | undefined {
    const entry = Option.getOrUndefined(MutableHashMap.get(this.entries, key))
    if (entry === undefined) return undefined
    entry.usedMillis = now
    if (this.newest !== entry) {
      this.unlink(entry)
      this.append(entry)
    }
    return entry.value
  }

  has(key: K, value: A): boolean {
    return Option.exists(MutableHashMap.get(this.entries, key), (entry) => entry.value === value)
  }

  keep(key: K, value: A, now: number): A {
    // Another call may have made it meanwhile.
    const found = this.use(key, now)
    if (found !== undefined) return found
    if (!this.makeRoom(now)) {
      this.overflowed++
      return value
    }
    const entry: Entry<K, A> = { key, value, usedMillis: now, previous: undefined, next: undefined }
    MutableHashMap.set(this.entries, key, entry)
    this.append(entry)
    return value
  }

  /** Lets go of what was idle for too long, and of one more where there is no room. */
  private makeRoom(now: number): boolean {
    for (let i = 0; i < looks && this.oldest !== undefined; i++) {
      const entry = this.oldest
      const isFull = MutableHashMap.size(this.entries) >= this.capacity
      if (!isFull && now - entry.usedMillis < this.idleMillis) return true
      this.unlink(entry)
      if (this.isIdle(entry.value)) MutableHashMap.remove(this.entries, entry.key)
      else this.append(entry)
    }
    return MutableHashMap.size(this.entries) < this.capacity
  }
}

const variance = { _K: (_: unknown) => _, _A: (_: never) => _ }

/**
 * Checks the bounds at once.
 *
 * @internal
 */
export const bounds = ({ capacity, idleTimeToLive }: Keyed.Bounds): readonly [capacity: number, idleMillis: number] => [
  InvalidOption.integer("capacity", capacity ?? 10_000, { min: 1 }),
  InvalidOption.millis("idleTimeToLive", idleTimeToLive ?? "10 minutes", { moreThan: 0 })
]

/**
 * One step where the key is there already.
 *
 * @internal
 */
export const use = <K, A, B, E, R>(
  self: KeyedImpl<K, A>,
  key: K,
  f: (value: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const now = nowMillis(fiber)
    const found = self.use(key, now)
    return found === undefined
      ? Effect.flatMap(self.make(key), (value) => {
        const kept = self.keep(key, value, now)
        return self.has(key, kept) ? whenReady(self, kept, now, f) : f(kept)
      })
      : whenReady(self, found, now, f)
  })

const whenReady = <K, A, B, E, R>(
  { ready }: KeyedImpl<K, A>,
  value: A,
  now: number,
  f: (value: A) => Effect.Effect<B, E, R>
): Effect.Effect<B, E, R> => {
  const waiting = ready(value, now)
  return waiting === undefined ? f(value) : Effect.zipRight(waiting, Effect.suspend(() => f(value)))
}

/** @internal */
export const get = <K, A>(self: KeyedImpl<K, A>, key: K): Effect.Effect<A> => use(self, key, Exit.succeed)

/** @internal */
export const entries = <K, A>(self: KeyedImpl<K, A>): ReadonlyArray<readonly [key: K, value: A]> =>
  Array.from(self.entries, ([key, { value }]) => [key, value] as const)
