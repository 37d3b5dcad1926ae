import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { Sketch } from "../src/internal/hedge/sketch.js"

const latency = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 1, max: 5_000 }),
  fc.integer({ min: 1, max: 2 ** 31 - 1 })
)
const share = fc.oneof(fc.constantFrom(0, 0.5, 0.9, 0.95, 0.99, 1), fc.double({ min: 0, max: 1, noNaN: true }))

const exact = (samples: ReadonlyArray<number>, quantile: number): number =>
  [...samples].sort((a, b) => a - b)[Math.max(Math.ceil(quantile * samples.length), 1) - 1]!

/** To within 5 %, or a millisecond where it is less than one. */
const isNear = (actual: number | undefined, samples: ReadonlyArray<number>, quantile: number) => {
  const expected = Math.max(exact(samples, quantile), 1)
  assert.isAtMost(Math.abs(actual! - expected), 0.05 * expected + 1e-6, `${actual} instead of ${expected}`)
}

/** The samples of the present window and of the one before it. */
const windows = (windowMillis: number, minimum: number) => {
  let before: Array<number> = []
  let present: Array<number> = []
  let beganMillis = Infinity
  return (millis: number, nowMillis: number): ReadonlyArray<number> => {
    beganMillis = Math.min(beganMillis, nowMillis)
    if (nowMillis - beganMillis >= windowMillis && present.length >= minimum) {
      before = present
      present = []
      beganMillis = nowMillis
    }
    present.push(millis)
    return [...before, ...present]
  }
}

describe("the quantile of a sketch", () => {
  it("is that of all samples, to within 5 %, whatever they are", () => {
    fc.assert(
      fc.property(share, fc.array(latency, { minLength: 1, maxLength: 300, size: "max" }), (quantile, samples) => {
        const sketch = new Sketch({ quantile, windowMillis: 1e9, minimum: 1 })
        samples.forEach((millis, index) => {
          sketch.record(millis, 0)
          isNear(sketch.read(), samples.slice(0, index + 1), quantile)
        })
      }),
      { numRuns: 60, seed: 5 }
    )
  })

  it("is that of the present window and the one before it, where time passes", () => {
    const sample = fc.record({ millis: latency, gapMillis: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(200)) })
    fc.assert(
      fc.property(
        share,
        fc.integer({ min: 1, max: 10 }),
        fc.array(sample, { minLength: 1, maxLength: 200, size: "max" }),
        (quantile, minimum, samples) => {
          const sketch = new Sketch({ quantile, windowMillis: 100, minimum })
          const model = windows(100, minimum)
          let now = 0
          samples.forEach(({ gapMillis, millis }, index) => {
            now += gapMillis
            sketch.record(millis, now)
            const counted = model(millis, now)
            if (index + 1 < minimum) assert.isUndefined(sketch.read())
            else isNear(sketch.read(), counted, quantile)
          })
        }
      ),
      { numRuns: 60, seed: 6 }
    )
  })

  it("is unknown until there are enough samples, and known for ever after, however rare they are", () => {
    const sketch = new Sketch({ quantile: 0.5, windowMillis: 100, minimum: 3 })
    const reads = [0, 1, 2, 1e6, 2e6, 3e6, 4e6, 5e6].map((now) => {
      sketch.record(10, now)
      return sketch.read() !== undefined
    })
    assert.deepStrictEqual(reads, [false, false, true, true, true, true, true, true])
  })

  it("forgets what is older than two windows", () => {
    const sketch = new Sketch({ quantile: 0.5, windowMillis: 100, minimum: 2 })
    for (const now of [0, 0, 0, 0, 0, 0]) sketch.record(1_000, now)
    for (const now of [100, 101]) sketch.record(10, now)
    isNear(sketch.read(), [1_000], 0.5)
    for (const now of [200, 201]) sketch.record(20, now)
    isNear(sketch.read(), [10, 10, 20, 20], 0.5)
  })

  it("is not kept from forgetting by a clock that steps back", () => {
    const sketch = new Sketch({ quantile: 0.5, windowMillis: 100, minimum: 1 })
    for (const now of [1e9, 0, 1, 2, 3]) sketch.record(1_000, now)
    for (const now of [101, 201]) sketch.record(10, now)
    isNear(sketch.read(), [10], 0.5)
  })

  it("takes what is longer than any timer as the longest, and what is no time as a millisecond", () => {
    const sketch = new Sketch({ quantile: 1, windowMillis: 1e9, minimum: 1 })
    sketch.record(0, 0)
    assert.strictEqual(sketch.read(), 1)
    sketch.record(1e300, 0)
    isNear(sketch.read(), [2 ** 31], 1)
  })
})
