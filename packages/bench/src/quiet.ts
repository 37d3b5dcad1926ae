import * as fs from "node:fs"
import * as timers from "node:timers/promises"

/** How quiet the machine was while we measured: written beside every result. */
export interface Noise {
  samples: number
  /** Samples during which the main thread hardly waited for a CPU and before which the probe ran at full speed. */
  quiet: number
  waitedMillis: number
}

/** The longest time one process may spend waiting for a quiet machine: a benchmark must end by itself. */
const maxWaitMillis = 20_000

const noisyProbe = 1.12

const busyWait = (): number => {
  const start = process.hrtime.bigint()
  let x = 1
  for (let i = 0; i < 200_000; i++) x = (x * 1_103_515_245 + 12_345) & 0x7fffffff
  return Number(process.hrtime.bigint() - start) + (x & 1)
}

let best = Infinity

const probe = (): number => {
  const took = busyWait()
  best = Math.min(best, took)
  return took / best
}

/** Tasks that run or want to, besides our own; 0 where the system does not say. */
const othersRunnable = (): number => {
  try {
    const running = /(\d+)\/\d+/.exec(fs.readFileSync("/proc/loadavg", "latin1"))?.[1]
    return Math.max(Number(running ?? 1) - 1, 0)
  } catch {
    return 0
  }
}

/** Nanoseconds for which the main thread was ready and had no CPU. */
const runDelay = (): number => {
  try {
    return Number(fs.readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[1])
  } catch {
    return 0
  }
}

export const warmProbe = () => {
  for (let i = 0; i < 50; i++) probe()
}

export const makeNoise = (): Noise => ({ samples: 0, quiet: 0, waitedMillis: 0 })

/** Waits until nobody else wants a CPU and the CPU is as fast as it ever was. */
export const quietMoment = async (noise: Noise): Promise<boolean> => {
  const start = performance.now()
  for (;;) {
    if (othersRunnable() === 0 && probe() <= noisyProbe) return true
    const waited = performance.now() - start
    if (waited > 1_000 || noise.waitedMillis + waited > maxWaitMillis) {
      noise.waitedMillis += waited
      return false
    }
    await timers.setTimeout(5)
  }
}

/**
 * Takes a sample at a quiet moment, and takes it again (`maxTries` at most) if the thread had to wait for a CPU for more than
 * 5 % of it. The last one counts, quiet or not.
 */
export const whenQuiet = async <A>(noise: Noise, sample: () => Promise<A>, maxTries = 4): Promise<A> => {
  for (let tries = 1;; tries++) {
    const calm = await quietMoment(noise)
    const delayBefore = runDelay()
    const start = performance.now()
    const result = await sample()
    const waitedShare = (runDelay() - delayBefore) / 1e6 / (performance.now() - start)
    const quiet = calm && waitedShare <= 0.05
    if (quiet || tries === maxTries || noise.waitedMillis > maxWaitMillis) {
      noise.samples++
      if (quiet) noise.quiet++
      return result
    }
  }
}
