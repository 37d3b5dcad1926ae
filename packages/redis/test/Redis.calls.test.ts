import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { connect, echo, increment, onEachAdapter } from "./support/adapters.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"
import { back, timed } from "./support/waiting.js"

onEachAdapter("A call", (adapter) => {
  it.scopedLive("that is interrupted ends at once, and takes no answer from another", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, { url: proxy.url })
      yield* redis.run(echo, ["a"], ["a"])
      yield* proxy.delay(300)
      const calls = yield* Effect.forEach(["b", "c", "d"], (n) => Effect.fork(redis.run(echo, [n], [n])))
      yield* Effect.sleep(20)
      const { millis } = yield* timed(Fiber.interrupt(calls[1]!))
      assert.isBelow(millis, 200)
      assert.deepStrictEqual(yield* Fiber.join(calls[0]!), ["b", "b"])
      assert.deepStrictEqual(yield* Fiber.join(calls[2]!), ["d", "d"])
    }))

  it.scopedLive("keeps its time limit where it cannot be interrupted, and in the finalizer of what was", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, {
        url: proxy.url,
        commandTimeout: "100 millis",
        connectTimeout: "100 millis"
      })
      yield* proxy.blackHole
      const one = yield* timed(Effect.uninterruptible(redis.ping))
      assert.strictEqual(one.error?.reason, "timeout")
      assert.isBelow(one.millis, 1_000)
      yield* proxy.pass
      yield* back(redis)
      yield* proxy.blackHole
      let reason: string | undefined
      const release = Effect.flip(redis.run(increment, ["n"], [])).pipe(
        Effect.map((error) => {
          reason = error.reason
        }),
        Effect.ignore
      )
      const fiber = yield* Effect.fork(Effect.ensuring(Effect.never, release))
      yield* Effect.sleep(10)
      assert.isBelow((yield* timed(Fiber.interrupt(fiber))).millis, 1_000)
      assert.strictEqual(reason, "timeout")
    }))
})
