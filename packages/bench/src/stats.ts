const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? NaN
  const high = sorted[Math.ceil(at)] ?? NaN
  return low + (high - low) * (at - Math.floor(at))
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** The median of the values (of processes, or of rounds), and between what they lay. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spread = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values)
})

export const quartiles = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  min: quantile(values, 0.25),
  max: quantile(values, 0.75)
})

export const shuffled = <A>(values: ReadonlyArray<A>): Array<A> => {
  const result = [...values]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const moved = result[i] as A
    result[i] = result[j] as A
    result[j] = moved
  }
  return result
}
