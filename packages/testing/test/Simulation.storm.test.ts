/**
 * The retry storm: what `ResilientHttpClient.standard` has to prevent, and what comes without it.
 *
 * Each client makes 8 calls per second at a load of 0.8. The rest of the scale does not matter but for noise and time; with
 * `SIMULATION_CLIENTS=1000` in the environment the fleet is as large as it is in the study that the goals are from, and takes
 * minutes.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Timeout from "reprise/Timeout"
// From a package that depends on this one for its own tests, so not by its name.
import * as HttpRetry from "../../http/src/HttpRetry.js"
import * as ResilientHttpClient from "../../http/src/ResilientHttpClient.js"
import * as Simulation from "../src/Simulation.js"

type Policy = Simulation.Options["policy"]

const clients = Number(process.env["SIMULATION_CLIENTS"] ?? 25)
const capacity = 10 * clients
const timeoutMillis = 10_000 + 3_000 * clients

/** Twelve seconds before the outage fill every window, of breakers and of budgets. */
const run = (policy: Policy, options: {
  readonly kind?: "stall" | "refuse"
  readonly load?: number
  readonly outage?: Duration.DurationInput
  readonly after?: Duration.DurationInput
  readonly scale?: number
} = {}) => {
  const { after = "20 seconds", kind = "stall", load = 0.8, outage = "10 seconds", scale = 1 } = options
  return Effect.map(
    Simulation.run({
      clients: Math.ceil(clients * scale),
      capacity: capacity * scale,
      load,
      duration: Duration.millis(Duration.toMillis(outage) + Duration.toMillis(after) + 12_000),
      outage: { kind, at: "12 seconds", duration: outage },
      policy,
      seed: 1
    }),
    ({ summary }) => ({ ...summary, recoverySeconds: Option.match(summary.recovery, seconds) })
  )
}

const seconds = { onNone: () => Infinity, onSome: Duration.toSeconds }

/**
 * The goals are for attempts of 1 s. With the 10 s of `standard` a stall of 10 s fails no call at load 0.8: whoever comes in
 * it is served before 10 s are over. After one of 20 s the calls succeed again 12 s after its end.
 */
const standard: Policy = (server) =>
  ResilientHttpClient.make(ResilientHttpClient.standard({ attemptTimeout: "1 second" }))(server)

const withoutRetries: Policy = HttpClient.transform((attempt) =>
  Timeout.timeoutFail(attempt, { duration: "1 second", onTimeout: () => "too slow" })
)

const threeRetries: Policy = (server) =>
  ResilientHttpClient.make({
    attemptTimeout: "1 second",
    retry: Backoff.exponential("100 millis").pipe(Backoff.fullJitter, Backoff.attempts(4), HttpRetry.whileRetryable)
  })(server)

describe("a server that was down for 10 s at a load of 0.8", { timeout: timeoutMillis }, () => {
  it.effect("has worked off its backlog when theory says, with clients that do not retry", () =>
    Effect.gen(function*() {
      const { amplification, peakQueue, recoverySeconds } = yield* run(withoutRetries, { after: "45 seconds" })
      assert.deepStrictEqual(amplification, { during: 1, after: 1 })
      // 8 s of work are there when it ends; a call succeeds again once less than 1 s of it is left; 0.2 C is to spare.
      assert.closeTo(peakQueue / capacity, 8, 0.4)
      assert.closeTo(recoverySeconds, (8 - 1) / 0.2, 3)
    }))

  it.effect("never recovers from clients that retry three times, backoff and jitter or not", () =>
    Effect.gen(function*() {
      const result = yield* run(threeRetries, { scale: 0.2 })
      assert.strictEqual(result.recoverySeconds, Infinity)
      assert.isAbove(result.amplification.during, 3)
      assert.isAbove(result.amplification.after, 3.9)
      assert.isAbove(result.peakLoad, 3)
      assert.isAbove(result.wasted / result.services, 0.5)
    }))

  it.effect("recovers at once from refused connections: there is no backlog", () =>
    Effect.gen(function*() {
      const options = { kind: "refuse", after: "5 seconds", scale: 0.4 } as const
      const { amplification, recoverySeconds } = yield* run(threeRetries, options)
      assert.isAbove(amplification.during, 3.5)
      assert.isAtMost(recoverySeconds, 1)
    }))
})

describe("ResilientHttpClient.standard", { timeout: timeoutMillis }, () => {
  it.effect("has goodput back within 10 s of the end of a stall, and does not add to it", () =>
    Effect.gen(function*() {
      const { amplification, recoverySeconds } = yield* run(standard)
      assert.isAtMost(recoverySeconds, 10)
      assert.isAtMost(amplification.during, 1.25)
      assert.isAtMost(amplification.after, 1.25)
    }))

  it.effect("has goodput back within 2 s of the end of refused connections", () =>
    Effect.gen(function*() {
      const { amplification, recoverySeconds } = yield* run(standard, { kind: "refuse" })
      assert.isAtMost(recoverySeconds, 2)
      assert.isAtMost(amplification.during, 1.25)
    }))

  for (const load of [0.5, 0.6, 0.7, 0.9]) {
    it.effect(`lets the server recover at a load of ${load}`, () =>
      Effect.gen(function*() {
        assert.isBelow((yield* run(standard, { load })).recoverySeconds, Infinity)
      }))
  }

  for (const outage of ["500 millis", "1 second", "2 seconds", "5 seconds"] as const) {
    it.effect(`lets the server recover from a stall of ${outage}`, () =>
      Effect.gen(function*() {
        assert.isBelow((yield* run(standard, { outage })).recoverySeconds, Infinity)
      }))
  }
})
