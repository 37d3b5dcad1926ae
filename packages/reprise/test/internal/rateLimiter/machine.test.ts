import { assert, describe, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import { Machine, type Settings, Waiter } from "../../../src/internal/rateLimiter/machine.js"
import type { RateLimitExceeded } from "../../../src/internal/rateLimiter/model.js"

/** A token each 10 ms. */
const settings = (options: { readonly burst?: number; readonly maxQueued?: number } = {}): Settings => ({
  key: "db",
  limit: 1,
  rate: { ticksPerMilli: 1, ticksPerToken: 10, burst: options.burst ?? 1 },
  maxQueued: options.maxQueued ?? 9
})

/** Without tokens, at the time 0. */
const empty = (options: Parameters<typeof settings>[0] = {}) => {
  const machine = new Machine(settings(options), 0)
  machine.take(0, options.burst ?? 1)
  return machine
}

/** A call that waits. It counts how often it is woken, and how many tickets it returns. */
const waiting = (machine: Machine, { deadlineMillis = Infinity, tokens = 1 } = {}) => {
  const seen = { woken: 0, withdrawn: 0 }
  const ticket = {
    withdraw: () => {
      seen.withdrawn++
    }
  }
  const turn = new Waiter(machine, ticket, tokens, deadlineMillis)
  turn.onWake = () => {
    seen.woken++
  }
  machine.enter(turn)
  return { turn, ticket, seen }
}

const retryAfter = ({ retryAfter }: RateLimitExceeded) =>
  Option.getOrUndefined(Option.map(retryAfter, Duration.toMillis))

const outcomes = (calls: ReadonlyArray<ReturnType<typeof waiting>>) =>
  calls.map(({ turn: { outcome } }) => typeof outcome === "object" ? retryAfter(outcome.error) : outcome)

describe("the standing of a rate limiter", () => {
  it("is new until it takes a token, and again as soon as all tokens have returned", () => {
    const machine = new Machine(settings(), 0)
    assert.strictEqual(machine.standing(0), "new")
    machine.take(0, 1)
    assert.deepStrictEqual([0, 9, 10].map((now) => machine.standing(now)), ["changed", "changed", "new"])
  })

  it("is busy while a call waits", () => {
    const machine = empty()
    const { turn } = waiting(machine)
    assert.strictEqual(machine.standing(100), "busy")
    turn.leave()
    assert.strictEqual(machine.standing(100), "new")
  })

  it("stays changed after a change of its options", () => {
    const machine = new Machine(settings(), 0)
    machine.reconfigure(settings(), 0)
    assert.strictEqual(machine.standing(1_000), "changed")
  })
})

describe("the state of a rate limiter", () => {
  it("shows the tokens that are left, and none while a call waits", () => {
    const machine = new Machine(settings({ burst: 3 }), 0)
    machine.take(0, 1)
    const shown = { policy: "rateLimiter", key: "db", limit: 1 }
    assert.deepStrictEqual(machine.inspect(0), { ...shown, waiting: 0, left: 2 })
    machine.take(0, 2)
    waiting(machine)
    assert.deepStrictEqual(machine.inspect(100), { ...shown, waiting: 1, left: 0 })
  })

  it("counts no time before the limiter was made", () => {
    const machine = new Machine(settings({ burst: 3 }), 100)
    machine.take(90, 1)
    assert.strictEqual(machine.missing(100, 3), 10)
  })
})

describe("a call behind others that wait", () => {
  it("waits, even if its tokens are there", () => {
    const machine = empty()
    assert.strictEqual(machine.missing(10, 1), 0)
    waiting(machine)
    assert.strictEqual(machine.missing(0, 1), 20)
    assert.strictEqual(machine.missing(100, 1), 10)
    assert.strictEqual(new Machine(settings({ burst: 3 }), 0).missing(0, 3), 0)
    const generous = empty({ burst: 3 })
    waiting(generous)
    assert.strictEqual(generous.missing(1_000, 1), 1)
  })

  it("may wait if the queue has a place and the deadline leaves time", () => {
    const machine = empty({ maxQueued: 1 })
    assert.strictEqual(machine.refuse(0, 10, 1, 11), undefined)
    const tooLate = machine.refuse(0, 10, 1, 10)
    assert.strictEqual(tooLate === undefined ? undefined : retryAfter(tooLate.error), 10)
    waiting(machine)
    assert.strictEqual(machine.refuse(0, 20, 1, Infinity)?._tag, "Reject")
    assert.strictEqual(machine.rejected, 2)
  })

  it("never waits for more tokens than the burst", () => {
    const rejection = empty().refuse(0, 20, 2, Infinity)
    assert.isTrue(Option.isNone(rejection!.error.retryAfter))
    assert.strictEqual(empty({ burst: 2 }).refuse(0, 20, 2, Infinity), undefined)
  })
})

describe("the queue of a rate limiter", () => {
  it("admits the first call at its time, and wakes the next", () => {
    const machine = empty()
    const [one, two] = [waiting(machine), waiting(machine)]
    assert.strictEqual(one.turn.poll(9, false), undefined)
    assert.strictEqual(one.turn.untilMillis, 10)
    assert.strictEqual(one.turn.poll(10, false), one.ticket)
    assert.strictEqual(two.seen.woken, 1)
    assert.strictEqual(two.turn.poll(10, false), undefined)
    assert.strictEqual(two.turn.untilMillis, 20)
    assert.strictEqual(machine.waiting, 1)
  })

  it("gives a call behind the first no time of its own", () => {
    const machine = empty()
    waiting(machine)
    const { turn } = waiting(machine)
    assert.strictEqual(turn.poll(10, false), undefined)
    assert.deepStrictEqual([turn.untilMillis, turn.outcome], [Infinity, undefined])
  })

  it("admits every call whose time has come, and wakes each once", () => {
    const machine = empty()
    const calls = [waiting(machine), waiting(machine), waiting(machine)]
    assert.strictEqual(calls[0]!.turn.poll(25, false), calls[0]!.ticket)
    assert.deepStrictEqual(outcomes(calls), ["granted", "granted", undefined])
    assert.deepStrictEqual(calls.map(({ seen }) => seen.woken), [1, 1, 1])
    assert.strictEqual(calls[1]!.turn.poll(25, false), calls[1]!.ticket)
    assert.strictEqual(machine.missing(25, 1), 15)
  })

  it("counts a call as started at its due time, if the timer is at most 50 ms late", () => {
    const due = (late: number) => {
      const machine = empty()
      const { ticket, turn } = waiting(machine)
      assert.strictEqual(turn.poll(10 + late, false), ticket)
      return 10 + late + machine.missing(10 + late, 1)
    }
    assert.deepStrictEqual([0, 4, 10, 50, 60].map(due), [20, 20, 20, 60, 70])
    const machine = empty()
    const calls = Array.from({ length: 9 }, () => waiting(machine))
    calls[0]!.turn.poll(70, false)
    assert.strictEqual(calls.filter(({ turn }) => turn.outcome === "granted").length, 6)
  })

  it("moves up when a call leaves, and wakes the first only if it is a new one", () => {
    const machine = empty()
    const [one, two, three] = [waiting(machine), waiting(machine), waiting(machine)]
    assert.strictEqual(machine.missing(0, 1), 40)
    two.turn.leave()
    assert.deepStrictEqual([one, three].map(({ seen }) => seen.woken), [0, 0])
    assert.strictEqual(machine.missing(0, 1), 30)
    one.turn.leave()
    assert.deepStrictEqual([one, three].map(({ seen }) => seen.woken), [0, 1])
    assert.strictEqual(three.turn.poll(10, false), three.ticket)
    assert.strictEqual(machine.waiting, 0)
  })

  it("stays whole when its last call leaves and another one comes", () => {
    const machine = empty()
    const [one, two] = [waiting(machine), waiting(machine)]
    two.turn.leave()
    const three = waiting(machine)
    assert.strictEqual(one.turn.poll(10, false), one.ticket)
    assert.strictEqual(three.seen.woken, 1)
    assert.strictEqual(three.turn.poll(20, false), three.ticket)
    assert.strictEqual(machine.waiting, 0)
  })

  it("is served sooner by tokens that return, if a call waits", () => {
    const machine = empty()
    machine.refund(1)
    assert.strictEqual(machine.missing(0, 1), 0)
    machine.take(0, 1)
    const { seen, ticket, turn } = waiting(machine)
    machine.refund(1)
    assert.strictEqual(seen.woken, 1)
    assert.strictEqual(turn.poll(0, false), ticket)
  })

  it("may hold calls that are not polled yet", () => {
    const machine = empty()
    const [one, two, three] = [waiting(machine), waiting(machine), waiting(machine)]
    one.turn.onWake = two.turn.onWake = three.turn.onWake = undefined
    machine.refund(1)
    one.turn.leave()
    assert.strictEqual(two.turn.poll(0, false), two.ticket)
    assert.strictEqual(three.turn.poll(9, false), undefined)
  })
})

describe("a call that waits for its time", () => {
  it("is rejected after its deadline, and leaves its place", () => {
    const machine = empty()
    const { turn } = waiting(machine)
    const next = waiting(machine)
    const answer = turn.poll(5, true)
    assert.deepInclude(answer, { _tag: "Reject" })
    assert.strictEqual(answer !== undefined && "error" in answer ? retryAfter(answer.error) : answer, 0)
    assert.deepInclude(machine, { waiting: 1, rejected: 1 })
    assert.strictEqual(next.seen.woken, 1)
  })

  it("starts at its time, also at its deadline", () => {
    const { ticket, turn } = waiting(empty())
    assert.strictEqual(turn.poll(10, true), ticket)
  })

  it("leaves its place once, also if its deadline has passed", () => {
    const machine = empty()
    const calls = [waiting(machine), waiting(machine), waiting(machine)]
    calls[0]!.turn.poll(5, true)
    for (const { turn } of [calls[0]!, calls[1]!, calls[1]!]) turn.leave()
    assert.strictEqual(machine.waiting, 1)
    assert.strictEqual(machine.missing(0, 1), 20)
    assert.strictEqual(calls[2]!.turn.poll(10, false), calls[2]!.ticket)
  })

  it("returns its tokens once, if it leaves after its time", () => {
    const machine = empty()
    const { seen, turn } = waiting(machine)
    turn.poll(10, false)
    turn.leave()
    turn.leave()
    assert.deepStrictEqual([seen.withdrawn, machine.waiting], [1, 0])
  })

  it("needs no ticket that can be returned", () => {
    const machine = empty()
    const turn = new Waiter(machine, {}, 1, Infinity)
    machine.enter(turn)
    turn.poll(10, false)
    turn.leave()
    assert.strictEqual(machine.waiting, 0)
  })

  it("leaves nothing if it has been rejected", () => {
    const machine = empty()
    const calls = [waiting(machine), waiting(machine)]
    machine.reconfigure(settings({ maxQueued: 1 }), 0)
    assert.deepStrictEqual(outcomes(calls), [undefined, 20])
    calls[1]!.turn.leave()
    assert.deepStrictEqual([calls[1]!.seen.withdrawn, machine.waiting], [0, 1])
    assert.strictEqual(machine.missing(0, 1), 20)
  })
})

describe("a rate limiter with other options", () => {
  it("keeps its key, and counts spent tokens up to the new burst", () => {
    const machine = empty({ burst: 3 })
    machine.reconfigure({ ...settings({ burst: 2 }), key: "other", limit: 7 }, 0)
    assert.deepInclude(machine.settings, { key: "db", limit: 7 })
    assert.strictEqual(machine.missing(0, 1), 10)
    machine.reconfigure(settings({ burst: 3 }), 0)
    assert.strictEqual(machine.missing(0, 1), 0)
  })

  it("converts the time of spent tokens to its new rate", () => {
    const machine = empty()
    machine.reconfigure({ ...settings(), rate: { ticksPerMilli: 2, ticksPerToken: 40, burst: 1 } }, 5)
    assert.strictEqual(machine.missing(5, 1), 20)
    assert.strictEqual(machine.missing(10, 1), 10)
  })

  it("owes nothing for tokens that have returned", () => {
    const machine = empty()
    machine.reconfigure(settings({ burst: 2 }), 100)
    assert.strictEqual(machine.missing(100, 2), 0)
  })

  it("admits first the calls that were due before", () => {
    const machine = empty()
    const calls = [waiting(machine), waiting(machine)]
    machine.reconfigure(settings({ maxQueued: 0 }), 10)
    assert.deepStrictEqual(outcomes(calls), ["granted", 10])
  })

  it("decides again about each call of the queue, in order", () => {
    const machine = empty()
    const calls = [
      waiting(machine),
      waiting(machine, { deadlineMillis: 20 }),
      waiting(machine, { tokens: 2 }),
      waiting(machine)
    ]
    machine.reconfigure({ ...settings({ burst: 2 }), key: "" }, 0)
    assert.deepStrictEqual(outcomes(calls), ["granted", undefined, undefined, undefined])
    assert.strictEqual(machine.waiting, 3)
    assert.strictEqual(machine.missing(0, 1), 50)
    assert.deepStrictEqual(calls.map(({ seen }) => seen.woken), [2, 1, 0, 0])
    machine.reconfigure(settings({ burst: 2 }), 5)
    assert.deepStrictEqual(outcomes(calls), ["granted", undefined, undefined, undefined])
  })

  it("may have a queue that is not polled yet", () => {
    const machine = empty()
    const { ticket, turn } = waiting(machine)
    turn.onWake = undefined
    machine.reconfigure(settings({ burst: 2 }), 0)
    machine.take(0, 1)
    const [one] = [waiting(machine)]
    one.turn.onWake = undefined
    machine.reconfigure(settings({ burst: 2 }), 0)
    assert.deepStrictEqual([turn.outcome, one.turn.outcome], ["granted", undefined])
    assert.strictEqual(turn.poll(0, false), ticket)
  })

  it("rejects the calls that cost more than its burst", () => {
    const machine = empty({ burst: 2 })
    const calls = [waiting(machine, { tokens: 2 }), waiting(machine)]
    machine.reconfigure(settings(), 0)
    assert.deepStrictEqual(outcomes(calls), [undefined, undefined])
    assert.isTrue(typeof calls[0]!.turn.outcome === "object")
    assert.strictEqual(calls[1]!.turn.poll(10, false), calls[1]!.ticket)
  })
})
