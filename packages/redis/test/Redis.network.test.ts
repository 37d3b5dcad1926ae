import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect, increment, onEachAdapter } from "./support/adapters.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"
import { back, timed } from "./support/waiting.js"

onEachAdapter("A connection", (adapter) => {
  it.scopedLive("that swallows everything costs each call its time limit, and then none", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, { url: proxy.url, commandTimeout: "100 millis" })
      yield* redis.run(increment, ["n"], [])
      yield* proxy.blackHole
      const lost = yield* Effect.all(Array.from({ length: 5 }, () => timed(redis.run(increment, ["n"], []))), {
        concurrency: "unbounded"
      })
      for (const { error, millis } of lost) {
        // What is under way when the connection is given up does not wait for the rest of its time.
        assert.oneOf(error?.reason, ["timeout", "disconnected"])
        assert.isAtLeast(millis, 90)
        assert.isBelow(millis, 1_000)
      }
      const given = yield* Effect.flip(redis.ping)
      assert.include(given.message, "it did not answer for 100 ms, so the connection was closed")
      yield* proxy.pass
      yield* back(redis)
    }))

  it.scopedLive("to a server that answers nobody for a while comes back by itself", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connect(adapter, { url: server.url, commandTimeout: "100 millis" })
      yield* server.pause(400)
      assert.strictEqual((yield* Effect.flip(redis.run(increment, ["n"], []))).reason, "timeout")
      yield* back(redis)
    }))

  it.scopedLive("that is cut is made again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, { url: proxy.url })
      yield* proxy.delay(200)
      const call = yield* Effect.fork(Effect.flip(redis.run(increment, ["n"], [])))
      yield* Effect.sleep(50)
      yield* proxy.cut
      assert.strictEqual((yield* Fiber.join(call)).reason, "disconnected")
      yield* proxy.pass
      yield* back(redis)
      assert.strictEqual(proxy.accepted(), 2)
    }))

  it.scopedLive("to a primary that has become a replica is given up by whoever writes", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, { url: proxy.url })
      yield* server.command("REPLICAOF", "127.0.0.1", "1")
      const { code, reason } = yield* Effect.flip(redis.run(increment, ["n"], []))
      assert.deepStrictEqual([reason, code], ["reply", "READONLY"])
      const next = yield* Effect.flip(redis.ping)
      assert.deepStrictEqual([next.reason, next.code], ["disconnected", "READONLY"])
      yield* server.command("REPLICAOF", "NO", "ONE")
      yield* back(redis)
      assert.isAbove(proxy.accepted(), 1)
      yield* redis.run(increment, ["n"], [])
    }))
})
