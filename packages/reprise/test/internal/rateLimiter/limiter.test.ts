import { assert, describe, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import { Limiter } from "../../../src/internal/rateLimiter/limiter.js"
import { Machine, type Waiter } from "../../../src/internal/rateLimiter/machine.js"
import { standing } from "../../../src/internal/standing.js"

/** A token each 10 ms. */
const machine = (maxQueued = 9) =>
  new Machine(
    { key: "db", limit: 1, rate: { ticksPerMilli: 2, ticksPerToken: 20, burst: 3 }, maxQueued },
    0
  )

const at = (nowMillis: number, deadlineMillis = Infinity) => ({
  nowMillis,
  deadlineMillis,
  priority: 0,
  partition: undefined,
  mayWait: true
})

describe("the policy of a rate limiter", () => {
  it("is a resource that need not receive the end of an attempt", () => {
    const limiter = new Limiter(machine())
    assert.deepInclude(limiter, { kind: "resource", holds: false, _tag: "Admit" })
    assert.strictEqual(limiter.source, limiter.machine)
  })

  it("has the standing of its machine", () => {
    const limiter = new Limiter(machine())
    assert.strictEqual(limiter[standing](0), "new")
    limiter.take(at(0))
    assert.strictEqual(limiter[standing](0), "changed")
  })

  it("takes its tokens for an attempt, and returns them if the attempt does not run", () => {
    const limiter = new Limiter(machine(), 2)
    assert.strictEqual(limiter.decide(at(0)), limiter)
    const ticket = limiter.take(at(0))
    assert.strictEqual(limiter.machine.remaining(0), 1)
    ticket.withdraw?.()
    assert.strictEqual(limiter.machine.remaining(0), 3)
  })

  it("lets a call wait that finds too few tokens, and says when a call that may not wait can come again", () => {
    const limiter = new Limiter(machine(), 2)
    limiter.take(at(0))
    const decision = limiter.decide(at(0))
    if (decision._tag !== "Wait") return assert.fail(decision._tag)
    const error = decision.refuse!()
    assert.deepStrictEqual(error.retryAfter, Option.some(Duration.millis(10)))
    // The limiter makes every turn.
    const turn = decision.enter(at(0, 50)) as Waiter
    assert.deepInclude(turn, { tokens: 2, deadlineMillis: 50 })
    assert.strictEqual(limiter.machine.waiting, 1)
    assert.strictEqual(turn.poll(10, false), limiter)
  })

  it("rejects a call that finds too few tokens and no place to wait", () => {
    const limiter = new Limiter(machine(0), 2)
    limiter.take(at(0))
    assert.strictEqual(limiter.decide(at(0))._tag, "Reject")
  })
})
