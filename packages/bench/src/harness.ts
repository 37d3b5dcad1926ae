import * as quiet from "./quiet.js"
import * as stats from "./stats.js"

/** Something to measure: `run` does it `times` times, one after the other. */
export interface Case {
  readonly name: string
  /** The case of the same round whose cost is taken off: what is left is the marginal cost. */
  readonly base: string
  readonly run: (times: number) => Promise<void>
}

/** Nanoseconds per call, one number per round; the same index is the same round in every case. */
export type Rounds = Record<string, Array<number>>

const sampleMillis = 25

/** The cases with these names (JSON, all of them if there is none) and what they are based on. */
export const selected = (cases: ReadonlyArray<Case>, names: string | undefined): ReadonlyArray<Case> => {
  if (names === undefined) return cases
  const wanted = new Set(JSON.parse(names) as ReadonlyArray<string>)
  for (const one of cases) if (wanted.has(one.name)) wanted.add(one.base)
  for (const one of cases) if (wanted.has(one.name)) wanted.add(one.base)
  return cases.filter(({ name }) => wanted.has(name))
}

export const basesOf = (cases: ReadonlyArray<Case>): Record<string, string> =>
  Object.fromEntries(cases.map(({ base, name }) => [name, base]))

/** A minor one only: a full collection deoptimises code that embeds weakly held objects, which is most of Effect's. */
export const minorGc = (): void => {
  const { gc } = globalThis as { gc?: (options: { readonly type: "minor" }) => void }
  if (gc === undefined) throw new Error("run node with --expose-gc")
  gc({ type: "minor" })
}

const timed = async (run: Case["run"], times: number): Promise<number> => {
  const start = process.hrtime.bigint()
  await run(times)
  return Number(process.hrtime.bigint() - start) / times
}

/** How many calls fill one sample; finding it warms the case up. */
const calibrate = async (run: Case["run"]): Promise<number> => {
  let times = 16
  for (;;) {
    const nanos = await timed(run, times)
    if (nanos * times > sampleMillis * 0.5e6) return Math.max(1, Math.round(sampleMillis * 1e6 / nanos))
    times = Math.min(times * 4, 1e7)
  }
}

/** Each round samples every case once, in a random order. */
export const rounds = async (cases: ReadonlyArray<Case>, count: number, noise: quiet.Noise): Promise<Rounds> => {
  quiet.warmProbe()
  const times = new Map<Case, number>()
  for (const pass of [1, 2]) {
    for (const one of stats.shuffled(cases)) {
      const calibrated = await calibrate(one.run)
      if (pass === 2) times.set(one, calibrated)
    }
  }
  const result: Rounds = Object.fromEntries(cases.map(({ name }) => [name, []]))
  for (let round = 0; round < count; round++) {
    for (const one of stats.shuffled(cases)) {
      const nanos = await quiet.whenQuiet(noise, () => {
        minorGc()
        return timed(one.run, times.get(one) ?? 1)
      })
      result[one.name]?.push(nanos)
    }
  }
  return result
}
