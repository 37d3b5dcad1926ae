import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { connect, increment, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { back, timed } from "./support/waiting.js"

onEachAdapter("An outage", (adapter) => {
  it.scopedLive("fails what is under way and what comes, at once, and ends with the server's return", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const server = yield* RedisServer.make()
      const redis = yield* connect(adapter, { url: server.url }, lines)
      const reasons = new Set<string>()
      const traffic = redis.run(increment, ["n"], []).pipe(
        Effect.catchAll(({ reason }) => Effect.sync(() => reasons.add(reason))),
        Effect.zipRight(Effect.sleep(1)),
        Effect.forever
      )
      const fibers = yield* Effect.replicateEffect(Effect.fork(traffic), 10)
      yield* Effect.sleep(50)
      yield* server.kill
      yield* Effect.repeat(Effect.sleep(5), { until: () => reasons.size > 0 })
      const down = yield* Effect.flip(redis.ping)
      assert.strictEqual(down.reason, "disconnected")
      assert.isBelow((yield* timed(redis.ping)).millis, 500)
      // Several attempts are made meanwhile.
      yield* Effect.sleep(300)
      yield* server.start
      assert.isBelow((yield* timed(back(redis))).millis, 2_000)
      assert.deepStrictEqual([...reasons], ["disconnected"])
      yield* Fiber.interruptAll(fibers)
      const at = `Redis at 127.0.0.1:${server.port}:`
      assert.strictEqual(lines.length, 3, lines.join("\n"))
      assert.strictEqual(lines[0], `INFO ${at} connection established`)
      assert.match(
        lines[1]!,
        new RegExp(`^WARN ${at} the connection was (closed|lost .*); no connection until it is back$`)
      )
      assert.strictEqual(lines[2], `INFO ${at} connection established`)
      // The new server does not know the script.
      assert.isAbove(yield* redis.run(increment, ["n"], []), 0)
    }))

  it.scopedLive("is met by a start that may be degraded, and ends with the server's coming", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const server = yield* RedisServer.make()
      yield* server.kill
      const redis = yield* connect(adapter, { url: server.url, startDegraded: true }, lines)
      const error = yield* Effect.flip(redis.run(increment, ["n"], []))
      assert.strictEqual(error.message, `Redis at 127.0.0.1:${server.port}: nobody listens there (ECONNREFUSED)`)
      assert.strictEqual(error.reason, "disconnected")
      yield* server.start
      yield* back(redis)
      assert.deepStrictEqual(lines.map((line) => line.split(" ")[0]), ["WARN", "INFO"])
    }))

  it.scopedLive("is what a changed password is, until it is right again", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const lines: Array<string> = []
      const password = Redacted.make("s3cret")
      yield* server.command("CONFIG", "SET", "requirepass", "changed")
      const redis = yield* connect(adapter, { url: server.url, password, startDegraded: true }, lines)
      const error = yield* Effect.flip(redis.ping)
      assert.deepStrictEqual([error.reason, error.code], ["disconnected", "WRONGPASS"])
      yield* server.kill
      yield* server.start
      yield* Effect.sleep(50)
      yield* server.command("CONFIG", "SET", "requirepass", "s3cret")
      yield* back(redis)
      assert.notInclude(lines.join(), "s3cret")
      assert.include(lines[0], "user name or password are wrong (WRONGPASS); no connection until it is back")
    }))
})
