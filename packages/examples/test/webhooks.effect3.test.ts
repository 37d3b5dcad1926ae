import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Webhooks from "../src/webhooks.js"

describe("the example", () => {
  it.live("webhooks delivers the event of a transaction that a process before it has committed, and marks its row", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Webhooks.program, {
        refusesSecondPayment: true,
        outbox: ["evt-1 delivered", "evt-2 failed: 410"],
        requests: 3,
        ids: ["evt-1"],
        signatures: 3
      })
    }))
})
