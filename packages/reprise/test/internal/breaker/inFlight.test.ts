import { assert, describe, it } from "@effect/vitest"
import { InFlight } from "../../../src/internal/breaker/inFlight.js"

describe("the calls in flight", () => {
  it("are looked at from the first one on, where they are watched with other limits", () => {
    const inFlight = new InFlight([100])
    for (const start of [0, 1, 2, 3]) inFlight.add(start)
    assert.strictEqual(inFlight.overdue(100, 102), 3)
    inFlight.watch([2])
    assert.deepStrictEqual([inFlight.overdue(2, 1), inFlight.overdue(2, 4), inFlight.overdue(2, 5)], [0, 3, 4])
  })

  it("are looked at from the next one on, where there is none", () => {
    const inFlight = new InFlight([]).watch([2])
    inFlight.add(0)
    assert.deepStrictEqual([inFlight.overdue(2, 1), inFlight.overdue(2, 2)], [0, 1])
  })

  it("go on where the one that was next to become slow ends before that", () => {
    const inFlight = new InFlight([10])
    const [first, second, third] = [0, 1, 2].map((start) => inFlight.add(start))
    assert.strictEqual(inFlight.overdue(10, 10), 1)
    inFlight.remove(second!)
    assert.deepStrictEqual([inFlight.overdue(10, 11), inFlight.overdue(10, 12)], [1, 2])
    inFlight.remove(first!)
    assert.strictEqual(inFlight.overdue(10, 12), 1)
    inFlight.remove(third!)
    assert.strictEqual(inFlight.overdue(10, 12), 0)
  })
})
