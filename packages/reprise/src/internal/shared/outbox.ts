// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** The pause of a key. */
export interface Pause {
  readonly untilMillis: number
  /** The length of the pause at its start, so that a clock that moves backwards does not extend it. */
  readonly millis: number
}

export const pauseFrom = (now: number, millis: number): Pause => ({ untilMillis: now + millis, millis })

export const leftMillis = ({ millis, untilMillis }: Pause, now: number): number =>
  Math.max(Math.min(untilMillis - now, millis), 0)

export type Due = readonly [key: string, pause: Pause]

/** The pauses to publish: the longest one of each key. */
export class Outbox {
  private readonly byKey = new Map<string, Pause>()

  constructor(readonly capacity: number) {}

  get isEmpty(): boolean {
    return this.byKey.size === 0
  }

  /** Adds a pause. If there is no room for another key, it ignores the pause. */
  put(key: string, millis: number, now: number): void {
    const waiting = this.byKey.get(key)
    if (waiting !== undefined ? leftMillis(waiting, now) >= millis : !this.hasRoom(now)) return
    this.byKey.set(key, pauseFrom(now, millis))
  }

  /** The pauses to publish, without those that are over. */
  due(now: number): ReadonlyArray<Due> {
    this.letGo(now)
    return [...this.byKey]
  }

  /** Removes a published pause, but keeps a longer one that came meanwhile. */
  done(key: string, pause: Pause): void {
    if (this.byKey.get(key) === pause) this.byKey.delete(key)
  }

  clear(): void {
    this.byKey.clear()
  }

  private hasRoom(now: number): boolean {
    if (this.byKey.size >= this.capacity) this.letGo(now)
    return this.byKey.size < this.capacity
  }

  private letGo(now: number): void {
    for (const [key, pause] of this.byKey) if (leftMillis(pause, now) === 0) this.byKey.delete(key)
  }
}
