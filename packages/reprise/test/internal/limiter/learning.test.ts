import { assert, describe, it } from "@effect/vitest"
import { learning, limitOf } from "../../../src/internal/limiter/learning.js"

describe("the limit of an adaptive limiter", () => {
  it("is rounded down, and at least 1", () => {
    assert.deepStrictEqual([-5, 0, 0.9, 1, 1.9, 2, 7.5, Infinity].map(limitOf), [1, 1, 1, 1, 1, 2, 7, Infinity])
  })

  it("is 1 if the algorithm returns no number", () => {
    assert.strictEqual(limitOf(NaN), 1)
  })
})

describe("the standing of an adaptive limiter", () => {
  const algorithm = {
    initial: { limit: 5 },
    next: () => ({ limit: 0 }),
    limit: ({ limit }: { limit: number }) => limit
  }

  /** After one sample that makes this the limit. */
  const learned = (limit: number) => {
    const learned = learning({ ...algorithm, next: () => ({ limit }) }, algorithm.initial)
    const sample = { rttMillis: 1, inFlight: 1, didDrop: false }
    assert.strictEqual(learned.learn(sample), limit)
    return learned.standing()
  }

  it("is new until it learns", () => {
    assert.strictEqual(learning(algorithm, algorithm.initial).standing(), "new")
    assert.strictEqual(learning({ ...algorithm, next: (state) => state }, algorithm.initial).standing(), "new")
  })

  it("is changed after the limit was lowered, and else replaceable", () => {
    assert.deepStrictEqual([4, 5, 6].map(learned), ["changed", "replaceable", "replaceable"])
  })
})
