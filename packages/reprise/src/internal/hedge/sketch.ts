// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** Each bucket is this much wider than the one before it, so that no answer is further than 5 % from the exact one. */
const accuracy = 0.05
const growth = (1 + accuracy) / (1 - accuracy)
const logOfGrowth = Math.log(growth)
/** Up to 2^31 ms. The first is for all that took no longer than a millisecond. */
const buckets = Math.ceil(Math.log(2 ** 31) / logOfGrowth) + 1

const bucketOf = (millis: number): number =>
  millis > 1 ? Math.min(Math.ceil(Math.log(millis) / logOfGrowth), buckets - 1) : 0

/** As near to both ends of the bucket, relatively. */
const valueOf = (bucket: number): number => bucket === 0 ? 1 : 2 * growth ** bucket / (growth + 1)

export interface Settings {
  /** From 0 to 1. */
  readonly quantile: number
  /** After how long a new window begins, at the earliest. */
  readonly windowMillis: number
  /** How many samples a window has, at least. */
  readonly minimum: number
}

/**
 * A quantile of recent samples in constant memory (2 kB): a histogram with logarithmic buckets (DDSketch: Masson, Rim and
 * Lee, VLDB 2019), over the present window and the one before it.
 *
 * P2 (Jain and Chlamtac, 1985) would take less memory, but its error has no bound and it cannot forget. A new window begins
 * with a sample, and only where the present one holds enough: no timer is needed, and once there is an answer, there always
 * is one.
 */
export class Sketch {
  /** Of both windows, and of the present one. */
  private readonly all = new Uint32Array(buckets)
  private readonly present = new Uint32Array(buckets)
  private samples = 0
  private presentSamples = 0
  private beganMillis = Infinity
  /** The bucket with the quantile, and how many samples are in the buckets before it. */
  private bucket = 0
  private before = 0

  constructor(private settings: Settings) {}

  get isEmpty(): boolean {
    return this.samples === 0
  }

  /** What it has seen stays. */
  reconfigure(settings: Settings): void {
    this.settings = settings
    if (this.samples > 0) this.seek()
  }

  record(millis: number, nowMillis: number): void {
    // A clock that steps back makes no window longer.
    if (nowMillis < this.beganMillis) this.beganMillis = nowMillis
    const { minimum, windowMillis } = this.settings
    if (nowMillis - this.beganMillis >= windowMillis && this.presentSamples >= minimum) this.rotate(nowMillis)
    const bucket = bucketOf(millis)
    this.all[bucket]!++
    this.present[bucket]!++
    this.samples++
    this.presentSamples++
    if (bucket < this.bucket) this.before++
    this.seek()
  }

  /** Nothing until there are enough samples. */
  read(): number | undefined {
    return this.samples < this.settings.minimum ? undefined : valueOf(this.bucket)
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

  /** A sample moves the quantile by a bucket or two that are not empty: the rest of them is not looked at. */
  private seek(): void {
    const rank = Math.max(Math.ceil(this.settings.quantile * this.samples), 1)
    while (this.before >= rank) this.before -= this.all[--this.bucket]!
    while (this.before + this.all[this.bucket]! < rank) this.before += this.all[this.bucket++]!
  }
}
