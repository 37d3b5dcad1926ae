// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** The relative width of a bucket, so that no answer differs from the exact one by more than 5 %. */
const accuracy = 0.05
const growth = (1 + accuracy) / (1 - accuracy)
const logOfGrowth = Math.log(growth)
/** Up to 2^31 ms. The first bucket has all times up to a millisecond. */
const buckets = Math.ceil(Math.log(2 ** 31) / logOfGrowth) + 1

const bucketOf = (millis: number): number =>
  Math.min(Math.ceil(Math.log(Math.max(millis, 1)) / logOfGrowth), buckets - 1)

/** The value with the same relative distance to both ends of the bucket. */
const valueOf = (bucket: number): number => bucket === 0 ? 1 : 2 * growth ** bucket / (growth + 1)

export interface Settings {
  /** From 0 to 1. */
  readonly quantile: number
  /** The least time before a new window begins. */
  readonly windowMillis: number
  /** The least number of samples in a window. */
  readonly minimum: number
}

/**
 * A quantile of recent samples in constant memory (2 kB), over the current window and the one before it. It is a
 * histogram with logarithmic buckets (DDSketch: Masson, Rim and Lee, VLDB 2019).
 *
 * P2 (Jain and Chlamtac, 1985) would use less memory, but its error has no bound and it cannot forget. A new window
 * begins with a sample, and only if the current one has enough. So it needs no timer, and after the first answer there
 * is always one.
 */
export class Sketch {
  /** The counts of both windows, and of the current one. */
  private readonly all = new Uint32Array(buckets)
  private readonly present = new Uint32Array(buckets)
  private samples = 0
  private presentSamples = 0
  private beganMillis = Infinity
  /** The bucket with the quantile, and the number of samples in the buckets before it. */
  private bucket = 0
  private before = 0

  constructor(private settings: Settings) {}

  get isEmpty(): boolean {
    return this.samples === 0
  }

  /** Changes the settings, and keeps the samples. */
  reconfigure(settings: Settings): void {
    this.settings = settings
  }

  record(millis: number, nowMillis: number): void {
    // A clock that moves backwards does not extend a window.
    this.beganMillis = Math.min(this.beganMillis, nowMillis)
    const { minimum, windowMillis } = this.settings
    if (nowMillis - this.beganMillis >= windowMillis && this.presentSamples >= minimum) this.rotate(nowMillis)
    const bucket = bucketOf(millis)
    this.all[bucket]!++
    this.present[bucket]!++
    this.samples++
    this.presentSamples++
    if (bucket < this.bucket) this.before++
  }

  /** Returns nothing until there are enough samples. */
  read(): number | undefined {
    if (this.samples < this.settings.minimum) return undefined
    this.seek()
    return valueOf(this.bucket)
  }

  private rotate(nowMillis: number): void {
    this.all.set(this.present)
    this.samples = this.presentSamples
    this.present.fill(0)
    this.presentSamples = 0
    this.beganMillis = nowMillis
    this.bucket = 0
    this.before = 0
  }

  /** A sample moves the quantile by one or two buckets that are not empty, so the search is short. */
  private seek(): void {
    const rank = Math.max(Math.ceil(this.settings.quantile * this.samples), 1)
    while (this.before >= rank) this.before -= this.all[--this.bucket]!
    while (this.before + this.all[this.bucket]! < rank) this.before += this.all[this.bucket++]!
  }
}
