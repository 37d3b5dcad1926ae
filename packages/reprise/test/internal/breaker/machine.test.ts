import { assert, describe, it } from "@effect/vitest"
import * as machine from "../../../src/internal/breaker/machine.js"
import type { Config, State } from "../../../src/internal/breaker/machine.js"
import { Consecutive } from "../../../src/internal/breaker/windows.js"

const config: Config = {
  makeWindow: () => new Consecutive(1),
  probes: 1,
  successes: 1,
  tolerated: 0,
  leaseMillis: 100,
  slowerThanMillis: Infinity,
  ramp: []
}
const trip = { rule: "manual", calls: 0, failures: 0, slow: 0 }
const never = () => 0

const opened = machine.open(machine.closed(0, config, 0), 0, trip, 1_000, 50)

const admitted = (state: State, now: number) => machine.admit(state, now, config)[1]

describe("a rejection", () => {
  it("changes nothing in an open breaker, from the moment at which it opened", () => {
    for (const now of [1_000, 1_001, 1_049]) assert.strictEqual(admitted(opened, now), opened)
  })

  it("counts the open time from there where the clock shows an earlier time", () => {
    assert.deepInclude(admitted(opened, 999), { openedAtMillis: 999, untilMillis: 1_049 })
  })

  it("changes nothing in a half-open breaker whose probes are all out, up to the end of the first lease", () => {
    const probing = admitted(opened, 1_050)
    for (const now of [1_050, 1_051, 1_149]) {
      const [verdict, state] = machine.admit(probing, now, config)
      assert.deepStrictEqual(verdict, { _tag: "Full", retryAfterMillis: 1_150 - now })
      assert.strictEqual(state, probing)
    }
  })
})

describe("an open breaker", () => {
  const { generation } = opened

  it("hears no call, even one that claims to be of its own generation", () => {
    for (const permit of [{ generation, lease: 0 }, { generation, lease: 1 }]) {
      const [again, state] = machine.settle(opened, permit, "failure", 1_001, 0, config, never, 0)
      assert.strictEqual(again, undefined)
      assert.strictEqual(state, opened)
    }
  })

  it("is not opened again", () => {
    assert.strictEqual(machine.open(opened, generation, trip, 1_010, 5_000), opened)
  })
})

describe("a breaker that has recovered", () => {
  const probing = machine.halfOpen({ generation: 6, openedAtMillis: 0, untilMillis: 30, trips: 3, trip })
  const recovered = (config: Config) => machine.recovered(probing, config, 30)

  it("has no ramp where none was asked for", () => {
    assert.strictEqual(recovered(config).ramp, undefined)
  })

  it("begins at the start of its ramp, with no call saved up", () => {
    const ramp = [{ share: 0.5, millis: 10 }]
    assert.deepStrictEqual(recovered({ ...config, ramp }).ramp, { startMillis: 30, credit: 0 })
    assert.strictEqual(machine.closed(7, { ...config, ramp }, 30).ramp, undefined)
  })
})

describe("a half-open breaker with more failures than one who shares it tolerates", () => {
  const tolerant = { ...config, probes: 2, tolerated: 1 }
  const permit = (lease: number) => ({ generation: 2, lease })
  const [, one] = machine.admit(opened, 1_050, tolerant)
  const [, both] = machine.admit(one, 1_050, tolerant)
  const [, failed] = machine.settle(both, permit(1), "failure", 1_050, 0, tolerant, never, 0)

  it("is not closed by a probe of that one", () => {
    const [again, state] = machine.settle(failed, permit(2), "success", 1_050, 0, config, never, 0)
    assert.strictEqual(again, undefined)
    assert.deepInclude(state, { _tag: "HalfOpen", successes: 0, failures: 1, leases: [] })
    const [, closed] = machine.settle(failed, permit(2), "success", 1_050, 0, tolerant, never, 0)
    assert.strictEqual(closed._tag, "Closed")
  })

  it("gives no permit to that one", () => {
    const [, free] = machine.settle(failed, permit(2), "ignored", 1_050, 0, tolerant, never, 0)
    const two = { probes: 9, successes: 9 }
    assert.strictEqual(machine.admit(free, 1_050, { ...config, ...two })[0]._tag, "Full")
    assert.strictEqual(machine.admit(free, 1_050, { ...tolerant, ...two })[0]._tag, "Run")
  })
})

describe("what a closed breaker remembers of its last opening", () => {
  const last = machine.halfOpen({ generation: 6, openedAtMillis: 0, untilMillis: 30, trips: 3, trip })

  it("counts its openings in a row until it has been closed for as long as it was open", () => {
    for (const state of [machine.closing(last, config, 100), machine.recovered(last, config, 100)]) {
      assert.deepStrictEqual([99, 100, 129, 130].map((now) => machine.tripsInARow(state, now)), [3, 3, 3, 0])
      assert.deepInclude(machine.open(state, state.generation, trip, 129, 10), { trips: 4, untilMillis: 139 })
      assert.deepInclude(machine.open(state, state.generation, trip, 130, 10), { trips: 1 })
    }
  })

  it("is nothing where it was never open", () => {
    assert.strictEqual(machine.tripsInARow(machine.closed(0, config, 0), 0), 0)
  })

  it("is how long an open one was to be open, where it is closed by hand", () => {
    const state = opened._tag === "Open" ? machine.closing(opened, config, 1_010) : opened
    assert.deepInclude(state, { last: { closedAtMillis: 1_010, openMillis: 50, trips: 1 } })
  })
})
