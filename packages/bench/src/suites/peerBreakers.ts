import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleAll, SamplingBreaker } from "cockatiel"
import Opossum from "opossum"
import type { Case } from "../harness.js"
import { resolved } from "./loops.js"

export const failure = new Error("down")

type Loop = (call: () => Promise<unknown>) => Case["run"]

const hour = 3_600_000

export const makeCockatiel = (kind: "consecutive" | "sampling") =>
  circuitBreaker(handleAll, {
    halfOpenAfter: hour,
    breaker: kind === "consecutive"
      ? new ConsecutiveBreaker(5)
      : new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 1 })
  })

const consecutive = makeCockatiel("consecutive")
const sampling = makeCockatiel("sampling")
const open = circuitBreaker(handleAll, { halfOpenAfter: hour, breaker: new ConsecutiveBreaker(1) })
await open.execute(async () => {
  throw failure
}).catch(() => {})

export const cockatielConsecutive = (): Promise<unknown> => consecutive.execute(resolved)
export const cockatielSampling = (): Promise<unknown> => sampling.execute(resolved)
export const cockatielOpen = (): Promise<unknown> => open.execute(resolved)

export const makeOpossum = (options: Opossum.Options) => new Opossum(resolved, options)

/**
 * A breaker for each sample: its timers sort the times of all calls of the last ten seconds once a second, which would fall
 * into the samples of others.
 */
const inSample =
  (options: Opossum.Options, loop: Loop, prepare: (breaker: Opossum) => void): Case["run"] => async (times) => {
    const breaker = makeOpossum(options)
    prepare(breaker)
    try {
      await loop(() => breaker.fire())(times)
    } finally {
      breaker.shutdown()
    }
  }

export const opossum = (options: Opossum.Options, loop: Loop): Case["run"] => inSample(options, loop, () => {})
export const openOpossum = (loop: Loop): Case["run"] =>
  inSample({ resetTimeout: hour }, loop, (breaker) => breaker.open())

const errorOf = (call: Promise<unknown>): Promise<unknown> => call.then(() => undefined, (error: unknown) => error)

export const selfCheck = async (): Promise<void> => {
  if (!(await errorOf(cockatielOpen()) instanceof BrokenCircuitError)) throw new Error("cockatiel is not open")
  const breaker = makeOpossum({ resetTimeout: hour })
  breaker.open()
  const error = await errorOf(breaker.fire())
  breaker.shutdown()
  if ((error as { readonly code?: string }).code !== "EOPENBREAKER") throw new Error("opossum is not open")
}
