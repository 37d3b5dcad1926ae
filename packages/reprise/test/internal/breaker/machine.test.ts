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
