import { assert, describe, it } from "@effect/vitest"
import { Share, Tokens } from "../../../src/internal/budget/rules.js"

const share = () => new Share(0.5, 1, 10_000)
const tokens = (onSuccess = 1) => new Tokens(10, 5, 10, onSuccess)

describe("the events that a rule needs", () => {
  it("are the calls for a share", () => {
    assert.deepInclude(share(), { countsCalls: true, countsSuccesses: false })
  })

  it("are the successes for a bucket of tokens, if a success returns tokens", () => {
    assert.deepInclude(tokens(0.1), { countsCalls: false, countsSuccesses: true })
    assert.deepInclude(tokens(0), { countsCalls: false, countsSuccesses: false })
  })
})

describe("the retries that a share has left", () => {
  it("include those for calls elsewhere, without the retries that went or wait", () => {
    const rule = share()
    rule.call(0)
    rule.begin(0)
    assert.strictEqual(rule.left(0, 2, 9), 3)
  })
})

describe("the standing of a share", () => {
  it("is changed as long as a retry counts, replaceable as long as a call counts, and then new", () => {
    const rule = share()
    rule.call(0)
    assert.strictEqual(rule.standing(0), "replaceable")
    rule.begin(0)
    assert.deepStrictEqual([0, 10_000, 11_000].map((now) => rule.standing(now)), ["changed", "changed", "new"])
  })
})

describe("the standing of a bucket of tokens", () => {
  it("is changed until the bucket is full again", () => {
    const rule = tokens()
    assert.isTrue(rule.take(0, false))
    assert.strictEqual(rule.standing(), "changed")
    rule.giveBack(false)
    assert.strictEqual(rule.standing(), "new")
  })
})
