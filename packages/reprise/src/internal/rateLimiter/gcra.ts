// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A: virtual scheduling), with calls of any cost.
 *
 * Of all that has gone by it keeps one number, the theoretical arrival time (TAT): when all of the burst would be there
 * again. Time is counted in ticks, of which a millisecond has as many as a window has tokens: then a token takes as many as
 * a window has milliseconds, and where these are whole numbers nothing is ever rounded.
 */
export interface Rate {
  readonly ticksPerMilli: number
  readonly ticksPerToken: number
  /** How many tokens may be taken at once. */
  readonly burst: number
}

/**
 * When a call is due, in ticks.
 */
export const due = (tat: number, cost: number, { burst, ticksPerToken }: Rate): number =>
  tat + (cost - burst) * ticksPerToken

/**
 * How many ticks are missing, and the TAT after the call: unchanged unless none is missing.
 */
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

/**
 * How many whole tokens could be taken now.
 */
export const remaining = (tat: number, now: number, { burst, ticksPerToken }: Rate): number =>
  Math.max(Math.floor(burst - (Math.max(tat, now) - now) / ticksPerToken), 0)
