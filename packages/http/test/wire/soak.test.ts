import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { soak } from "../support/soak.js"
import { onEachPlain, transports } from "../support/wire.js"

/** `pnpm soak` sets it to 20,000. */
const calls = Number(process.env["SOAK_CALLS"] ?? 300)
const isLong = calls > 10_000

onEachPlain("very many calls with faults, guards and interruptions", transports, (transport, name) => {
  it.scopedLive("leave no permit, fiber, connection or memory behind", () =>
    Effect.gen(function*() {
      const soaked = yield* soak(transport, calls, name)
      if (isLong) yield* Effect.sync(() => console.log(name, calls, JSON.stringify(soaked)))
      assert.deepInclude(soaked, { admitted: 40, connections: 0, fibers: 0 })
      // A few calls say nothing: the code itself takes more memory until it is warm.
      if (isLong) assert.isBelow(soaked.grownBytes, 2_000_000)
    }), 300_000)
})
