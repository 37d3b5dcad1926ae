import { assert, describe, it } from "@effect/vitest"
import { Gate, Group, type Waiter } from "../../../src/internal/bulkhead/machine.js"
import type { Order } from "../../../src/internal/bulkhead/waiters.js"

interface Size {
  readonly limit?: number
  readonly maxQueued?: number
  readonly queueTimeoutMillis?: number
  readonly order?: Order
  /** The share of each group. */
  readonly shares?: ReadonlyArray<number>
}

const ticket = {}

const make = ({ limit = 1, maxQueued = 1, order = "fifo", queueTimeoutMillis = Infinity, shares = [0] }: Size = {}) => {
  const gate = new Gate<string>(limit, maxQueued, queueTimeoutMillis, (_, { name }, reason) => `${name} ${reason}`)
  const groups = shares.map((share, n) => gate.add(new Group(gate, `group ${n}`, share, order, () => ticket)))
  return { gate, groups, first: groups[0]! }
}

const callOf = (priority: number) => ({
  nowMillis: 100,
  deadlineMillis: Infinity,
  priority,
  partition: undefined,
  mayWait: true
})

const running = (group: Group<string>, priority = 0): void => {
  const decision = group.decide(callOf(priority))
  assert.deepInclude(decision, { _tag: "Admit", holds: true })
  if (decision._tag === "Admit") assert.strictEqual(decision.take(callOf(priority)), ticket)
}

/** A call that must wait, and counts how often it is woken. */
const waiting = (group: Group<string>, priority = 0) => {
  const decision = group.decide(callOf(priority))
  if (decision._tag !== "Wait") return assert.fail(decision._tag)
  // The queue makes every turn.
  const turn = decision.enter(callOf(priority)) as Waiter<string>
  const seen = { turn, woken: 0 }
  turn.onWake = () => seen.woken++
  return seen
}

const rejected = (group: Group<string>, priority = 0) => {
  const decision = group.decide(callOf(priority))
  return decision._tag === "Reject" ? decision.error : assert.fail(decision._tag)
}

const outcomes = (waiters: ReadonlyArray<ReturnType<typeof waiting>>) =>
  waiters.map(({ turn: { outcome } }) => typeof outcome === "object" ? outcome.error : outcome)

describe("a gate", () => {
  it("counts the calls that run, wait and are rejected", () => {
    const { first, gate } = make()
    running(first)
    const { turn, woken } = waiting(first)
    assert.strictEqual(rejected(first), "group 0 full")
    assert.deepInclude(gate, { running: 1, queued: 1, rejected: { full: 1, timeout: 0, deadline: 0 } })
    assert.strictEqual(woken, 0)
    assert.strictEqual(turn.outcome, undefined)
  })

  it("does not look at its groups when a call ends and no call waits", () => {
    const { first, gate } = make({ limit: 2 })
    running(first)
    running(first)
    Object.defineProperty(first, "waiting", { get: () => assert.fail("looked") })
    gate.release(first)
    assert.strictEqual(gate.running, 1)
  })

  it("wakes a call once, when it grants the permit", () => {
    const { first, gate } = make()
    running(first)
    const call = waiting(first)
    gate.release(first)
    assert.strictEqual(call.woken, 1)
    assert.strictEqual(call.turn.poll(100, false), ticket)
    assert.deepInclude(gate, { running: 1, queued: 0 })
  })

  it("keeps a permit that is granted before the first poll", () => {
    const { first, gate } = make()
    running(first)
    const call = waiting(first)
    call.turn.onWake = undefined
    gate.release(first)
    assert.strictEqual(call.turn.poll(100, false), ticket)
  })

  it("serves the groups below their own share first, and then the oldest call", () => {
    const { gate, groups: [rest, own] } = make({ limit: 2, maxQueued: 9, shares: [0, 0.5] })
    running(rest!)
    running(rest!)
    running(own!)
    const calls = [waiting(rest!), waiting(own!), waiting(rest!), waiting(own!)]
    gate.release(own!)
    assert.deepStrictEqual(outcomes(calls), [undefined, "granted", undefined, undefined])
    gate.release(rest!)
    assert.deepStrictEqual(outcomes(calls), [undefined, "granted", undefined, undefined])
    gate.release(rest!)
    assert.deepStrictEqual(outcomes(calls), ["granted", "granted", undefined, undefined])
    assert.deepInclude(gate, { running: 2, queued: 2 })
  })
})

