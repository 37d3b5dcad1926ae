import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schedule, Scope, Stream } from "effect"
import { connect, increment, onEachAdapter } from "./support/adapters.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"
import { timed, watchResources } from "./support/waiting.js"

/** Waits until the server has seen that every connection is closed. */
const abandoned = (server: RedisServer.RedisServer) =>
  Effect.repeat(server.clients, { schedule: Schedule.spaced("5 millis"), until: ({ length }) => length === 0 })

onEachAdapter("The end of the scope", (adapter) => {
  it.scopedLive("closes the connections and stops the timers", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const closed = yield* watchResources
      const scope = yield* Scope.make()
      const redis = yield* connect(adapter, { url: server.url }).pipe(Scope.extend(scope))
      const begun = yield* Deferred.make<void>()
      const onSubscribed = Effect.asVoid(Deferred.succeed(begun, undefined))
      const stream = yield* Effect.fork(Stream.runDrain(redis.subscribe("a", { onSubscribed })))
      yield* Deferred.await(begun)
      yield* redis.run(increment, ["n"], [])
      assert.strictEqual((yield* server.clients).length, 2)
      yield* Fiber.interrupt(stream)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* closed, [])
      yield* abandoned(server)
      const { error, millis } = yield* timed(redis.ping)
      assert.isBelow(millis, 200)
      assert.include(String(error?.message), "its layer has been closed")
    }))

  it.scopedLive("ends what is under way, and the attempts to connect", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const scope = yield* Scope.make()
      const redis = yield* connect(adapter, { url: proxy.url }).pipe(Scope.extend(scope))
      yield* proxy.blackHole
      const call = yield* Effect.fork(Effect.flip(redis.run(increment, ["n"], [])))
      yield* Effect.sleep(20)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(call)).reason, "disconnected")
      yield* proxy.cut
      yield* server.kill
      const closed = yield* watchResources
      const waiting = yield* Scope.make()
      yield* connect(adapter, { url: server.url, startDegraded: true }).pipe(Scope.extend(waiting))
      yield* Effect.sleep(100)
      yield* Scope.close(waiting, Exit.void)
      assert.deepStrictEqual(yield* closed, [])
    }))

  it.scopedLive("comes in any moment of a start that is interrupted", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      yield* Effect.scoped(connect(adapter, { url: server.url }))
      const closed = yield* watchResources
      const interruptAfter = (url: string, millis: number) =>
        Effect.scoped(connect(adapter, { url })).pipe(Effect.zipRight(Effect.never), Effect.timeoutOption(millis))
      for (let millis = 0; millis < 12; millis++) yield* interruptAfter(server.url, millis)
      assert.deepStrictEqual(yield* closed, [])
      yield* abandoned(server)
      // TCP connected, no answer; and in the middle of what begins TLS.
      yield* proxy.blackHole
      const silent = [proxy.url, proxy.url.replace("redis", "rediss")]
      for (const url of silent) {
        yield* interruptAfter(url, 50)
        yield* Effect.repeat(Effect.sleep(2), { until: () => proxy.open() === 0 })
      }
      assert.isAbove(proxy.accepted(), 0)
    }))
})
