/** The time, fine enough to tell in which order things happened within a millisecond. */

const originMillis = Date.now() - performance.now()

/** In epoch milliseconds, with fractions; never goes back. */
export const now = (): number => originMillis + performance.now()
