import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Health from "reprise/Health"
import { InvalidOption } from "reprise/InvalidOption"
import * as Pipeline from "reprise/Pipeline"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"

const circuit = (key: string) =>
  Effect.map(CircuitBreaker.make({ key, trip: Tripping.consecutive(1), openFor: "10 seconds" }), (breaker) => {
    const resilient = Pipeline.make({ policies: [breaker] })
    return {
      breaker,
      succeed: Effect.ignore(resilient(Effect.void)),
      fail: Effect.ignore(resilient(Effect.fail("down")))
    }
  })

const monitored = Effect.provide(Telemetry.layerMonitor)

describe("the health of a service", () => {
  it.effect("is pass before any attempt", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(JSON.stringify(yield* Health.current()), "{\"status\":\"pass\",\"checks\":{}}")
    }).pipe(monitored))

  it.effect("is warn while a circuit is open, with the totals of the key", () =>
    Effect.gen(function*() {
      const { fail, succeed } = yield* circuit("search")
      yield* Effect.all([succeed, fail, fail, succeed])
      yield* TestClock.adjust("4 seconds")
      const { checks, status } = yield* Health.current()
      assert.strictEqual(status, "warn")
      assert.deepStrictEqual(checks["circuitBreaker:search"], [{
        status: "warn",
        componentType: "circuitBreaker",
        componentId: "search",
        state: "Open",
        millis: 4_000,
        running: 0,
        waiting: 0,
        admitted: 2,
        failed: 1,
        rejected: 2,
        downMillis: 4_000
      }])
    }).pipe(monitored))

  it.effect("is fail if a circuit that the service needs is open or isolated", () =>
    Effect.gen(function*() {
      const payments = yield* circuit("payments")
      const search = yield* circuit("search")
      yield* Effect.all([payments.succeed, search.fail])
      const statusIf = (failWhenOpen: Health.Options["failWhenOpen"]) =>
        Effect.map(Health.current({ failWhenOpen }), ({ status }) => status)
      assert.strictEqual(yield* statusIf(["payments"]), "warn")
      assert.strictEqual(yield* statusIf(["search"]), "fail")
      assert.strictEqual(yield* statusIf((key) => key.startsWith("s")), "fail")
      const { release } = yield* CircuitBreaker.isolate(payments.breaker)
      assert.strictEqual(yield* statusIf(["payments"]), "fail")
      yield* release
      assert.strictEqual(yield* statusIf(["payments"]), "warn")
    }).pipe(monitored))

  it.effect("is warn and not fail once a call may probe, because a service without traffic never probes", () =>
    Effect.gen(function*() {
      const { breaker, fail, succeed } = yield* circuit("payments")
      yield* fail
      const status = Effect.map(Health.current({ failWhenOpen: ["payments"] }), ({ status }) => status)
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* status, "fail")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      assert.strictEqual(yield* status, "warn")
      yield* succeed
      assert.strictEqual(yield* status, "pass")
    }).pipe(monitored))

  it.effect("lists breakers with the same key together, and queues with their numbers", () =>
    Effect.gen(function*() {
      const one = yield* circuit("api")
      const other = yield* circuit("api")
      const bulkhead = yield* Bulkhead.make({ key: "db", maxConcurrent: 3, maxQueued: 5 })
      yield* Effect.all([one.succeed, other.fail, Pipeline.make({ policies: [bulkhead] })(Effect.void)])
      const { checks } = yield* Health.current()
      assert.deepStrictEqual(checks["circuitBreaker:api"]?.map(({ state }) => state), ["Open", "Closed"])
      assert.deepStrictEqual(checks["bulkhead:db"], [{
        status: "pass",
        componentType: "bulkhead",
        componentId: "db",
        running: 0,
        waiting: 0,
        limit: 3
      }])
    }).pipe(monitored))

  it("is warn for a closed gate and an empty retry budget only", () => {
    const statusOf = (component: Health.Component) => Health.make([component]).status
    assert.strictEqual(statusOf({ policy: "retryAfterGate", key: "a", state: "Closed" }), "warn")
    assert.strictEqual(statusOf({ policy: "retryAfterGate", key: "a", state: "Open" }), "pass")
    assert.strictEqual(statusOf({ policy: "retryBudget", key: "a", left: 0.9 }), "warn")
    assert.strictEqual(statusOf({ policy: "retryBudget", key: "a", left: 1 }), "pass")
    assert.strictEqual(statusOf({ policy: "rateLimiter", key: "a", left: 0 }), "pass")
    for (const state of ["Open", "HalfOpen", "Isolated"]) {
      assert.strictEqual(statusOf({ policy: "circuitBreaker", key: "a", state }), "warn")
    }
    assert.strictEqual(statusOf({ policy: "circuitBreaker", key: "a", state: "Disabled" }), "pass")
  })

  it("lists the worst components first and counts the others", () => {
    const closed = Array.from({ length: 150 }, (_, n) => ({ policy: "circuitBreaker", key: `${n}`, state: "Closed" }))
    const health = Health.make([...closed, { policy: "circuitBreaker", key: "down", state: "Open" }])
    assert.strictEqual(health.status, "warn")
    assert.lengthOf(Object.keys(health.checks), 100)
    assert.property(health.checks, "circuitBreaker:down")
    assert.deepStrictEqual(health.notes, ["51 more checks are not listed"])
    assert.strictEqual(Health.make(closed, { maxChecks: 0 }).notes?.[0], "150 more checks are not listed")
    assert.throws(() => Health.make([], { maxChecks: -1 }), InvalidOption)
  })

  it("keeps a key that is the name of a property", () => {
    const { checks } = Health.make([{ policy: "__proto__", key: "", state: "Closed" }, {
      policy: "a",
      key: "__proto__"
    }])
    assert.deepStrictEqual(Object.keys(checks), ["__proto__:", "a:__proto__"])
  })
})