describe("a call that waits for a permit", () => {
  it("is rejected at the end of its longest wait, and not before", () => {
    const { first, gate } = make({ queueTimeoutMillis: 10 })
    running(first)
    const { turn } = waiting(first)
    assert.strictEqual(turn.untilMillis, 110)
    assert.strictEqual(turn.poll(109, false), undefined)
    assert.deepStrictEqual(turn.poll(110, false), { _tag: "Reject", error: "group 0 timeout" })
    assert.deepInclude(gate, { running: 1, queued: 0, rejected: { full: 0, timeout: 1, deadline: 0 } })
  })

  it("is rejected after its deadline, and passes a permit on", () => {
    const { first, gate } = make({ maxQueued: 2 })
    running(first)
    const [one, next] = [waiting(first), waiting(first)]
    gate.release(first)
    assert.deepStrictEqual(one.turn.poll(100, true), { _tag: "Reject", error: "group 0 deadline" })
    assert.strictEqual(next.turn.outcome, "granted")
    assert.deepInclude(gate, { running: 1, queued: 0 })
  })

  it("keeps the reason of its rejection", () => {
    const { first, gate } = make({ queueTimeoutMillis: 10 })
    running(first)
    const { turn, woken } = waiting(first)
    assert.strictEqual(woken, 0)
    gate.resize(1, 0)
    const full = { _tag: "Reject", error: "group 0 full" }
    assert.deepStrictEqual([turn.poll(200, false), turn.poll(200, true)], [full, full])
    assert.deepStrictEqual(gate.rejected, { full: 1, timeout: 0, deadline: 0 })
  })

  it("leaves its place once, whether it waits, has its permit or is rejected", () => {
    const { first, gate } = make({ maxQueued: 3 })
    const leave = ({ turn }: ReturnType<typeof waiting>) => {
      turn.leave()
      turn.leave()
      return [gate.running, gate.queued]
    }
    running(first)
    const [granted, waits, full] = [waiting(first), waiting(first), waiting(first)]
    gate.resize(1, 2)
    assert.deepStrictEqual(leave(full), [1, 2])
    assert.deepStrictEqual(leave(waits), [1, 1])
    gate.release(first)
    assert.deepStrictEqual(leave(granted), [0, 0])
  })

  it("tells a call that may not wait that its deadline comes first", () => {
    const { first, gate } = make()
    running(first)
    const decision = first.decide(callOf(0))
    assert.strictEqual(decision._tag === "Wait" ? decision.refuse?.() : decision._tag, "group 0 deadline")
    assert.deepInclude(gate, { running: 1, queued: 0, rejected: { full: 0, timeout: 0, deadline: 1 } })
  })
})

describe("a full queue", () => {
  it("takes a call with a higher priority in place of the last", () => {
    const { first } = make({ maxQueued: 2 })
    running(first)
    const calls = [waiting(first), waiting(first, 1)]
    assert.strictEqual(rejected(first), "group 0 full")
    calls.push(waiting(first, 1))
    assert.deepStrictEqual(outcomes(calls), ["group 0 full", undefined, undefined])
    assert.strictEqual(rejected(first, 1), "group 0 full")
  })

  it("takes a call of a group that waits in fewer places than its own", () => {
    const { gate, groups: [rest, own] } = make({ maxQueued: 2, shares: [0, 0.5] })
    running(rest!)
    running(own!)
    const calls = [waiting(rest!), waiting(rest!), waiting(own!)]
    assert.deepStrictEqual(outcomes(calls), [undefined, "group 0 full", undefined])
    assert.strictEqual(rejected(own!), "group 1 full")
    assert.strictEqual(rejected(rest!), "group 0 full")
    assert.strictEqual(gate.queued, 2)
  })
})

describe("a smaller queue", () => {
  it("rejects the last calls", () => {
    const { first, gate } = make({ maxQueued: 3 })
    running(first)
    const calls = [waiting(first), waiting(first), waiting(first)]
    gate.resize(1, 1)
    assert.deepStrictEqual(outcomes(calls), [undefined, "group 0 full", "group 0 full"])
    assert.deepInclude(gate, { queued: 1, maxQueued: 1 })
  })

  it("holds no more calls than it may, if every call waits in an own place of its group", () => {
    const { gate, groups: [rest, one, other] } = make({ maxQueued: 4, shares: [0, 0.5, 0.5] })
    for (const group of [rest!, one!, other!]) running(group)
    const calls = [waiting(one!), waiting(other!)]
    gate.resize(1, 1)
    assert.deepStrictEqual(outcomes(calls), ["group 1 full", undefined])
    assert.strictEqual(gate.queued, 1)
  })
})

describe("a gate with another limit", () => {
  it("serves the calls that wait at once", () => {
    const { first, gate } = make({ maxQueued: 3 })
    running(first)
    const calls = [waiting(first), waiting(first), waiting(first)]
    gate.resize(3, 3)
    assert.deepStrictEqual(outcomes(calls), ["granted", "granted", undefined])
    assert.deepInclude(gate, { limit: 3, running: 3, queued: 1 })
  })

  it("gives each group its share of the new limit and of the new queue", () => {
    const { gate, groups: [rest, own] } = make({ limit: 4, maxQueued: 8, shares: [0, 0.5] })
    const guarantees = () => [own!.guaranteed, own!.guaranteedQueued]
    assert.deepStrictEqual(guarantees(), [2, 4])
    gate.resize(6, 8)
    assert.deepStrictEqual(guarantees(), [3, 4])
    gate.resize(6, 4)
    assert.deepStrictEqual(guarantees(), [3, 2])
    assert.deepStrictEqual([rest!.guaranteed, rest!.guaranteedQueued], [0, 0])
  })
})
