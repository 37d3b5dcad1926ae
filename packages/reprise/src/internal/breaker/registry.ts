import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Types from "effect/Types"
import type { CircuitBreaker } from "../../CircuitBreaker.js"
import type { CircuitBreakers } from "../../CircuitBreakers.js"
import * as InvalidOption from "../../InvalidOption.js"
import { type Breaker, nameOf, nowMillis } from "./breaker.js"
import * as controls from "./controls.js"
import * as make_ from "./make.js"
import type { Settings } from "./settings.js"

// Not marked internal: the declarations of CircuitBreakers refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreakers")

interface Entry<K> {
  readonly key: K
  readonly breaker: Breaker
  usedMillis: number
  previous: Entry<K> | undefined
  next: Entry<K> | undefined
}

/** How many of the longest unused keys are looked at for one new key: what keeps the cost of each bounded. */
const looks = 8

/**
 * Keys in the order of their last use; those that may not go yet are put back to the end when they are looked at.
 *
 * @internal
 */
export class Registry<K> implements CircuitBreakers<K> {
  readonly [TypeId]: Types.Invariant<K> = identity
  readonly entries = MutableHashMap.empty<K, Entry<K>>()
  oldest: Entry<K> | undefined
  newest: Entry<K> | undefined
  overflowed = 0

  constructor(
    readonly build: (key: K) => Effect.Effect<Breaker>,
    readonly capacity: number,
    readonly idleMillis: number
  ) {}

  append(entry: Entry<K>): void {
    entry.previous = this.newest
    entry.next = undefined
    if (this.newest === undefined) this.oldest = entry
    else this.newest.next = entry
    this.newest = entry
  }

  unlink({ next, previous }: Entry<K>): void {
    if (previous === undefined) this.oldest = next
    else previous.next = next
    if (next === undefined) this.newest = previous
    else next.previous = previous
  }

  /** Lets go of what was idle for too long, and of one more where there is no room. */
  makeRoom(now: number): boolean {
    for (let i = 0; i < looks && this.oldest !== undefined; i++) {
      const entry = this.oldest
      const isFull = MutableHashMap.size(this.entries) >= this.capacity
      if (!isFull && now - entry.usedMillis < this.idleMillis) return true
      this.unlink(entry)
      if (isIdle(entry.breaker)) MutableHashMap.remove(this.entries, entry.key)
      else this.append(entry)
    }
    return MutableHashMap.size(this.entries) < this.capacity
  }
}

const isIdle = (breaker: Breaker): boolean =>
  breaker.running === 0 && breaker.waiting === 0 && breaker.listeners.length === 0 &&
  nameOf(Effect.runSync(Ref.get(breaker.era))) === "Closed"

/** @internal */
export const make = <K, R>(
  options: CircuitBreakers.Options<K, R>,
  reject: Settings["reject"]
): Effect.Effect<Registry<K>, never, R> => {
  const { breaker, name = String } = options
  const capacity = InvalidOption.integer("capacity", options.capacity ?? 10_000, { min: 1 })
  const idleMillis = InvalidOption.millis("idleTimeToLive", options.idleTimeToLive ?? "10 minutes", { moreThan: 0 })
  const build = (options: CircuitBreaker.Options<R>) =>
    // As in `make` of a breaker: what the options require is in the context.
    make_.build(options as CircuitBreaker.Options<unknown>, reject, true) as Effect.Effect<
      (key: string) => Breaker,
      never,
      R
    >
  if (typeof breaker !== "function") {
    return Effect.map(
      build(breaker),
      (make) => new Registry((key: K) => Effect.sync(() => make(name(key))), capacity, idleMillis)
    )
  }
  return Effect.map(Effect.context<R>(), (context) =>
    new Registry(
      (key: K) =>
        Effect.provide(Effect.map(Effect.suspend(() => build(breaker(key))), (make) => make(name(key))), context),
      capacity,
      idleMillis
    ))
}

/** @internal */
export const get = <K>(self: Registry<K>, key: K): Effect.Effect<Breaker> =>
  Effect.withFiberRuntime((fiber) => {
    const now = nowMillis(fiber)
    const found = use(self, key, now)
    return found === undefined
      ? Effect.map(self.build(key), (breaker) => keep(self, key, breaker, now))
      : Effect.succeed(found)
  })

const use = <K>(self: Registry<K>, key: K, now: number): Breaker | undefined => {
  const entry = Option.getOrUndefined(MutableHashMap.get(self.entries, key))
  if (entry === undefined) return undefined
  entry.usedMillis = now
  if (self.newest !== entry) {
    self.unlink(entry)
    self.append(entry)
  }
  return entry.breaker
}

const keep = <K>(self: Registry<K>, key: K, breaker: Breaker, now: number): Breaker => {
  // Another call may have made it meanwhile.
  const found = use(self, key, now)
  if (found !== undefined) return found
  if (!self.makeRoom(now)) {
    self.overflowed++
    return breaker
  }
  const entry: Entry<K> = { key, breaker, usedMillis: now, previous: undefined, next: undefined }
  MutableHashMap.set(self.entries, key, entry)
  self.append(entry)
  return breaker
}

/** @internal */
export const snapshots = <K>(
  self: Registry<K>
): Effect.Effect<ReadonlyArray<readonly [key: K, snapshot: CircuitBreaker.Snapshot]>> =>
  Effect.suspend(() =>
    Effect.forEach(
      Array.from(self.entries, ([key, { breaker }]) => ({ key, breaker })),
      ({ breaker, key }) => Effect.map(controls.snapshot(breaker), (snapshot) => [key, snapshot] as const)
    )
  )
