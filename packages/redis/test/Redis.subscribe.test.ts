import { assert, it } from "@effect/vitest"
import { Array as Arr, Deferred, Effect, Fiber, Queue, Schedule, Stream } from "effect"
import type * as Redis from "../src/Redis.js"
import { connect, logTo, onEachAdapter } from "./support/adapters.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"
import { back } from "./support/waiting.js"

/** A subscription with what came over it, and a token for each time that it began. */
const listen = (redis: Redis.Service, channel: string) =>
  Effect.gen(function*() {
    const messages = yield* Queue.unbounded<string>()
    const begun = yield* Queue.unbounded<void>()
    const fiber = yield* redis.subscribe(channel, { onSubscribed: Effect.asVoid(Queue.offer(begun, undefined)) }).pipe(
      Stream.runForEach((message) => Queue.offer(messages, message)),
      Effect.forkScoped
    )
    return { messages, begun, fiber }
  })

/** Waits until so many others are connected. */
const clients = (server: RedisServer.RedisServer, count: number) =>
  Effect.repeat(server.clients, { schedule: Schedule.spaced("5 millis"), until: ({ length }) => length === count })

onEachAdapter("Redis.subscribe", (adapter) => {
  it.scopedLive("gives each message of its channel once and in order, to each of its streams", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connect(adapter, { url: server.url })
      const one = yield* listen(redis, "a")
      const two = yield* listen(redis, "a")
      const other = yield* listen(redis, "b\r\n\u0000ž")
      yield* Effect.all([one, two, other].map(({ begun }) => Queue.take(begun)))
      const sent = ["", "first", "\u0000\r\n žluťoučký 🐎", "x".repeat(10_240), ...Arr.makeBy(500, String)]
      const heard = yield* Effect.forEach(sent, (message) => redis.publish("a", message))
      assert.deepStrictEqual([...new Set(heard)], [2])
      assert.strictEqual(yield* redis.publish("b\r\n\u0000ž", "for b"), 1)
      assert.strictEqual(yield* redis.publish("c", "for nobody"), 0)
      for (const { messages } of [one, two]) {
        assert.deepStrictEqual(Array.from(yield* Queue.takeN(messages, sent.length)), sent)
        assert.strictEqual(yield* Queue.size(messages), 0)
      }
      assert.strictEqual(yield* Queue.take(other.messages), "for b")
    }))

  it.scopedLive("goes on after a restart of the server, twice over, and gives nothing twice", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const server = yield* RedisServer.make()
      const redis = yield* connect(adapter, { url: server.url }, lines)
      const { begun, messages } = yield* Effect.provide(listen(redis, "a"), logTo(lines))
      const round = (message: string) =>
        Effect.gen(function*() {
          yield* Queue.take(begun)
          yield* back(redis)
          assert.strictEqual(yield* redis.publish("a", message), 1)
          assert.strictEqual(yield* Queue.take(messages), message)
        })
      yield* round("one")
      for (const message of ["two", "three"]) {
        yield* server.kill
        yield* server.start
        yield* round(message)
      }
      yield* redis.publish("a", "end")
      assert.strictEqual(yield* Queue.take(messages), "end")
      assert.strictEqual(yield* Queue.size(begun), 0)
      // One for the connection and one for the subscription, at each change.
      assert.strictEqual(lines.filter((line) => line.includes("subscription established")).length, 3)
      assert.strictEqual(lines.filter((line) => line.includes("no subscription until it is back")).length, 2)
    }))

  it.scopedLive("begins when Redis comes, and has a connection for as long as the stream runs", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* server.kill
      const redis = yield* connect(adapter, { url: server.url, startDegraded: true })
      const { begun, fiber } = yield* listen(redis, "a")
      yield* server.start
      yield* Queue.take(begun)
      yield* back(redis)
      yield* clients(server, 2)
      yield* Fiber.interrupt(fiber)
      yield* clients(server, 1)
      const taken = yield* Effect.fork(Stream.runHead(redis.subscribe("a")))
      yield* Effect.repeat(redis.publish("a", "x"), { until: (listeners) => listeners === 1 })
      assert.strictEqual((yield* Fiber.join(taken))._tag, "Some")
      yield* clients(server, 1)
    }))

  it.scopedLive("ends what runs in onSubscribed with the connection, and runs it anew with the next", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const proxy = yield* Proxy.make(server.port)
      const redis = yield* connect(adapter, { url: proxy.url })
      const first = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const again = yield* Deferred.make<void>()
      let begun = 0
      const onSubscribed = Effect.suspend(() =>
        begun++ === 0 ? Deferred.succeed(first, undefined) : Deferred.succeed(again, undefined)
      )
        .pipe(
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      yield* Effect.forkScoped(Stream.runDrain(redis.subscribe("a", { onSubscribed })))
      yield* Deferred.await(first)
      yield* proxy.cut
      yield* Deferred.await(interrupted)
      yield* Deferred.await(again)
    }))

  it.scopedLive("keeps the latest messages where more come than are taken", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const redis = yield* connect(adapter, { url: server.url })
      const begun = yield* Deferred.make<void>()
      const onSubscribed = Effect.asVoid(Deferred.succeed(begun, undefined))
      const pull = yield* Stream.toPull(redis.subscribe("a", { onSubscribed }))
      yield* Effect.fork(Effect.zipRight(Deferred.await(begun), redis.publish("a", "first")))
      assert.deepStrictEqual(Array.from(yield* pull), ["first"])
      const publish = "for n = 1, 20000 do redis.call('PUBLISH', 'a', n) end"
      yield* server.command("EVAL", publish, "0")
      yield* Effect.repeat(redis.publish("a", "last"), { times: 1 })
      yield* Effect.sleep(200)
      const rest = Array.from(yield* pull)
      assert.isAtMost(rest.length, 16_384)
      assert.strictEqual(rest.at(-1), "last")
    }))
})
