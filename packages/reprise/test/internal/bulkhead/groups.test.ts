import { assert, describe, it } from "@effect/vitest"
import * as groups from "../../../src/internal/bulkhead/groups.js"

const group = (share: number, size = 0, guaranteedQueued = 0): groups.Share => ({
  share,
  guaranteed: 0,
  guaranteedQueued,
  waiting: { size }
})

describe("the own share of a group", () => {
  const part = (limit: number, share: number) => {
    const own = group(share)
    groups.guarantee([own], limit, limit)
    return own.guaranteed
  }

  it("is rounded up", () => {
    assert.deepStrictEqual([part(3, 0.5), part(4, 0.5), part(5, 0.01)], [2, 2, 1])
  })

  it("is not rounded up because of a rounding error", () => {
    assert.deepStrictEqual([part(25, 0.28), part(100, 0.29)], [7, 29])
  })

  it("is nothing without a share", () => {
    assert.strictEqual(part(10, 0), 0)
  })
})

describe("the group that borrows most", () => {
  it("is the first of the groups with the most calls beyond their own places", () => {
    const [one, two, three] = [group(0, 2, 1), group(0, 5, 3), group(0, 4, 2)]
    assert.strictEqual(groups.mostBorrowing([one, two, three]), two)
    assert.strictEqual(groups.mostBorrowing([three, one, two]), three)
  })

  it("is a group with a call that waits", () => {
    const [empty, waiting] = [group(0), group(0.5, 1, 2)]
    assert.strictEqual(groups.mostBorrowing([empty, waiting]), waiting)
  })
})

describe("the group that gives a place in the full queue", () => {
  it("is the group that borrows most", () => {
    const [own, rest] = [group(0.5, 0, 1), group(0, 1)]
    assert.strictEqual(groups.lender([rest, own], own), rest)
  })

  it("gives none to a group that waits in all of its own places", () => {
    const [own, rest] = [group(0.5, 1, 1), group(0, 1)]
    assert.strictEqual(groups.lender([rest, own], own), undefined)
  })

  it("does not exist if no group borrows", () => {
    const [own, other] = [group(0.5, 0, 1), group(0.5, 1, 1)]
    assert.strictEqual(groups.lender([other, own], own), undefined)
  })
})
