import type { Snapshot, Source } from "./event.js"

/** More keys than a person reads. Later ones are not listed until others are gone. */
const maxSources = 10_000

/**
 * The policies and budgets that attempts have used. They can still be garbage-collected.
 *
 * @internal
 */
export class Sources {
  private readonly known = new WeakSet<Source>()
  private all: Array<WeakRef<Source>> = []
  /** How often a source was not listed for want of room. */
  private missed = 0

  readonly see = (source: Source): void => {
    if (this.known.has(source)) return
    // A full list is searched for room now and then, and not by every attempt.
    if (this.all.length >= maxSources && this.missed++ % 1_000 === 0) {
      this.all = this.all.filter((ref) => ref.deref() !== undefined)
    }
    if (this.all.length >= maxSources) return
    this.known.add(source)
    this.all.push(new WeakRef(source))
  }

  get alive(): ReadonlyArray<Source> {
    return this.all.flatMap((ref) => ref.deref() ?? [])
  }

  /** Leaves out a source of the program that throws. */
  snapshots(nowMillis: number): ReadonlyArray<Snapshot> {
    return this.alive.flatMap((source) => {
      try {
        return source.inspect(nowMillis)
      } catch {
        return []
      }
    })
  }
}
