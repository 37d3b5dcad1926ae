import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { program } from "../src/shared/fleet.js"

describe("the example", () => {
  it.live("shared has three processes know what one of them learns", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* program, {
        isWithinBudget: true,
        requestsWhileKeptAway: 0,
        probes: 2,
        hasWaitedBetweenProbes: true
      })
    }), 60_000)
})
