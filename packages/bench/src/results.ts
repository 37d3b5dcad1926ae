import type { Rounds } from "./harness.js"
import type { Noise } from "./quiet.js"
import * as stats from "./stats.js"
import type { HttpSample } from "./worker/http.js"

/** What the workers report, one per process. */
export interface Micro {
  readonly rounds: Rounds
  readonly bases: Record<string, string>
  readonly noise: Noise
}

export interface Http {
  readonly samples: Record<string, Array<HttpSample>>
  readonly bases: Record<string, string>
  readonly noise: Noise
}

export interface Bytes {
  readonly bytes: Record<string, stats.Spread>
  readonly bases: Record<string, string>
}

export interface Heap {
  readonly calls: number
  readonly succeeded: number
  readonly before: number
  readonly after: number
  readonly seconds: number
  readonly timers: number
}

/** By kind: what one breaker holds. */
export type BreakerHeap = Record<string, {
  readonly count: number
  readonly bytes: number
  readonly timers: number
}>

export interface Breakers {
  readonly micro: ReadonlyArray<Micro>
  readonly windows: ReadonlyArray<Micro>
  readonly bytes: Bytes
  readonly heap: BreakerHeap
}

export interface Rate {
  readonly kind: string
  readonly limit: number
  readonly perSecond: number
}

/** By kind of client: what it holds for one origin, and what is alive while it has nothing to do. */
export type OriginHeap = Record<string, {
  readonly origins: number
  readonly bytes: number
  /** After calls to as many origins more, still divided by `origins`: what is bounded does not grow. */
  readonly bytesWithMore: number
  readonly timers: number
  readonly fibers: number
}>

export interface Overload {
  readonly micro: ReadonlyArray<Micro>
  readonly bytes: Bytes
  readonly pipeline: ReadonlyArray<Micro>
  readonly pipelineBytes: Bytes
  readonly rates: ReadonlyArray<Rate>
  readonly origins: OriginHeap
}

/** What a process that shares its state asks of Redis, and what Redis holds. */
export interface Sharing {
  /** Through a breaker and a budget that are shared. */
  readonly rates: ReadonlyArray<{ readonly callsPerSecond: number; readonly commandsPerSecond: number }>
  readonly bytesPerKey: Record<string, number>
}

export interface Results {
  readonly micro: ReadonlyArray<Micro>
  readonly http: ReadonlyArray<Http>
  readonly bytes: Bytes
  readonly heap: Heap
  readonly breakers: Breakers
  readonly overload: Overload
  readonly sharing: Sharing
}

/** The median of the rounds of each process; then the median of those, and the least and greatest of them. */
const overProcesses = <P>(processes: ReadonlyArray<P>, perRound: (process: P) => ReadonlyArray<number>): stats.Spread =>
  stats.spread(processes.map((process) => stats.median(perRound(process))))

export const total = (micro: ReadonlyArray<Micro>, name: string): stats.Spread =>
  overProcesses(micro, ({ rounds }) => rounds[name] ?? [])

const marginals = ({ bases, rounds }: Micro, name: string): ReadonlyArray<number> =>
  (rounds[name] ?? []).map((nanos, round) => nanos - (rounds[bases[name] ?? ""]?.[round] ?? NaN))

export const marginal = (micro: ReadonlyArray<Micro>, name: string): stats.Spread =>
  overProcesses(micro, (process) => marginals(process, name))

/** How many times the marginal cost of `of` is that of `name`, round by round. */
export const ratio = (micro: ReadonlyArray<Micro>, name: string, of: string): stats.Spread =>
  overProcesses(micro, (process) => {
    const other = marginals(process, of)
    return marginals(process, name).map((nanos, round) => nanos / (other[round] ?? NaN))
  })

/** The same for the whole cost of a call, its base included. */
export const totalRatio = (micro: ReadonlyArray<Micro>, name: string, of: string): stats.Spread =>
  overProcesses(micro, ({ rounds }) => (rounds[name] ?? []).map((nanos, round) => nanos / (rounds[of]?.[round] ?? NaN)))

export const cpu = (http: ReadonlyArray<Http>, name: string): stats.Spread =>
  overProcesses(http, ({ samples }) => (samples[name] ?? []).map(({ cpuMicros }) => cpuMicros))

const paired = (
  http: ReadonlyArray<Http>,
  name: string,
  of: string,
  f: (sample: HttpSample, other: HttpSample) => number
): stats.Spread =>
  overProcesses(http, ({ samples }) =>
    (samples[name] ?? []).flatMap((sample, round) => {
      const other = samples[of]?.[round]
      return other === undefined ? [] : [f(sample, other)]
    }))

/** CPU time added per request, in microseconds: each round against its own base. */
export const addedCpu = (http: ReadonlyArray<Http>, name: string, base: string): stats.Spread =>
  paired(http, name, base, (sample, other) => sample.cpuMicros - other.cpuMicros)

export const addedShare = (http: ReadonlyArray<Http>, name: string, base: string): stats.Spread =>
  paired(http, name, base, (sample, other) => sample.cpuMicros / other.cpuMicros - 1)

export const throughput = (http: ReadonlyArray<Http>, name: string): stats.Spread =>
  overProcesses(http, ({ samples }) => (samples[name] ?? []).map(({ wallMicros }) => 1e6 / wallMicros))

export const relativeThroughput = (http: ReadonlyArray<Http>, name: string, base: string): stats.Spread =>
  paired(http, name, base, (sample, other) => other.wallMicros / sample.wallMicros)

export const marginalBytes = ({ bases, bytes }: Bytes, name: string): number =>
  (bytes[name]?.median ?? NaN) - (bytes[bases[name] ?? ""]?.median ?? NaN)

export const quietShare = (noises: ReadonlyArray<Noise>): number => {
  const samples = noises.reduce((sum, noise) => sum + noise.samples, 0)
  return noises.reduce((sum, noise) => sum + noise.quiet, 0) / samples
}
