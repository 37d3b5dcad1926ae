import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as breakerScripts from "../src/internal/breakerScripts.js"
import * as breakerStore from "../src/internal/breakerStore.js"
import * as NodeRedis from "../src/NodeRedis.js"
import { eventually } from "./fleet/fleet.js"
import { connect } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

const settings = { prefix: "reprise", syncMillis: 20, timeoutMillis: 1_000, keepMillis: 3_600_000 }

/** Scripts for which the clock of Redis has been set: by so many milliseconds. */
const scripts = breakerScripts.make(`
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(redis.call("GET", "offset") or 0)
`)

const openMillis = 800

const setUp = Effect.gen(function*() {
  const server = yield* RedisServer.make()
  const join = Effect.gen(function*() {
    const redis = yield* connect(NodeRedis.layer, { url: server.url })
    const store = yield* breakerStore.make(redis, settings, scripts)
    const breaker = yield* SharedCircuitBreaker.make({
      key: "payments",
      trip: Tripping.consecutive(1),
      openFor: Schedule.spaced(openMillis)
    }).pipe(Effect.provide(Layer.succeed(CircuitBreakerStore, store)))
    const call = <E>(effect: Effect.Effect<string, E>) =>
      effect.pipe(
        CircuitBreaker.protect(breaker),
        Effect.catchAll(Effect.succeed),
        Effect.map((end) => typeof end === "string")
      )
    return { breaker, succeed: call(Effect.succeed("ok")), fail: call(Effect.fail("down")) }
  })
  return { server, join, set: (millis: number) => server.command("SET", "offset", String(millis)) }
})

it.scopedLive.each([-10_000, -1_000, -3_600_000, 10_000])(
  "A circuit is open for as long as it is to be, to all who heard of it, where the clock of Redis is set by %s ms",
  (offset) =>
    Effect.gen(function*() {
      const { join, set } = yield* setUp
      const all = yield* Effect.all([join, join, join])
      yield* all[0]!.fail
      const start = performance.now()
      yield* eventually(
        Effect.forEach(all, ({ breaker }) => CircuitBreaker.state(breaker)),
        (states) => states.every((state) => state === "Open")
      )
      yield* Effect.sleep("200 millis")
      yield* set(offset)
      // By then, all have looked.
      yield* Effect.sleep("200 millis")
      yield* eventually(Effect.forEach(all, ({ succeed }) => succeed), (went) => went.includes(true))
      const millis = performance.now() - start
      assert.isAtLeast(millis, openMillis - 20)
      assert.isAtMost(millis, openMillis + 500)
      yield* eventually(
        Effect.forEach(all, ({ breaker }) => CircuitBreaker.state(breaker)),
        (states) => states.every((state) => state === "Closed")
      )
    })
)

it.scopedLive("Who comes after the clock of Redis was set back waits for no longer than the whole time", () =>
  Effect.gen(function*() {
    const { join, set } = yield* setUp
    const first = yield* join
    yield* first.fail
    yield* Effect.sleep("200 millis")
    yield* set(-10_000)
    const late = yield* join
    yield* eventually(CircuitBreaker.state(late.breaker), (state) => state === "Open")
    const start = performance.now()
    yield* eventually(late.succeed, (went) => went)
    assert.isAtMost(performance.now() - start, openMillis + 500)
  }))
