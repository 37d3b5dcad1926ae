import type * as Effect from "effect/Effect"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import type { Standing } from "../standing.js"
import { type Keyed, TypeId } from "./model.js"

interface Entry<K, A> {
  readonly key: K
  readonly value: A
  /** Calls of `use` that have not ended. */
  users: number
  usedMillis: number
  previous: Entry<K, A> | undefined
  next: Entry<K, A> | undefined
}

const variance = { _K: (_: unknown) => _, _A: (_: never) => _ }

/** The number of idle keys to check for each new key, which bounds its cost. */
const looks = 8

/**
 * Keys in the order of their last use.
 *
 * @internal
 */
export class KeyedImpl<K, A> extends Pipeable.Class() implements Keyed<K, A> {
  readonly [TypeId] = variance
  readonly entries = MutableHashMap.empty<K, Entry<K, A>>()
  overflowed = 0
  isWarned = false
  private oldest: Entry<K, A> | undefined
  private newest: Entry<K, A> | undefined
  /** The start of the next search for an idle key, and of the next search for any key: the oldest key by default. */
  private idle: Entry<K, A> | undefined
  private hand: Entry<K, A> | undefined
  /** The number of keys for which the last search is still valid. */
  private searched = 0

  constructor(
    readonly make: (key: K) => Effect.Effect<A>,
    readonly standingOf: (value: A, nowMillis: number) => Standing,
    readonly capacity: number,
    readonly idleMillis: number,
    readonly name: string,
    /** Work that must happen before a stored value is used. */
    readonly ready: (value: A, now: number) => Effect.Effect<void> | undefined = () => undefined
  ) {
    super()
  }

  get size(): number {
    return MutableHashMap.size(this.entries)
  }

  find(key: K, now: number): Entry<K, A> | undefined {
    const entry = Option.getOrUndefined(MutableHashMap.get(this.entries, key))
    if (entry === undefined) return undefined
    entry.usedMillis = now
    if (this.newest !== entry) {
      this.unlink(entry)
      this.append(entry)
    }
    return entry
  }

  has(entry: Entry<K, A>): boolean {
    return Option.contains(MutableHashMap.get(this.entries, entry.key), entry)
  }

  keep(key: K, value: A, now: number): Entry<K, A> {
    // Another call may have made it meanwhile.
    const found = this.find(key, now)
    if (found !== undefined) return found
    const entry: Entry<K, A> = { key, value, users: 0, usedMillis: now, previous: undefined, next: undefined }
    this.makeRoom(now)
    if (this.size >= 2 * this.capacity) return entry
    MutableHashMap.set(this.entries, key, entry)
    this.append(entry)
    return entry
  }

  private append(entry: Entry<K, A>): void {
    entry.previous = this.newest
    entry.next = undefined
    if (this.newest === undefined) this.oldest = entry
    else this.newest.next = entry
    this.newest = entry
  }

  private unlink(entry: Entry<K, A>): void {
    const { next, previous } = entry
    if (previous === undefined) this.oldest = next
    else previous.next = next
    if (next === undefined) this.newest = previous
    else next.previous = previous
    if (this.idle === entry) this.idle = next
    if (this.hand === entry) this.hand = next
  }

  private drop(entry: Entry<K, A>): void {
    this.unlink(entry)
    MutableHashMap.remove(this.entries, entry.key)
  }

  private standing({ users, value }: Entry<K, A>, now: number): Standing {
    return users > 0 ? "busy" : this.standingOf(value, now)
  }

  private makeRoom(now: number): void {
    this.dropIdle(now)
    while (this.size >= this.capacity) {
      const entry = this.replaceable(now)
      if (entry === undefined) return this.overflow(now)
      this.drop(entry)
    }
  }

  private overflow(now: number): void {
    this.overflowed++
    if (this.size < 2 * this.capacity) return
    const changed = this.findChanged(now)
    if (changed !== undefined) this.drop(changed)
  }

  private dropIdle(now: number): void {
    let entry = this.idle ?? this.oldest
    for (let i = 0; i < looks && entry !== undefined; i++) {
      // All after it were used later.
      if (now - entry.usedMillis < this.idleMillis) {
        this.idle = undefined
        return
      }
      const { next } = entry as Entry<K, A>
      if (this.standing(entry, now) === "new") this.drop(entry)
      entry = next
    }
    this.idle = entry
  }

  private replaceable(now: number): Entry<K, A> | undefined {
    if (this.searched === 0) return this.search(now, this.hand, false) ?? this.search(now, this.oldest, false)
    this.searched--
    return this.search(now, this.hand, true)
  }

  /**
   * The first from `start` on that behaves as a new one, or else the first that is replaceable. All before it are
   * neither, or were not when they were looked at.
   */
  private search(now: number, start: Entry<K, A> | undefined, isNoneNew: boolean): Entry<K, A> | undefined {
    let replaceable: Entry<K, A> | undefined
    let entry = start
    for (; entry !== undefined; entry = entry.next) {
      const standing = this.standing(entry, now)
      if (standing === "new") break
      if (standing === "replaceable") replaceable ??= entry
      if (isNoneNew && replaceable !== undefined) break
    }
    // The more keys there are, the longer the search took, and the longer it stands.
    if (entry === undefined && start !== undefined && !isNoneNew) this.searched = Math.floor(this.size / 64)
    return this.hand = entry ?? replaceable
  }

  private findChanged(now: number): Entry<K, A> | undefined {
    let entry = this.oldest
    while (entry !== undefined && this.standing(entry, now) === "busy") entry = entry.next
    return entry
  }
}
