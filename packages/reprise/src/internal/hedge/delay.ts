import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as InvalidOption from "../../InvalidOption.js"
import * as Hedge from "./model.js"
import { Sketch } from "./sketch.js"

/** @internal */
export class QuantileDelay implements Hedge.Quantile {
  readonly [Hedge.QuantileTypeId]: typeof Hedge.QuantileTypeId = Hedge.QuantileTypeId
  readonly quantile: number
  readonly minMillis: number
  readonly maxMillis: number
  readonly warmUp: number
  readonly initialMillis: number
  readonly windowMillis: number

  constructor(options: Hedge.QuantileOptions) {
    const { initial, max, min = 0, quantile, warmUp = 100, window = "1 minute" } = options
    this.quantile = InvalidOption.number("quantile", quantile, { min: 0, max: 1 })
    this.minMillis = InvalidOption.millis("min", min, { min: 0 })
    this.maxMillis = InvalidOption.millis("max", max ?? InvalidOption.maxDelayMillis, { min: this.minMillis })
    this.warmUp = InvalidOption.integer("warmUp", warmUp, { min: 1 })
    this.initialMillis = initial === undefined ? Infinity : InvalidOption.millis("initial", initial, { min: 0 })
    this.windowMillis = InvalidOption.millis("window", window, { moreThan: 0 })
  }
}

/** @internal */
export interface Delay {
  /** Infinite if there are no hedges. */
  readonly millis: () => number
  /** Learns from the first attempts. */
  readonly sketch: Sketch | undefined
}

/**
 * Checks the options at once. It makes a new sketch if there is no earlier one.
 *
 * @internal
 */
export const make = (after: Duration.DurationInput | Hedge.Quantile): (before?: Delay) => Delay => {
  if (after instanceof QuantileDelay) return (before) => learned(after, before?.sketch)
  // Every `Quantile` is made by `QuantileDelay`.
  const duration = after as Duration.DurationInput
  const isInfinite = Option.exists(
    Duration.decodeUnknown(duration),
    (duration) => Duration.toMillis(duration) === Infinity
  )
  const millis = isInfinite ? Infinity : InvalidOption.millis("after", duration, { min: 0 })
  return () => ({ millis: () => millis, sketch: undefined })
}

const learned = (
  { initialMillis, maxMillis, minMillis, quantile, warmUp, windowMillis }: QuantileDelay,
  before: Sketch | undefined
): Delay => {
  const settings = { quantile, windowMillis, minimum: warmUp }
  before?.reconfigure(settings)
  const sketch = before ?? new Sketch(settings)
  const millis = () => {
    const learned = sketch.read()
    return learned === undefined ? initialMillis : Math.min(Math.max(learned, minMillis), maxMillis)
  }
  return { millis, sketch }
}
