// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).
import * as InvalidOption from "../../InvalidOption.js"
import type * as AdaptiveLimiter from "./model.js"

type Algorithm<S> = AdaptiveLimiter.Algorithm<S>
type Sample = AdaptiveLimiter.Sample

interface Bounds {
  readonly min: number
  readonly max: number
  readonly initial: number
}

const bounds = (options: AdaptiveLimiter.Bounds, max: number): Bounds => {
  const atMost = InvalidOption.integer("max", options.max ?? max, { min: 1 })
  const atLeast = InvalidOption.integer("min", options.min ?? 1, { min: 1, max: atMost })
  const initial = options.initial ?? Math.max(atLeast, Math.min(20, atMost))
  return {
    min: atLeast,
    max: atMost,
    initial: InvalidOption.integer("initial", initial, { min: atLeast, max: atMost })
  }
}

const within = ({ max, min }: Bounds, limit: number): number => Math.max(min, Math.min(max, limit))

/** If fewer calls run than half of the limit, their results say nothing about a higher load. */
const isIdle = (limit: number, sample: Sample): boolean => sample.inFlight * 2 < limit

/** A time says nothing if the clock stood still or jumped. */
const isTimed = ({ rttMillis }: Sample): boolean => rttMillis > 0 && rttMillis < Infinity

interface Lowered {
  readonly limit: number
  readonly floor: number
}

/** Bounds the decrease by all calls of one event together to the `least` share of the limit. */
const atOnce = (before: Lowered, { isSameEvent }: Sample, limit: number, least: number): Lowered => {
  const { floor } = before
  if (limit >= before.limit) return { limit, floor }
  return isSameEvent === true
    ? { limit: Math.max(limit, Math.min(floor, before.limit)), floor }
    : { limit, floor: before.limit * least }
}

export const aimd = (options: AdaptiveLimiter.Aimd = {}): Algorithm<number> => {
  const range = bounds(options, 200)
  const backoff = InvalidOption.number("backoff", options.backoff ?? 0.9, { min: 0.5, max: 1 - Number.EPSILON })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "5 seconds", { moreThan: 0 })
  return {
    initial: range.initial,
    at: (limit) => within(range, limit),
    next: (limit, sample) => {
      // The first call of the round trip has already changed the limit.
      if (sample.isSameEvent === true) return limit
      // 0.57 times 100 is 56.99999999999999.
      if (sample.didDrop || sample.rttMillis > timeoutMillis) {
        return within(range, Math.min(limit - 1, Math.floor(limit * backoff + 1e-9)))
      }
      return isIdle(limit, sample) ? limit : within(range, limit + 1)
    },
    limit: (limit) => limit
  }
}

/** The number of samples for which the long-term time is the plain mean. */
const warmup = 10

export const gradient2 = (options: AdaptiveLimiter.Gradient2 = {}): Algorithm<AdaptiveLimiter.Gradient2State> => {
  const range = bounds(options, 200)
  const queueSize = InvalidOption.number("queueSize", options.queueSize ?? 4, { min: 0 })
  const smoothing = InvalidOption.number("smoothing", options.smoothing ?? 0.2, { min: Number.MIN_VALUE, max: 1 })
  const tolerance = InvalidOption.number("tolerance", options.tolerance ?? 1.5, { min: 1 })
  const longWindow = InvalidOption.integer("longWindow", options.longWindow ?? 600, { min: 1 })
  const move = (limit: number, to: number) => within(range, limit * (1 - smoothing) + to * smoothing)
  const at = (limit: number) => {
    const bounded = within(range, limit)
    return { limit: bounded, floor: bounded, longRttMillis: 0, samples: 0 }
  }
  return {
    initial: at(range.initial),
    at,
    next: (state, sample) => {
      const { limit } = state
      // A rejection at once looks like a short time, and must not raise the limit.
      if (sample.didDrop) return { ...state, ...atOnce(state, sample, move(limit, limit / 2), 0.5) }
      if (!isTimed(sample)) return state
      const samples = Math.min(state.samples + 1, warmup)
      const weight = state.samples < warmup ? 1 / samples : 2 / (longWindow + 1)
      const longRttMillis = state.longRttMillis * (1 - weight) + sample.rttMillis * weight
      const ratio = longRttMillis / sample.rttMillis
      const to = isIdle(limit, sample)
        ? limit
        : move(limit, limit * Math.max(0.5, Math.min(1, tolerance * ratio)) + queueSize)
      return {
        // After a long overload, the average over it would admit every call.
        longRttMillis: ratio > 2 ? longRttMillis * 0.9 : longRttMillis,
        samples,
        ...atOnce(state, sample, to, 0.5)
      }
    },
    limit: ({ limit }) => Math.floor(limit)
  }
}

/** The fractional part of the golden ratio, whose multiples are evenly spread. */
const golden = 0.618_033_988_749_894_9

const log10 = (limit: number): number => Math.max(1, Math.floor(Math.log10(limit)))

export const vegas = (options: AdaptiveLimiter.Vegas = {}): Algorithm<AdaptiveLimiter.VegasState> => {
  const range = bounds(options, 1_000)
  const smoothing = InvalidOption.number("smoothing", options.smoothing ?? 1, { min: Number.MIN_VALUE, max: 1 })
  const probeMultiplier = InvalidOption.integer("probeMultiplier", options.probeMultiplier ?? 30, { min: 1 })
  const move = (limit: number, to: number) => within(range, limit * (1 - smoothing) + within(range, to) * smoothing)
  const at = (limit: number) => {
    const bounded = within(range, limit)
    return { limit: bounded, floor: bounded, noLoadRttMillis: Infinity, samples: 0, jitter: 0.5 }
  }
  return {
    initial: at(range.initial),
    at,
    next: (state, sample) => {
      const { floor, jitter, limit, noLoadRttMillis } = state
      const { didDrop, rttMillis } = sample
      if (didDrop) return lowered(state, sample, move(limit, limit - log10(limit)), state.samples)
      if (!isTimed(sample)) return state
      const samples = state.samples + 1
      if (samples >= probeMultiplier * limit * (0.5 + jitter / 2)) {
        return { limit, floor, noLoadRttMillis: rttMillis, samples: 0, jitter: (jitter + golden) % 1 }
      }
      if (rttMillis < noLoadRttMillis) return { limit, floor, noLoadRttMillis: rttMillis, samples, jitter }
      const queue = Math.ceil(limit * (1 - noLoadRttMillis / rttMillis))
      const to = isIdle(limit, sample) ? limit : towards(limit, queue)
      // Rounding must not change a limit that stays.
      return lowered(state, sample, to === limit ? limit : move(limit, to), samples)
    },
    limit: ({ limit }) => Math.floor(limit)
  }
}

/**
 * TCP Vegas removes a quarter for a loss. One literal, because to spread a state costs as much as the rest of a call.
 */
const lowered = (
  state: AdaptiveLimiter.VegasState,
  sample: Sample,
  to: number,
  samples: number
): AdaptiveLimiter.VegasState => {
  const { floor, limit } = atOnce(state, sample, to, 0.75)
  return { limit, floor, noLoadRttMillis: state.noLoadRttMillis, samples, jitter: state.jitter }
}

const towards = (limit: number, queue: number): number => {
  const step = log10(limit)
  if (queue <= step) return limit + 6 * step
  if (queue < 3 * step) return limit + step
  return queue > 6 * step ? limit - step : limit
}
