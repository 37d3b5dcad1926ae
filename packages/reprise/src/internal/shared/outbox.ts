// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** Until when a key is kept away from. */
export interface Pause {
  readonly untilMillis: number
  /** How long it was when it began: a clock that steps back makes it no longer. */
  readonly millis: number
}

export const pauseFrom = (now: number, millis: number): Pause => ({ untilMillis: now + millis, millis })

export const leftMillis = ({ millis, untilMillis }: Pause, now: number): number =>
  Math.max(Math.min(untilMillis - now, millis), 0)

export type Due = readonly [key: string, pause: Pause]

/**
 * What others have yet to be told: of each key the longest pause.
 */
export class Outbox {
  private readonly byKey = new Map<string, Pause>()

  constructor(readonly capacity: number) {}

  get isEmpty(): boolean {
    return this.byKey.size === 0
  }

  /** Where there is no room for another key, it is left out. */
  put(key: string, millis: number, now: number): void {
    const waiting = this.byKey.get(key)
    if (waiting !== undefined ? leftMillis(waiting, now) >= millis : !this.hasRoom(now)) return
    this.byKey.set(key, pauseFrom(now, millis))
  }

  /** What there is to tell, without what is over meanwhile. */
  due(now: number): ReadonlyArray<Due> {
    this.letGo(now)
    return [...this.byKey]
  }

  /** A longer pause that has come meanwhile stays. */
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
