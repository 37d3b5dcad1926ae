// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A: virtual scheduling), with calls of any cost.
 *
 * It stores one number, the theoretical arrival time (TAT): the time at which the whole burst is available again. Time
 * is counted in ticks. A millisecond has as many ticks as a window has tokens, so a token takes as many ticks as a
 * window has milliseconds. If these are whole numbers, nothing is ever rounded.
 */
export interface Rate {
  readonly ticksPerMilli: number
  readonly ticksPerToken: number
  /** The most tokens to take at once. */
  readonly burst: number
}

/** The due time of a call, in ticks. */
export const due = (tat: number, cost: number, { burst, ticksPerToken }: Rate): number =>
  tat + (cost - burst) * ticksPerToken

/** The number of missing ticks, and the TAT after the call, which is unchanged if any are missing. */
export const admit = (
  tat: number,
  now: number,
  cost: number,
  rate: Rate
): readonly [missingTicks: number, tat: number] => {
  const from = Math.max(tat, now)
  const missing = due(from, cost, rate) - now
  return missing > 0 ? [missing, tat] : [0, from + cost * rate.ticksPerToken]
}

/** The whole tokens that are available now. */
export const remaining = (tat: number, now: number, { burst, ticksPerToken }: Rate): number =>
  Math.max(Math.floor(burst - (Math.max(tat, now) - now) / ticksPerToken), 0)
