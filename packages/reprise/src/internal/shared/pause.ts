// Internal all the same; without the tag, so that tests see its types (`stripInternal`).

/** Until when a key is kept away from. */
export interface Pause {
  readonly untilMillis: number
  /** How long it was when it began: a clock that steps back makes it no longer. */
  readonly millis: number
}

export const from = (now: number, millis: number): Pause => ({ untilMillis: now + millis, millis })

export const leftMillis = ({ millis, untilMillis }: Pause, now: number): number =>
  Math.max(Math.min(untilMillis - now, millis), 0)
